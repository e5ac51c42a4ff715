package queue

import (
	"testing"
	"time"
)

// quick has a function's runs known to be short.
func (s *stage) quick(w *theWorker, n int, function string) {
	s.t.Helper()
	for i := range 2 {
		s.brokers[0].Link().Send(s.now, named(1000+10*n+i, function))
		for _, m := range w.jobs() {
			w.answer(m)
		}
	}
	if s.m.function(function).long() {
		s.t.Fatalf("%s is thought to take long", function)
	}
}

func TestALongFunctionLeavesASlotToShortOnes(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 4, "long", "short")
	s.quick(w, 1, "short")
	for n := 2; n < 10; n++ {
		s.brokers[0].Link().Send(s.now, named(n, "long"))
	}
	if got := w.jobs(); len(got) != 3 {
		t.Fatalf("%d of 4 slots are taken, want one left", len(got))
	}
	if f := s.state().Queue.Functions; f["long"].Free != 0 || f["short"].Free != 1 {
		t.Errorf("the queue publishes %+v", f)
	}
	s.brokers[0].Link().Send(s.now, named(20, "short"))
	if got := w.jobs(); len(got) != 1 || got[0].Meta.Function != "short" {
		t.Errorf("a short one is not given its slot: %v", got)
	} else {
		w.answer(got[0])
	}
	if got := w.jobs(); len(got) != 0 {
		t.Errorf("its slot goes to %s", got[0].Meta.Function)
	}
	s.consistent()
}

func TestASlotIsLeftOnlyWhileShortOnesCome(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 4, "long", "short")
	for n := range 4 {
		s.brokers[0].Link().Send(s.now, named(n+1, "long"))
	}
	first := w.jobs()
	if len(first) != 4 {
		t.Fatalf("%d of 4 slots are taken, though nobody else has come", len(first))
	}
	for _, m := range first {
		w.answer(m)
	}
	s.quick(w, 10, "short")
	s.m.function("long").took = time.Second
	for n := range 6 {
		s.brokers[0].Link().Send(s.now, named(20+n, "long"))
	}
	if got := w.jobs(); len(got) != 3 {
		t.Errorf("%d of 4 slots are taken, want one left", len(got))
	}
	s.run(restrainedFor + 2*time.Second)
	if got := w.jobs(); len(got) != 1 {
		t.Errorf("once no short one comes any more %d slots more are taken, want the last", len(got))
	}
}

func TestTheFirstRunOfAShortFunctionHasASlotLeftToIt(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 4, "long", "short")
	s.brokers[0].Link().Send(s.now, named(1, "short"))
	for _, m := range w.jobs() {
		w.answer(m)
	}
	for n := range 6 {
		s.brokers[0].Link().Send(s.now, named(2+n, "long"))
	}
	if got := w.jobs(); len(got) != 3 {
		t.Errorf("%d of 4 slots are taken, want one left", len(got))
	}
}

func TestAWorkerWithOneSlotTakesLongFunctions(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 1, "long", "short")
	s.quick(w, 1, "short")
	s.brokers[0].Link().Send(s.now, named(2, "long"))
	if got := w.jobs(); len(got) != 1 {
		t.Errorf("it is given %d jobs", len(got))
	}
}

func TestFunctionsWhoseRunsAreShortTakeAllSlots(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 4, "other", "short")
	s.quick(w, 1, "short")
	s.quick(w, 2, "other")
	for n := range 6 {
		s.brokers[0].Link().Send(s.now, named(10+n, "short"))
	}
	if got := w.jobs(); len(got) != 4 {
		t.Errorf("%d of 4 slots are taken", len(got))
	}
}

func TestHowLongRunsTakeIsLearned(t *testing.T) {
	f := &function{}
	if !f.long() {
		t.Error("what is not known is thought to be short")
	}
	f.ran(0)
	if f.long() {
		t.Error("a run of no time is thought to be long")
	}
	for range 40 {
		f.ran(time.Second)
	}
	if !f.long() {
		t.Error("runs of a second are thought to be short")
	}
	for range 40 {
		f.ran(10 * time.Millisecond)
	}
	if f.long() {
		t.Error("runs of 10 ms are thought to be long")
	}
}

func TestARunThatGoesOnForLongCountsAtOnce(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 4, "hangs", "short")
	s.quick(w, 1, "hangs")
	s.quick(w, 2, "short")
	s.brokers[0].Link().Send(s.now, named(10, "hangs"))
	hanging := w.jobs()
	s.run(longRun + 40*time.Millisecond)
	for n := range 6 {
		s.brokers[0].Link().Send(s.now, named(20+n, "hangs"))
	}
	if got := w.jobs(); len(hanging)+len(got) != 3 {
		t.Errorf("%d of 4 slots are taken, want one left to short ones", len(hanging)+len(got))
	}
	s.brokers[0].Link().Send(s.now, named(30, "short"))
	if got := w.jobs(); len(got) != 1 || got[0].Meta.Function != "short" {
		t.Errorf("a short one is not given its slot: %v", got)
	}
	w.answer(hanging[0])
	last := w.jobs()
	s.run(time.Second)
	if f := s.m.function("hangs"); len(last) != 1 || f.overdue != 3 {
		t.Errorf("%d runs go on for long, want 3", f.overdue)
	}
	w.answer(last[0])
	if f := s.m.function("hangs"); f.overdue != 2 {
		t.Errorf("%d runs go on for long once one has ended, want 2", f.overdue)
	}
	s.consistent()
}
