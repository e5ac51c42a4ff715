package bus

import (
	"sync/atomic"
	"testing"

	"faasd/internal/role"
)

// crashing makes a host, not running yet, with counters of its two callbacks.
func crashing(t *testing.T, ctx *Context, links map[role.Link]LinkSpec) (r *rig, crashes, exits *atomic.Int32) {
	t.Helper()
	crashes, exits = new(atomic.Int32), new(atomic.Int32)
	m := newPuppet()
	h, err := NewHost(Config{
		Context: ctx, Machine: m, Links: links,
		Crash: func() { crashes.Add(1) }, Exit: func() { exits.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{Host: h, m: m, t: t, ended: make(chan error, 1)}, crashes, exits
}

func TestACrashStopsTheHostAndNothingMoreIsSent(t *testing.T) {
	onTransports(t, func(t *testing.T, endpoint string) {
		ctx := newContext(t)
		pull := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
		addr := pull.bind(linkIn, endpoint)
		packets := pull.inbound()
		pull.start()
		push, crashes, exits := crashing(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push, Name: "push"}})
		push.start()
		push.do(func() { push.m.dial(linkOut, "", addr) })
		push.until("connected", push.connected(linkOut, ""))
		push.do(func() { push.m.send(linkOut, "", []byte("before")) })
		wantFrames(t, pull.awaitPacket(packets, "a packet"), "before")
		if push.Crashed() {
			t.Error("crashed before it was asked to")
		}
		push.Do(func(role.Time) {
			push.m.ask(role.Effect{Op: role.OpCrash})
			push.m.ask(role.Effect{Op: role.OpCrash})
			push.m.ask(role.Effect{Op: role.OpExit})
			push.m.send(linkOut, "", []byte("after"))
		})
		push.Do(func(role.Time) { push.m.send(linkOut, "", []byte("in the next turn")) })
		if err := await(t, push.ended, "the host to stop"); err != nil {
			t.Error(err)
		}
		push.cancel = nil
		if n := crashes.Load(); !push.Crashed() || n != 1 || exits.Load() != 0 {
			t.Errorf("crashed %t, told %d times, and of an exit %d times", push.Crashed(), n, exits.Load())
		}
		if push.Do(func(role.Time) {}) {
			t.Error("a host that has crashed takes functions")
		}
		// Whatever had been sent would come before the word of another.
		other := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
		other.do(func() { other.m.dial(linkOut, "", addr) })
		other.until("connected", other.connected(linkOut, ""))
		other.do(func() { other.m.send(linkOut, "", []byte("of another")) })
		wantFrames(t, pull.awaitPacket(packets, "a packet"), "of another")
		nothing(t, packets)
	})
}

func TestAHostThatIsClosedHasNotCrashed(t *testing.T) {
	r, crashes, _ := crashing(t, newContext(t), map[role.Link]LinkSpec{linkOut: {Kind: Push, Name: "push"}})
	r.start()
	r.stop()
	if r.Crashed() || crashes.Load() != 0 {
		t.Errorf("crashed %t, told %d times", r.Crashed(), crashes.Load())
	}
}

func TestAWishToExitIsPassedOnAndTheHostRunsOn(t *testing.T) {
	ctx := newContext(t)
	r, crashes, exits := crashing(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push, Name: "push"}})
	r.start()
	r.do(func() { r.m.ask(role.Effect{Op: role.OpExit}) })
	if n := exits.Load(); n != 1 || crashes.Load() != 0 || r.Crashed() {
		t.Errorf("told of an exit %d times, of a crash %d times", n, crashes.Load())
	}
	r.do(func() {}) // it still has turns
	// Without callbacks both are carried out all the same.
	bare := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
	bare.do(func() { bare.m.ask(role.Effect{Op: role.OpExit}) })
	bare.Do(func(role.Time) { bare.m.ask(role.Effect{Op: role.OpCrash}) })
	if err := await(t, bare.ended, "the host to stop"); err != nil || !bare.Crashed() {
		t.Errorf("%v, crashed %t", err, bare.Crashed())
	}
	bare.cancel = nil
}
