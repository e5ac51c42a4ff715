package bus

import (
	"fmt"
	"testing"
	"time"

	"faasd/internal/role"
)

// nothing fails if a packet is there.
func nothing(t *testing.T, packets <-chan role.Packet) {
	t.Helper()
	select {
	case p := <-packets:
		t.Errorf("received %q", p.Frames)
	default:
	}
}

func TestAPeerMayBeDialledBeforeItExists(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		// Learn a free port, by binding it for a moment.
		if scout := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}}); true {
			endpoint = scout.bind(linkIn, endpoint)
			scout.Close()
		}
		push := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
		push.do(func() {
			push.m.dial(linkOut, "", endpoint)
			push.m.send(linkOut, "", []byte("too early"))
		})
		pull := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
		pull.rebind(linkIn, endpoint)
		packets := pull.inbound()
		pull.start()
		since := time.Now()
		push.until("connected", push.connected(linkOut, ""))
		if took := time.Since(since); took > 2*time.Second {
			t.Errorf("it took %v to find the peer", took)
		}
		push.do(func() { push.m.send(linkOut, "", []byte("now")) })
		p := pull.awaitPacket(packets, "a packet")
		if endpoint[:3] != "inp" { // there, libzmq keeps what is sent before the bind
			wantFrames(t, p, "now")
		}
	})
}

func TestARestartedPeerIsFoundAgain(t *testing.T) {
	for _, transport := range []string{"ipc", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			ctx := newContext(t)
			push := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
			endpoint := endpoints(t)[transport]
			for life := range 3 {
				pull := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
				endpoint = pull.rebind(linkIn, endpoint)
				packets := pull.inbound()
				pull.start()
				since := time.Now()
				if life == 0 {
					push.do(func() { push.m.dial(linkOut, "", endpoint) })
				}
				push.until("connected", push.connected(linkOut, ""))
				if took := time.Since(since); took > 2*time.Second {
					t.Errorf("it took %v to find the peer again", took)
				}
				push.do(func() { push.m.send(linkOut, "", fmt.Appendf(nil, "life %d", life)) })
				wantFrames(t, pull.awaitPacket(packets, "a packet"), fmt.Sprintf("life %d", life))
				pull.stop()
				push.until("the loss is noticed", func() bool { return !push.connected(linkOut, "")() })
				dropped := push.Stats()[0].DroppedSends
				push.do(func() { push.m.send(linkOut, "", []byte("into the void")) })
				if now := push.Stats()[0].DroppedSends; now != dropped+1 {
					t.Errorf("a packet without a connection was kept: dropped %d, want %d", now, dropped+1)
				}
			}
		})
	}
}

func TestDiallingAgainReplacesTheSocket(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		router := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router}})
		addr := router.bind(linkIn, endpoint)
		hellos := router.inbound()
		router.start()
		dealer := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Dealer}}).start()
		seen := map[string]bool{}
		for life := range 5 {
			dealer.do(func() {
				dealer.m.dial(linkOut, "queue", addr)
				dealer.m.send(linkOut, "queue", fmt.Append(nil, life))
			})
			p := router.awaitPacket(hellos, "hello")
			wantFrames(t, p, fmt.Sprint(life))
			if seen[p.Peer] {
				t.Errorf("routing id %q came twice", p.Peer)
			}
			seen[p.Peer] = true
		}
		dealer.do(func() {
			if len(dealer.sockets) != 1 {
				t.Errorf("%d sockets are open, want 1", len(dealer.sockets))
			}
			dealer.m.hangup(linkOut, "queue")
			dealer.m.hangup(linkOut, "queue")
			dealer.m.send(linkOut, "queue", []byte("after the hang-up"))
		})
		dealer.do(func() {
			if len(dealer.sockets) != 0 || len(dealer.dialled) != 0 {
				t.Error("the socket survived the hang-up")
			}
		})
		if n := dealer.Stats()[0].DroppedSends; n != 1 {
			t.Errorf("dropped %d sends, want 1", n)
		}
		nothing(t, hellos)
	})
}

func TestEffectsThatCannotBeCarriedOutHarmNobody(t *testing.T) {
	ctx := newContext(t)
	r := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}, linkOut: {Kind: Req}})
	addr := r.bind(linkIn, "tcp://127.0.0.1:0")
	packets := r.inbound()
	r.start()
	r.do(func() {
		r.m.dial(linkOut, "bad", "nonsense")
		r.m.dial(linkOut, "bad", "tcp://127.0.0.1:notaport")
		r.m.dial(linkIn, "bound", addr)
		r.m.dial(200, "no such link", addr)
		r.m.send(200, "", []byte("x"))
		r.m.subscribe(linkOut, "not dialled", "topic")
		r.m.send(linkIn, "", []byte("PULL does not send"))
		r.m.send(linkIn, "")
		r.m.ask(role.Effect{Op: 99, Packet: role.Packet{Link: linkIn}})
		r.m.dial(linkOut, "slow", addr)
		r.m.send(linkOut, "slow", []byte("one"))
		r.m.send(linkOut, "slow", []byte("two")) // a REQ awaits its reply first
	})
	r.do(func() {
		if len(r.dialled) != 1 {
			t.Errorf("%d sockets are dialled, want 1", len(r.dialled))
		}
	})
	nothing(t, packets)
}
