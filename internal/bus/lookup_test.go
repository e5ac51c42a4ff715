package bus

import (
	"net"
	"strings"
	"testing"

	"faasd/internal/resolve/resolvetest"
	"faasd/internal/role"
)

// pullAt starts a host that pulls at an address and port; port 0 picks one,
// which it returns.
func pullAt(t *testing.T, ctx *Context, addr, port string) (r *rig, packets <-chan role.Packet, bound string) {
	t.Helper()
	r = newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
	_, bound, err := net.SplitHostPort(strings.TrimPrefix(r.bind(linkIn, "tcp://"+net.JoinHostPort(addr, port)), "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	packets = r.inbound()
	return r.start(), packets, bound
}

func TestAHostIsFollowedToItsNextAddress(t *testing.T) {
	dns := resolvetest.NewServer(t)
	ctx := newContext(t)
	ctx.Resolver = dns.Resolver()
	first, atFirst, port := pullAt(t, ctx, "127.0.0.2", "0")
	_, atSecond, _ := pullAt(t, ctx, "127.0.0.3", port)
	push := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
	push.do(func() { push.m.dial(linkOut, "", "tcp://part.test:"+port) })
	asked := dns.Asked("part.test")
	push.until("it is asked for the name, in vain", func() bool { return dns.Asked("part.test") > asked+4 })

	dns.Set("part.test", "127.0.0.2")
	push.until("connected", push.connected(linkOut, ""))
	push.do(func() { push.m.send(linkOut, "", []byte("one")) })
	wantFrames(t, push.awaitPacket(atFirst, "a packet"), "one")

	// More addresses, and answers that leave out half, change nothing.
	for _, addrs := range [][]string{{"127.0.0.2", "127.0.0.1", "::1"}, {"::1"}, {}} {
		dns.Set("part.test", addrs...)
		asked := dns.Asked("part.test")
		push.until("it is asked again", func() bool { return dns.Asked("part.test") > asked+4 })
		push.do(func() { push.m.send(linkOut, "", []byte("still")) })
		wantFrames(t, push.awaitPacket(atFirst, "a packet"), "still")
	}

	dns.Set("part.test", "127.0.0.3")
	for arrived := false; !arrived; {
		push.do(func() { push.m.send(linkOut, "", []byte("two")) })
		select {
		case p := <-atSecond:
			wantFrames(t, p, "two")
			arrived = true
		case <-atFirst:
		default:
		}
		if t.Failed() {
			return
		}
	}
	first.stop()
	push.do(func() { push.m.send(linkOut, "", []byte("three")) })
	for got := ""; got != "three"; { // behind what else has gone to both
		got = string(push.awaitPacket(atSecond, "a packet").Frames[0])
	}
}

// libzmq would wait for DNS in its only I/O thread.
func TestNoConnectionWaitsForANameThatCannotBeLookedUp(t *testing.T) {
	dns := resolvetest.NewServer(t)
	ctx := newContext(t)
	ctx.Resolver = dns.Resolver()
	dns.Stop()
	_, packets, port := pullAt(t, ctx, "127.0.0.1", "0")
	push := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
	push.do(func() {
		for _, peer := range []string{"a", "b", "c"} {
			push.m.dial(linkOut, peer, "tcp://"+peer+".test:"+port)
		}
		push.m.dial(linkOut, "", "tcp://127.0.0.1:"+port)
	})
	push.until("connected", push.connected(linkOut, ""))
	push.do(func() {
		push.m.hangup(linkOut, "a")
		push.m.send(linkOut, "", []byte("here"))
	})
	wantFrames(t, push.awaitPacket(packets, "a packet"), "here")
}
