package node

import (
	"context"
	"errors"
	"strings"
	"testing"

	"faasd/internal/bus"
	"faasd/internal/coordinator"
	"faasd/internal/role"
)

// newTestSlot makes a running coordinator that is kept, and tells why it failed.
func newTestSlot(t *testing.T) (s *slot, ctx context.Context, end func()) {
	t.Helper()
	zmq, err := bus.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	s, err = newSlot(zmq, Coordinator{
		Identity: Identity{Name: "c1"}, Publish: []string{"inproc://publish"}, Subscribe: []string{"inproc://subscribe"},
	}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	s.get().run()
	ctx, failed := context.WithCancelCause(context.Background())
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		s.keep(ctx, failed)
	}()
	end = func() {
		failed(nil)
		from(t, kept, "the keeping ends")
	}
	t.Cleanup(func() {
		end()
		if err := zmq.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, ctx, end
}

// crash has a role crash as by an operator's command.
func crash(t *testing.T, p *Part) {
	t.Helper()
	p.host.Do(func(role.Time) { p.machine.(*coordinator.Machine).Emit(role.Effect{Op: role.OpCrash}) })
	from(t, p.ended, "it has crashed")
	if !p.host.Crashed() {
		t.Error("it has ended, and not crashed")
	}
}

func TestACrashedRoleComesBackOnItsEndpoints(t *testing.T) {
	s, ctx, _ := newTestSlot(t)
	for range 3 {
		before := s.get()
		crash(t, before)
		within(t, "it is back", func() bool { return s.get() != before })
		after := s.get()
		if !after.turn(func(role.Time) {}) {
			t.Fatal("it does not run")
		}
		if a, b := after.Ready(), before.Ready(); a.Name != b.Name || a.Links["publish"] != b.Links["publish"] || a.Links["subscribe"] != "inproc://subscribe" {
			t.Errorf("back as %+v, was %+v", a, b)
		}
		if context.Cause(ctx) != nil {
			t.Fatalf("the system has failed: %v", context.Cause(ctx))
		}
	}
}

func TestARoleThatEndsByItselfFailsTheSystem(t *testing.T) {
	s, ctx, _ := newTestSlot(t)
	p := s.get()
	p.host.Close()
	from(t, ctx.Done(), "the system fails")
	if err := context.Cause(ctx); !errors.Is(err, errEnded) || !strings.Contains(err.Error(), "c1") {
		t.Errorf("it fails because %v", err)
	}
	if s.get() != p {
		t.Error("it has come back")
	}
}

func TestARoleThatCannotComeBackFailsTheSystem(t *testing.T) {
	s, ctx, _ := newTestSlot(t)
	s.mu.Lock() // until somebody else has the endpoint
	p := s.part
	crash(t, p)
	other, err := Coordinator{
		Identity: Identity{Name: "other"}, Publish: []string{"inproc://publish"}, Subscribe: []string{"inproc://other"},
	}.start(s.zmq, quiet)
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	defer other.host.Close()
	from(t, ctx.Done(), "the system fails")
	if err := context.Cause(ctx); !strings.Contains(err.Error(), "c1 did not come back") || !strings.Contains(err.Error(), "inproc://publish") {
		t.Errorf("it fails because %v", err)
	}
	if s.get() != p {
		t.Error("it has come back all the same")
	}
}

func TestARoleThatHasCrashedDoesNotComeBackOnceTheSystemStops(t *testing.T) {
	for name, stop := range map[string]func(s *slot, end func()){
		"settled":      func(s *slot, _ func()) { s.finish() },
		"context ends": func(_ *slot, end func()) { end() },
	} {
		t.Run(name, func(t *testing.T) {
			s, ctx, end := newTestSlot(t)
			p := s.get()
			crash(t, p)
			stop(s, end) // well before it would be back
			p.Stop(t.Context())
			if name == "settled" {
				if again, err := s.tryRevive(); again || err != nil {
					t.Errorf("a settled role is tried again: %t, %v", again, err)
				}
			}
			end()
			if s.get() != p {
				t.Error("it has come back")
			}
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("the system has failed: %v", err)
			}
		})
	}
}
