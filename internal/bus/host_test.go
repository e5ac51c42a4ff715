package bus

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"faasd/internal/role"
)

func TestEveryFunctionGivenToDoRunsOnceInOrder(t *testing.T) {
	r := newRig(t, newContext(t), nil)
	const goroutines, each = 100, 200
	var early []int
	for i := range 3 { // before Run
		r.Do(func(role.Time) { early = append(early, i) })
	}
	r.start()
	runs := make([][]int, goroutines) // the owner's, no lock
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				if !r.Do(func(role.Time) { runs[g] = append(runs[g], i) }) {
					t.Error("Do refused a function although the host runs")
				}
			}
		})
	}
	wg.Wait()
	r.do(func() {
		if !slices.Equal(early, []int{0, 1, 2}) {
			t.Errorf("functions given before Run ran as %v", early)
		}
		for g, got := range runs {
			if len(got) != each || !slices.IsSorted(got) {
				t.Errorf("goroutine %d: %d of %d functions ran, in order: %v", g, len(got), each, slices.IsSorted(got))
			}
		}
	})
}

func TestDoMayBeCalledFromAFunctionGivenToDo(t *testing.T) {
	r := newRig(t, newContext(t), nil).start()
	ran := make(chan struct{})
	r.Do(func(role.Time) { r.Do(func(role.Time) { close(ran) }) })
	await(t, ran, "the inner function")
}

func TestWhatDoAcceptedRunsEvenIfTheHostStops(t *testing.T) {
	for _, how := range []string{"cancel", "close", "close the context", "never run"} {
		t.Run(how, func(t *testing.T) {
			ctx := newContext(t)
			r := newRig(t, ctx, nil)
			if how != "never run" {
				r.start()
				r.do(func() {})
			}
			var accepted, ran atomic.Int64
			var wg sync.WaitGroup
			started := make(chan struct{}, 100)
			for range 100 {
				wg.Go(func() {
					for r.Do(func(role.Time) { ran.Add(1) }) {
						accepted.Add(1)
						select {
						case started <- struct{}{}:
						default:
						}
					}
				})
			}
			for range cap(started) / 2 {
				await(t, started, "the hammering to begin")
			}
			switch how {
			case "cancel":
				r.stop()
			case "close the context":
				if err := ctx.Close(); err != nil {
					t.Error(err)
				}
			default:
				r.Close()
			}
			wg.Wait()
			if a, n := accepted.Load(), ran.Load(); a != n {
				t.Errorf("%d functions were accepted, %d ran", a, n)
			}
			if r.Do(func(role.Time) { t.Error("ran after the host had stopped") }) {
				t.Error("Do accepted a function although the host has stopped")
			}
			r.Close() // again
			if how == "never run" && r.Run(context.Background()) == nil {
				t.Error("a closed host ran")
			}
		})
	}
}

func TestFarewellsOfTheLastTurnAreDelivered(t *testing.T) {
	for _, transport := range []string{"ipc", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			pull := newRig(t, newContext(t), map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
			addr := pull.bind(linkIn, endpoints(t)[transport])
			packets := pull.inbound()
			pull.start()
			push := newRig(t, newContext(t), map[role.Link]LinkSpec{linkOut: {Kind: Push}}).start()
			push.do(func() { push.m.dial(linkOut, "", addr) })
			push.until("connected", push.connected(linkOut, ""))
			push.Do(func(role.Time) {
				for range 1000 {
					push.m.send(linkOut, "", []byte("bye"))
				}
			})
			push.Close()
			for range 1000 {
				wantFrames(t, pull.awaitPacket(packets, "a farewell"), "bye")
			}
		})
	}
}

func TestAContextEndsAlthoughMessagesAreUnsent(t *testing.T) {
	ctx := newContext(t)
	r := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Dealer}}).start()
	r.do(func() {
		r.m.dial(linkOut, "", "ipc:///nobody/listens/here")
		for range 1000 {
			r.m.send(linkOut, "", []byte("unsent"))
		}
	})
	r.stop()
	since := time.Now()
	if err := ctx.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(since); took > defaultLinger+time.Second {
		t.Errorf("closing the context took %v", took)
	}
	if _, err := NewHost(Config{Context: ctx, Machine: newPuppet()}); err == nil {
		t.Error("a host was made in a closed context")
	}
}

func TestTickComesWhenTheMachineWantsIt(t *testing.T) {
	r := newRig(t, newContext(t), map[role.Link]LinkSpec{linkIn: {Kind: Pull}}).start()
	ticks := make(chan role.Time, 100)
	var wanted []role.Time
	wakes := 0
	r.do(func() {
		now := r.Now()
		// Later first: the nearer must not wait for the one already armed.
		for _, ms := range []time.Duration{5000, 200, 60, 20, 0} {
			wanted = append(wanted, now+ms*time.Millisecond)
		}
		r.m.wake = wanted[0]
		r.m.onTick = func(now role.Time) {
			ticks <- now
			if wakes++; wakes < 4 {
				r.m.wake = wanted[4-wakes]
			}
		}
	})
	r.do(func() { r.m.wake = wanted[4] })
	for i := range 4 {
		want := wanted[4-i]
		switch got := await(t, ticks, "a tick"); {
		case got < want:
			t.Errorf("tick %v too early", want-got)
		case got > want+500*time.Millisecond:
			t.Errorf("tick %v late", got-want)
		}
	}
}

// A restless machine wants a Tick at once for a hundred times, then another
// after 200 ms, and counts how often it is asked for the time of the next.
type restless struct {
	puppet
	ticks, asked       int
	hundredth, another chan role.Time
}

func (m *restless) Wake() role.Time { m.asked++; return m.wake }

func (m *restless) Tick(now role.Time) {
	switch m.ticks++; m.ticks {
	case 100:
		m.wake, m.asked = now+200*time.Millisecond, 0
		m.hundredth <- now
	case 101:
		m.wake = never
		m.another <- now
	}
}

func TestTheLoopSleeps(t *testing.T) {
	ctx := newContext(t)
	m := &restless{hundredth: make(chan role.Time, 1), another: make(chan role.Time, 1)}
	h, err := NewHost(Config{Context: ctx, Machine: m, Links: map[role.Link]LinkSpec{
		linkIn: {Kind: Router}, linkOut: {Kind: Dealer}, linkAux: {Kind: Pub},
	}})
	if err != nil {
		t.Fatal(err)
	}
	addr := must(h.Bind(linkIn, "tcp://127.0.0.1:0"))(t)
	for _, peer := range []string{"itself", "nobody"} {
		m.dial(linkOut, peer, map[bool]string{true: addr, false: "tcp://127.0.0.1:1"}[peer == "itself"])
	}
	since := h.Now()
	ended := make(chan error, 1)
	go func() { ended <- h.Run(t.Context()) }()
	if took := await(t, m.hundredth, "100 ticks") - since; took < 99*tickFloor {
		t.Errorf("100 ticks in %v, want one each %v at most", took, tickFloor)
	}
	await(t, m.another, "a tick after 200 ms")
	h.Close()
	if err := await(t, ended, "Run to return"); err != nil {
		t.Error(err)
	}
	// Some turns go to libzmq's bookkeeping of connections that come up.
	if m.asked > 100 {
		t.Errorf("took about %d turns with nothing to do", m.asked/2)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	return len(entries)
}

func TestNoGoroutineOrDescriptorIsLeft(t *testing.T) {
	cycle := func() {
		ctx, err := NewContext()
		if err != nil {
			t.Fatal(err)
		}
		a := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Router}})
		b := newRig(t, ctx, map[role.Link]LinkSpec{linkOut: {Kind: Dealer}})
		addr := a.bind(linkIn, "tcp://127.0.0.1:0")
		packets := a.inbound()
		a.start()
		b.start()
		for range 5 {
			b.do(func() {
				b.m.dial(linkOut, "", addr)
				b.m.send(linkOut, "", []byte("hello"))
			})
			a.awaitPacket(packets, "hello")
		}
		b.stop()
		a.stop()
		if err := ctx.Close(); err != nil {
			t.Error(err)
		}
	}
	cycle() // what the runtime opens once and keeps
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 10 {
		cycle()
	}
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > goroutines || openFiles(t) > files {
		if time.Now().After(deadline) {
			t.Fatalf("goroutines: %d before, %d after; open files: %d before, %d after",
				goroutines, runtime.NumGoroutine(), files, openFiles(t))
		}
		runtime.Gosched()
	}
}

func TestAPanicOfTheMachineIsNotSwallowed(t *testing.T) {
	ctx := newContext(t)
	r := newRig(t, ctx, map[role.Link]LinkSpec{linkIn: {Kind: Pull}})
	r.bind(linkIn, "tcp://127.0.0.1:0")
	r.Do(func(role.Time) { panic("a broken machine") })
	defer func() {
		if got := recover(); got != "a broken machine" {
			t.Errorf("recovered %v", got)
		}
	}()
	// As main would: the panic has to get past the closing of the context.
	defer func() { _ = ctx.Close() }()
	_ = r.Run(t.Context())
}

func TestNewHostRefusesWhatCannotWork(t *testing.T) {
	ctx := newContext(t)
	for name, cfg := range map[string]Config{
		"no context": {Machine: newPuppet()},
		"no machine": {Context: ctx},
		"no kind":    {Context: ctx, Machine: newPuppet(), Links: map[role.Link]LinkSpec{linkIn: {Name: "workers"}}},
	} {
		if _, err := NewHost(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestVersionIsLibzmqs(t *testing.T) {
	if v := Version(); !strings.HasPrefix(v, "4.") || strings.Count(v, ".") != 2 {
		t.Errorf("Version() = %q", v)
	}
}
