package bus

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"faasd/internal/role"
)

// inbound collects what a rig receives.
func (r *rig) inbound() <-chan role.Packet {
	c := make(chan role.Packet, 4096)
	r.m.onReceive = func(_ role.Time, p role.Packet) { c <- p }
	return c
}

func (r *rig) awaitPacket(c <-chan role.Packet, what string) role.Packet {
	r.t.Helper()
	return await(r.t, c, what)
}

// wantFrames checks a packet's frames against strings.
func wantFrames(t *testing.T, p role.Packet, want ...string) {
	t.Helper()
	got := make([]string, len(p.Frames))
	for i, f := range p.Frames {
		got[i] = string(f)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got frames %q, want %q", got, want)
	}
}

func texts(frames ...string) [][]byte {
	all := make([][]byte, len(frames))
	for i, f := range frames {
		all[i] = []byte(f)
	}
	return all
}

// onTransports runs a test over each transport.
func onTransports(t *testing.T, test func(t *testing.T, endpoint string)) {
	for _, transport := range []string{"inproc", "ipc", "tcp"} {
		t.Run(transport, func(t *testing.T) { test(t, endpoints(t)[transport]) })
	}
}

func TestPushReachesPullWithFramesIntact(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		pull := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
		addr := pull.bind(linkIn, endpoint)
		packets := pull.inbound()
		pull.start()
		push := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
		push.do(func() { push.m.dial(linkOut, "broker", addr) })
		push.until("connected", push.connected(linkOut, "broker"))

		big := bytes.Repeat([]byte("x"), 1<<20)
		push.do(func() {
			push.m.send(linkOut, "broker", texts("a", "", "c")...)
			push.m.send(linkOut, "broker", big)
			push.m.send(linkOut, "nobody", big)
		})
		p := pull.awaitPacket(packets, "the first packet")
		wantFrames(t, p, "a", "", "c")
		if p.Link != linkIn || p.Peer != "" {
			t.Errorf("arrived as link %d, peer %q", p.Link, p.Peer)
		}
		if p = pull.awaitPacket(packets, "the big packet"); !bytes.Equal(p.Frames[0], big) {
			t.Error("a body of 1 MiB arrived changed")
		}
		pull.do(func() {}) // the counters of the batch are in place
		sent, received := push.Stats()[0], pull.Stats()[0]
		if sent.SentMessages != 2 || sent.SentBytes != 2+1<<20 || sent.DroppedSends != 1 {
			t.Errorf("sender's counters: %+v", sent)
		}
		if received.ReceivedMessages != 2 || received.ReceivedBytes != 2+1<<20 {
			t.Errorf("receiver's counters: %+v", received)
		}
	})
}

func TestOneSocketBindsSeveralEndpoints(t *testing.T) {
	ctx := newContext(t)
	pull := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
	var addrs []string
	for _, endpoint := range endpoints(t) {
		addrs = append(addrs, pull.bind(linkIn, endpoint))
	}
	packets := pull.inbound()
	pull.start()
	push := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
	for _, addr := range addrs {
		push.do(func() { push.m.dial(linkOut, addr, addr) })
		push.until("connected to "+addr, push.connected(linkOut, addr))
		push.do(func() { push.m.send(linkOut, addr, []byte(addr)) })
		wantFrames(t, pull.awaitPacket(packets, "a packet through "+addr), addr)
	}
}

func TestPublisherSeesEverySubscriptionAndLoss(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		pub := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Pub}})
		addr := pub.bind(linkOut, endpoint)
		subscriptions := pub.inbound()
		pub.start()

		sub := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Sub}})
		packets := sub.inbound()
		sub.start()
		for _, peer := range []string{"one", "two"} { // the same topic twice: both are seen
			sub.do(func() {
				sub.m.dial(linkIn, peer, addr)
				sub.m.subscribe(linkIn, peer, "queueA/")
			})
			wantFrames(t, pub.awaitPacket(subscriptions, "a subscription"), "\x01queueA/")
		}
		pub.do(func() {
			pub.m.send(linkOut, "", texts("queueB/", "not for you")...)
			pub.m.send(linkOut, "", texts("queueA/", "job")...)
		})
		peers := ""
		for range 2 {
			p := sub.awaitPacket(packets, "a publication")
			wantFrames(t, p, "queueA/", "job")
			peers += p.Peer
		}
		if peers != "onetwo" && peers != "twoone" {
			t.Errorf("publications came from %q", peers)
		}

		sub.do(func() { sub.m.hangup(linkIn, "one") })
		wantFrames(t, pub.awaitPacket(subscriptions, "the loss of a subscriber"), "\x00queueA/")
		sub.do(func() {
			sub.m.ask(role.Effect{
				Op: role.OpUnsubscribe, Packet: role.Packet{Link: linkIn, Peer: "two"}, Topic: "queueA/",
			})
		})
		wantFrames(t, pub.awaitPacket(subscriptions, "the end of a subscription"), "\x00queueA/")
	})
}

// A coordinator's proxy: publishers connect to its XSUB, subscribers to its
// XPUB, and the machine passes packets and subscriptions between the two.
func TestProxyPassesSubscriptionsUpstream(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		proxy := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: XSub}, linkOut: {Kind: XPub}})
		upstream := proxy.bind(linkIn, endpoint)
		downstream := proxy.bind(linkOut, endpoints(t)["tcp"])
		proxy.m.onReceive = func(_ role.Time, p role.Packet) {
			to := linkOut
			if p.Link == linkOut {
				to = linkIn
			}
			proxy.m.send(to, "", p.Frames...)
		}
		proxy.start()

		pub := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Pub}})
		seen := pub.inbound()
		pub.start()
		pub.do(func() { pub.m.dial(linkOut, "proxy", upstream) })

		sub := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Sub}})
		packets := sub.inbound()
		sub.start()
		sub.do(func() {
			sub.m.dial(linkIn, "proxy", downstream)
			sub.m.subscribe(linkIn, "proxy", "state/")
		})
		wantFrames(t, pub.awaitPacket(seen, "the subscription"), "\x01state/")
		pub.do(func() { pub.m.send(linkOut, "proxy", texts("state/queueA", "idle")...) })
		wantFrames(t, sub.awaitPacket(packets, "the state"), "state/queueA", "idle")

		sub.stop()
		wantFrames(t, pub.awaitPacket(seen, "the end of the subscription"), "\x00state/")
	})
}

func TestRequestIsAnsweredByRouter(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		router := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router}})
		addr := router.bind(linkIn, endpoint)
		router.m.onReceive = func(_ role.Time, p role.Packet) {
			if len(p.Frames) == 2 && len(p.Frames[0]) == 0 && p.Peer != "" {
				router.m.send(linkIn, p.Peer, []byte{}, append([]byte("re: "), p.Frames[1]...))
			}
		}
		router.start()
		req := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Req}})
		replies := req.inbound()
		req.start()
		// The request is sent before the connection is up: REQ keeps it.
		req.do(func() {
			req.m.dial(linkOut, "broker", addr)
			req.m.send(linkOut, "broker", []byte("which queue?"))
		})
		for _, want := range []string{"re: which queue?", "re: and now?"} {
			p := req.awaitPacket(replies, "the reply")
			wantFrames(t, p, want)
			if p.Peer != "broker" {
				t.Errorf("the reply came from %q", p.Peer)
			}
			req.do(func() { req.m.send(linkOut, "broker", []byte("and now?")) })
		}
		// One socket per try: a new one may ask although the old awaits a reply.
		req.do(func() {
			req.m.dial(linkOut, "broker", addr)
			req.m.send(linkOut, "broker", []byte("again"))
		})
		for p := req.awaitPacket(replies, "the reply"); string(p.Frames[0]) != "re: again"; {
			p = req.awaitPacket(replies, "the reply to the new socket")
		}
	})
}

func TestDealerAndRouterSpeakFreely(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		router := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router}})
		addr := router.bind(linkIn, endpoint)
		hellos := router.inbound()
		router.start()
		dealer := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Dealer}})
		packets := dealer.inbound()
		dealer.start()
		peers := make(map[string]string) // routing id → key
		for _, key := range []string{"q1", "q2"} {
			dealer.do(func() {
				dealer.m.dial(linkOut, key, addr)
				dealer.m.send(linkOut, key, []byte("ready"), []byte(key))
			})
			p := router.awaitPacket(hellos, "the dealer's hello")
			wantFrames(t, p, "ready", key)
			peers[p.Peer] = key
		}
		if len(peers) != 2 {
			t.Fatalf("two sockets have %d routing ids", len(peers))
		}
		router.do(func() {
			for id, key := range peers {
				for n := range 3 {
					router.m.send(linkIn, id, fmt.Appendf(nil, "%s %d", key, n))
				}
			}
		})
		next := map[string]int{}
		for range 6 {
			p := dealer.awaitPacket(packets, "a job")
			wantFrames(t, p, fmt.Sprintf("%s %d", p.Peer, next[p.Peer]))
			next[p.Peer]++
		}
	})
}

func TestRouterReturnsPacketsForAPeerThatIsGone(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		router := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router}})
		addr := router.bind(linkIn, endpoint)
		hellos := router.inbound()
		returned := make(chan role.Packet, 1024)
		router.m.onUnreachable = func(p role.Packet) {
			select {
			case returned <- p:
			default: // a machine may not wait
			}
			// The worst that a machine can do is to try again at once.
			if string(p.Frames[0]) == "stubborn" {
				router.m.send(p.Link, p.Peer, p.Frames...)
			}
		}
		router.start()
		dealer := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Dealer}}).start()
		dealer.do(func() {
			dealer.m.dial(linkOut, "", addr)
			dealer.m.send(linkOut, "", []byte("hello"))
		})
		peer := router.awaitPacket(hellos, "hello").Peer
		dealer.stop()

		died := time.Now()
		var p role.Packet
		for gone := false; !gone; {
			router.do(func() { router.m.send(linkIn, peer, []byte("job"), []byte("body")) })
			select {
			case p = <-returned:
				gone = true
			case <-time.After(time.Millisecond):
				if time.Since(died) > patience {
					t.Fatal("a dead peer is never found out")
				}
			}
		}
		if took := time.Since(died); took > time.Second {
			t.Errorf("it took %v to find out that the peer is gone", took)
		}
		wantFrames(t, p, "job", "body")
		if p.Link != linkIn || p.Peer != peer {
			t.Errorf("returned as link %d, peer %q", p.Link, p.Peer)
		}
		if n := router.Stats()[0].Unreachable; n == 0 {
			t.Error("the packet is not counted")
		}

		// A peer that never was, and a machine that does not give up, hold up
		// nobody else.
		router.do(func() { router.m.send(linkIn, "\x00none", []byte("stubborn")) })
		for range 100 {
			await(t, returned, "the packet to be returned")
		}
		router.do(func() { router.m.onUnreachable = nil })
	})
}
