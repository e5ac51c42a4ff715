package bus

import (
	"fmt"
	"strings"
	"testing"

	"faasd/internal/role"
)

func inproc(t *testing.T) string { return "inproc://" + strings.ReplaceAll(t.Name(), "/", "-") }

func TestAnInprocPullThatComesBackIsFoundByPush(t *testing.T) {
	ctx := newContext(t)
	push := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
	for life := range 4 {
		pull := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
		pull.bind(linkIn, inproc(t))
		packets := pull.inbound()
		pull.start()
		if life == 0 {
			push.do(func() { push.m.dial(linkOut, "", inproc(t)) })
		}
		push.until("connected", push.connected(linkOut, ""))
		push.do(func() { push.m.send(linkOut, "", fmt.Appendf(nil, "life %d", life)) })
		wantFrames(t, pull.awaitPacket(packets, "a packet"), fmt.Sprintf("life %d", life))
		pull.stop()
		push.until("the loss is noticed", func() bool { return !push.connected(linkOut, "")() })
	}
}

// publisher binds an XPUB, runs it, and returns what is subscribed to at it.
func publisher(t *testing.T, ctx *Context) (r *rig, subscriptions <-chan role.Packet) {
	t.Helper()
	r = newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: XPub}})
	r.bind(linkOut, inproc(t))
	subscriptions = r.inbound()
	return r.start(), subscriptions
}

func TestAnInprocPublisherThatComesBackHasItsSubscribersAndTheirTopics(t *testing.T) {
	ctx := newContext(t)
	pub, subscriptions := publisher(t, ctx)
	sub := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Sub}})
	packets := sub.inbound()
	sub.start()
	sub.do(func() {
		sub.m.dial(linkIn, "one", inproc(t))
		sub.m.subscribe(linkIn, "one", "a/")
		sub.m.subscribe(linkIn, "one", "b/")
	})
	for life := range 3 {
		if life > 0 {
			pub.stop()
			pub, subscriptions = publisher(t, ctx)
		}
		topics := make(map[string]bool)
		for range 2 {
			topics[string(pub.awaitPacket(subscriptions, "a subscription").Frames[0])] = true
		}
		if !topics["\x01a/"] || !topics["\x01b/"] {
			t.Fatalf("subscribed to %v", topics)
		}
		pub.do(func() {
			pub.m.send(linkOut, "", texts("c/", "not for you")...)
			for _, topic := range []string{"a/", "b/"} {
				pub.m.send(linkOut, "", texts(topic, fmt.Sprint(life))...)
			}
		})
		wantFrames(t, sub.awaitPacket(packets, "what is published"), "a/", fmt.Sprint(life))
		wantFrames(t, sub.awaitPacket(packets, "what is published"), "b/", fmt.Sprint(life))
		nothing(t, subscriptions)
	}
	nothing(t, packets)
}

// Whoever dials while nobody is bound is connected by the bind itself; being
// connected once more would bring everything twice.
func TestWhoDialsWhileTheInprocEndpointIsGoneIsConnectedOnce(t *testing.T) {
	ctx := newContext(t)
	first, _ := publisher(t, ctx)
	first.stop()
	sub := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Sub}})
	packets := sub.inbound()
	sub.start()
	sub.do(func() {
		sub.m.dial(linkIn, "one", inproc(t))
		sub.m.subscribe(linkIn, "one", "a/")
	})
	pub, subscriptions := publisher(t, ctx)
	sub.do(func() {}) // what the bind has asked for is done
	wantFrames(t, pub.awaitPacket(subscriptions, "the subscription"), "\x01a/")
	for n := range 3 {
		pub.do(func() { pub.m.send(linkOut, "", texts("a/", fmt.Sprint(n))...) })
		wantFrames(t, sub.awaitPacket(packets, "what is published"), "a/", fmt.Sprint(n))
	}
	nothing(t, subscriptions)
}

func TestAnInprocRouterThatComesBackIsFoundByDealerAndReq(t *testing.T) {
	ctx := newContext(t)
	answering := func() *rig {
		r := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router}})
		r.m.onReceive = func(_ role.Time, p role.Packet) { r.m.send(linkIn, p.Peer, p.Frames...) }
		r.bind(linkIn, inproc(t))
		return r.start()
	}
	router := answering()
	peers := map[role.Link]string{linkOut: "d", linkAux: "r"}
	dealer := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Dealer}, linkAux: {Kind: Req}})
	answers := dealer.inbound()
	dealer.start()
	dealer.do(func() {
		dealer.m.dial(linkOut, "d", inproc(t))
		dealer.m.dial(linkAux, "r", inproc(t))
	})
	for life := range 3 {
		if life > 0 {
			router.stop()
			for _, link := range []role.Link{linkOut, linkAux} {
				dealer.until("the loss is noticed", func() bool { return !dealer.connected(link, peers[link])() })
			}
			router = answering()
		}
		for _, link := range []role.Link{linkOut, linkAux} {
			peer := peers[link]
			dealer.until("connected", dealer.connected(link, peer))
			dealer.do(func() { dealer.m.send(link, peer, fmt.Append(nil, "life ", life)) })
			p := dealer.awaitPacket(answers, "the answer")
			wantFrames(t, p, fmt.Sprint("life ", life))
			if p.Link != link || p.Peer != peer {
				t.Errorf("answered by %d, %q", p.Link, p.Peer)
			}
		}
	}
	nothing(t, answers)
}

func TestWhoHasHungUpIsNotConnectedAgain(t *testing.T) {
	ctx := newContext(t)
	pub, subscriptions := publisher(t, ctx)
	sub := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Sub}}).start()
	sub.do(func() {
		sub.m.dial(linkIn, "one", inproc(t))
		sub.m.subscribe(linkIn, "one", "a/")
	})
	pub.awaitPacket(subscriptions, "a subscription")
	sub.do(func() { sub.m.hangup(linkIn, "one") })
	pub.stop()
	pub, subscriptions = publisher(t, ctx)
	sub.do(func() {})
	pub.do(func() {})
	nothing(t, subscriptions)
}
