package library

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/function/lambda"
	"faasd/internal/registry"
	"faasd/internal/wire"
)

// current is a function of a catalogue whose only version takes requests.
func current(name string, v wire.FunctionVersion) wire.Deployed {
	return wire.Deployed{Name: name, Current: v.Number, Versions: []wire.FunctionVersion{v}}
}

func TestEachFunctionIsServedAsSoonAsItIsReady(t *testing.T) {
	s := newStage(t)
	slow, quick := s.script(1, "#!/bin/sh\necho slow"), s.script(1, "#!/bin/sh\necho -n quick")
	s.hanging = slow.Manifest
	s.Apply(t.Context(), &wire.Catalogue{Store: 1, Revision: 1, Functions: []wire.Deployed{current("a", slow), current("f", quick)}})
	got := s.comesTo(func(now wire.Serves) bool { return slices.Equal(now.Functions, []string{"f"}) })
	if len(got.Preparing) != 1 || got.Preparing[0].Function != "a" || got.Preparing[0].Version != 1 || got.Preparing[0].Tried || got.Revision != 1 {
		t.Errorf("it says %+v; want that a is being prepared", got)
	}
	s.says(0, "quick")
}

func TestAFunctionThatDoesNotComeUpKeepsNoOtherFromIt(t *testing.T) {
	s := newStage(t)
	hangs := s.script(1, "#!/bin/sh\nexec sleep 600", func(m *registry.Manifest) { m.Kind = registry.KindLambda })
	two := s.script(1, "#!/bin/sh\necho -n two")
	hangs.State, two.State = wire.VersionTrying, wire.VersionTrying
	s.Apply(t.Context(), &wire.Catalogue{Store: 1, Revision: 1, Functions: []wire.Deployed{
		{Name: "a", Versions: []wire.FunctionVersion{hangs}}, {Name: "f", Versions: []wire.FunctionVersion{two}},
	}})
	began := time.Now()
	got := s.comesTo(func(now wire.Serves) bool { return len(now.Preparing) == 1 })
	if got.Preparing[0].Function != "a" || !got.Preparing[0].Tried || len(got.Broken) > 0 {
		t.Errorf("it says %+v; want that a is being tried", got)
	}
	two.State = wire.VersionReady
	s.Apply(t.Context(), &wire.Catalogue{Store: 1, Revision: 2, Functions: []wire.Deployed{{Name: "a", Versions: []wire.FunctionVersion{hangs}}, current("f", two)}})
	if got := s.Serves(); !slices.Equal(got.Functions, []string{"f"}) || got.Revision != 2 || len(got.Preparing) != 1 {
		t.Errorf("it says %+v; want that f is served at once", got)
	}
	if took := time.Since(began); took > lambda.DefaultInitTimeout/2 {
		t.Errorf("it took %s", took)
	}
	s.says(0, "two")
}

func TestANewerCatalogueEndsWhatIsPreparedForAnOlderOne(t *testing.T) {
	s := newStage(t)
	one, two := s.script(1, "#!/bin/sh\necho -n one"), s.script(2, "#!/bin/sh\necho -n two")
	s.hanging = one.Manifest
	s.Apply(t.Context(), &wire.Catalogue{Store: 1, Revision: 1, Functions: []wire.Deployed{current("f", one)}})
	s.until("version 1 is fetched", func() bool { return s.waits() == 1 })
	if got := s.deploys(2, one, two); fmt.Sprint(got.Functions) != "[f]" || len(got.Broken) > 0 {
		t.Errorf("it says %+v; want that f is served", got)
	}
	s.says(0, "two")
	s.until("version 1 is not fetched any more", func() bool { return s.waits() == 0 })
}

func TestATrialThatIsGivenUpEnds(t *testing.T) {
	s := newStage(t)
	one := s.script(1, "#!/bin/sh\necho -n one")
	hangs := s.script(2, "#!/bin/sh\necho hanging; exec sleep 600", func(m *registry.Manifest) { m.Kind = registry.KindLambda })
	hangs.State = wire.VersionTrying
	s.Apply(t.Context(), &wire.Catalogue{Store: 1, Revision: 1, Functions: []wire.Deployed{{Name: "f", Current: 1, Versions: []wire.FunctionVersion{one, hangs}}}})
	s.until("version 2 is started", func() bool {
		return strings.Contains(fmt.Sprint(s.Lines(wire.LogsWanted{Function: "f"})), "hanging")
	})
	hangs.State = wire.VersionFailed
	began := time.Now()
	if got := s.deploys(1, one, hangs); fmt.Sprint(got.Functions) != "[f]" || len(got.Broken) > 0 {
		t.Errorf("it serves %+v; want f, and nothing broken", got)
	}
	s.retired.Wait() // version 2 is let go of
	if took := time.Since(began); took > lambda.DefaultInitTimeout/2 {
		t.Errorf("version 2 was let go of after %s", took)
	}
}

func TestWhatCouldNotBeMadeReadyIsMadeReadyLater(t *testing.T) {
	t.Parallel() // it waits for prepareAgain
	s := newStage(t)
	one := s.script(1, "#!/bin/sh\necho -n one")
	s.damaged = true
	if got := s.deploys(1, one); len(got.Functions) != 0 || len(got.Broken) != 1 {
		t.Fatalf("it says %+v, want it broken", got)
	}
	s.depot.mu.Lock()
	s.damaged = false
	s.depot.mu.Unlock()
	if got := s.comesTo(func(now wire.Serves) bool { return len(now.Functions) == 1 }); len(got.Broken) > 0 {
		t.Errorf("it says %+v", got)
	}
	s.says(0, "one")
}

func TestWhoWaitsForSomethingGivesItsPlaceUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := make(places, 2)
		ctx, cancel := context.WithCancel(t.Context())
		var running atomic.Int32
		for range 6 {
			go p.use(ctx, func() {
				running.Add(1)
				<-ctx.Done()
			})
		}
		for second := range int32(3) {
			synctest.Wait()
			if got := running.Load(); got != 2*second+2 {
				t.Errorf("after %d s %d are running", second, got)
			}
			<-time.After(placeFor)
		}
		began := time.Now()
		if !p.use(ctx, func() {}) || time.Since(began) > 0 {
			t.Error("those that wait hold up another")
		}
		cancel()
		synctest.Wait()
		if p.use(ctx, func() {}) && len(p) != 0 {
			t.Errorf("%d places are not given back", len(p))
		}
	})
}

func TestNoMoreIsDoneAtATimeThanThereArePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := make(places, 2)
		var running atomic.Int32
		began := time.Now()
		for range 6 {
			go p.use(t.Context(), func() {
				if n := running.Add(1); n > 2 {
					t.Errorf("%d at a time", n)
				}
				<-time.After(placeFor / 2)
				running.Add(-1)
			})
		}
		synctest.Wait()
		for range 6 {
			p.use(t.Context(), func() {})
		}
		if took := time.Since(began); took < placeFor {
			t.Errorf("all is done after %s", took)
		}
	})
}
