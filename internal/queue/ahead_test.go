package queue

import (
	"testing"

	"faasd/internal/wire"
)

// ran has a worker return the result of a job whose function ran for so many µs.
func (w *theWorker) ran(m *wire.Message, micros uint32) {
	w.s.say(w.Link(), wire.Header{Type: wire.TypeResult, Job: m.Job, Attempt: m.Attempt, RanMicros: micros}, string(m.Body))
}

// warm has a worker run a job of a function for so many µs.
func (s *stage) warm(w *theWorker, function string, micros uint32) {
	s.t.Helper()
	s.warmed++
	s.brokers[0].Link().Send(s.now, named(900_000+s.warmed, function))
	got := w.jobs()
	if len(got) != 1 {
		s.t.Fatalf("%d jobs were given, want one", len(got))
	}
	w.ran(got[0], micros)
}

func TestBriefRunsAreGivenAheadOfSlots(t *testing.T) {
	for _, c := range []struct {
		name   string
		micros uint32
		given  int // at once, when one of 2 has ended
	}{
		{"brief", 5, 1 + aheadMost},
		{"as brief as may be", uint32(briefRun.Microseconds()), 1 + int(aheadTime/briefRun)},
		{"not so brief", uint32(briefRun.Microseconds()) + 1, 1},
		{"not told", 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1)
			w := s.worker(1, here, 2)
			s.warm(w, "echo", c.micros)
			s.give(1, 200)
			first := w.jobs()
			if len(first) != 2 {
				t.Fatalf("%d jobs were given before a run had ended, want 2", len(first))
			}
			w.ran(first[0], c.micros)
			if got := w.jobs(); len(got) != c.given || got[0].Job != jobID(3) {
				t.Errorf("%d more were given, want %d, the oldest first", len(got), c.given)
			}
			if q := s.state().Queue; q.Running != 2 || q.Free != 0 || s.m.detail().Workers[0].Running != 2 {
				t.Errorf("the queue publishes %+v, want 2 that run", q)
			}
			s.consistent()
		})
	}
}

func TestWorkersShareWhatIsGivenAhead(t *testing.T) {
	s := newStage(t, 1)
	one := s.worker(1, here, 1)
	s.warm(one, "echo", 5)
	two := s.worker(2, here, 1)
	s.give(1, 13)
	one.ran(one.jobs()[0], 5)
	if got := one.jobs(); len(got) != 1+5 { // a slot, and half of the 9 that wait then
		t.Errorf("the first was given %d of 10", len(got))
	}
	two.ran(two.jobs()[0], 5)
	if got := two.jobs(); len(got) != 1+2 {
		t.Errorf("the other was given %d of 4", len(got))
	}
	s.consistent()
}

func TestNothingIsGivenAheadBesideAnotherFunction(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 2, "brief", "other")
	s.warm(w, "brief", 5)
	for n := range 20 {
		s.brokers[0].Link().Send(s.now, named(n+1, "brief"))
	}
	for n := range 2 {
		s.brokers[0].Link().Send(s.now, named(n+30, "other"))
	}
	brief := w.jobs()
	w.ran(brief[0], 5)
	other := w.jobs()
	if len(other) != 1 || other[0].Meta.Function != "other" {
		t.Fatalf("%d were given while another function waits, want one of its own", len(other))
	}
	w.ran(brief[1], 5)
	second := w.jobs()
	if len(second) != 1 || second[0].Meta.Function != "brief" {
		t.Fatalf("%d were given, want a brief one for the other slot", len(second))
	}
	w.ran(other[0], 5000)
	if third := w.jobs(); len(third) != 1 {
		t.Fatalf("%d were given, want the last of the other function", len(third))
	}
	w.ran(second[0], 5)
	if got := w.jobs(); len(got) != 1 {
		t.Errorf("%d were given while another function runs, want one", len(got))
	}
	s.consistent()
}

func TestAWorkerThatGivesJobsBackIsGivenNoneAheadForAWhile(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 1)
	s.warm(w, "echo", 5)
	other := s.worker(2, here, 1)
	s.give(1, 9)
	hanging := other.jobs()[0]
	w.ran(w.jobs()[0], 5)
	given := w.jobs()
	if len(given) < 2 {
		t.Fatalf("%d were given", len(given))
	}
	for _, m := range given[1:] {
		s.say(w.Link(), wire.Header{Type: wire.TypeReturn, Job: m.Job}, "")
	}
	if got := w.jobs(); len(got) != 0 {
		t.Errorf("%d of those that it gave back were given again", len(got))
	}
	other.ran(hanging, 5)
	got := other.jobs()
	if len(got) < 2 || got[0].Job != given[1].Job || got[0].Attempt != 1 {
		t.Errorf("another was given %v, want those that came back, oldest first, as first attempts", got)
	}
	w.ran(given[0], 5)
	for ; len(got) > 0; got = other.jobs() {
		for _, m := range got {
			other.ran(m, 5)
		}
	}
	s.run(aheadPause)
	s.give(20, 40)
	for _, m := range w.jobs() {
		w.ran(m, 5)
	}
	if w.jobs(); s.m.workers[workerKey{native: 1}].ahead.Len() == 0 {
		t.Error("it was given none ahead ever again")
	}
	s.consistent()
}

func TestAFunctionOfWhichSomeRunsTakeLongIsNotBrief(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 1)
	for n := range 300 {
		s.warm(w, "echo", 5)
		if n%100 == 50 {
			s.warm(w, "echo", 10_000)
		}
	}
	s.give(1, 20)
	w.ran(w.jobs()[0], 5)
	if got := w.jobs(); len(got) != 1 {
		t.Errorf("%d were given for one slot", len(got))
	}
}

func TestAJobThatNobodyHereServesHindersNobody(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 1)
	s.warm(w, "echo", 5)
	s.brokers[0].Link().Send(s.now, named(500, "stranger"))
	s.give(1, 20)
	w.ran(w.jobs()[0], 5)
	if got := w.jobs(); len(got) < 10 {
		t.Errorf("%d were given", len(got))
	}
}

func TestWhatWasGivenAheadRunsInTurn(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 2)
	s.warm(w, "echo", 5)
	s.give(1, 12)
	first := w.jobs()
	w.ran(first[0], 5)
	given := w.jobs()
	at := s.m.workers[workerKey{native: 1}]
	if at.busy() != 2 || at.ahead.Len() != len(given)-1 {
		t.Fatalf("%d run and %d wait at the worker, of %d", at.busy(), at.ahead.Len(), len(given)+1)
	}
	waiting := s.m.jobs[given[1].Job]
	if d := s.m.describeJob(waiting); d.State != wire.JobWaiting {
		t.Errorf("one that waits at its worker is shown as %+v", d)
	}
	s.run(20 * ms)
	w.ran(first[1], 5)
	if d := s.m.describeJob(waiting); d.State != wire.JobRunning || d.RunMillis != 0 {
		t.Errorf("the next in turn is shown as %+v", d)
	}
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: given[5].Job, Assignment: 8}, "")
	s.consistent()
	for _, m := range given {
		w.ran(m, 5)
	}
	for _, m := range w.jobs() {
		w.ran(m, 5)
	}
	if s.m.running != 0 || len(at.jobs) != 0 || at.ahead.Len() != 0 {
		t.Errorf("%d run, %d are at the worker, %d wait there", s.m.running, len(at.jobs), at.ahead.Len())
	}
	s.consistent()
}
