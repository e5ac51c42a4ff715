package queue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/wire"
)

func TestADrainedNativeWorkerIsToldAndGivenNothingMore(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 2)
	s.give(1, 2)
	s.run(200 * ms)
	running := w.jobs()
	if r := s.order(wire.VerbUndrain, w); r.OK || !strings.Contains(r.Text, "not draining") {
		t.Errorf("undrain of one that does not drain is answered %+v", r)
	}
	if n := w.told(wire.TypeUndrain); n != 0 {
		t.Errorf("UNDRAIN goes out %d times", n)
	}
	if r := s.order(wire.VerbDrain, w); !r.OK || !strings.Contains(r.Text, "finishes 1") {
		t.Errorf("answered %+v", r)
	}
	if n := w.told(wire.TypeDrain); n != 1 {
		t.Errorf("DRAIN goes out %d times", n)
	}
	s.give(2, 3)
	w.answer(running[0])
	s.run(100 * ms)
	if n := len(w.jobs()); n != 0 {
		t.Errorf("it is given %d more jobs", n)
	}
	if d := s.shown("w50"); d.State != wire.WorkerDraining || d.Running != 0 || d.Done != 1 {
		t.Errorf("shown as %+v", d)
	}
	if q := s.m.state().Queue; q.Free != 0 || q.Waiting != 1 {
		t.Errorf("%d slots are free and %d jobs wait", q.Free, q.Waiting)
	}
	if r := s.order(wire.VerbUndrain, w); !r.OK {
		t.Errorf("undrain is answered %+v", r)
	}
	if n := len(take(&w.got, wire.TypeJob)); n != 0 {
		t.Errorf("it is given %d jobs before it has said that it stays", n)
	}
	s.run(1100 * ms) // its next HELLO
	if n := len(take(&w.got, wire.TypeJob)); n != 1 {
		t.Errorf("after undrain it is given %d jobs, want the one that waits", n)
	}
	if d := s.shown("w50"); d.State != wire.WorkerUp {
		t.Errorf("shown as %+v", d)
	}
	s.consistent()
}

func TestUndrainIsPassedOnToTheWorker(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 2)
	s.run(200 * ms)
	s.order(wire.VerbDrain, w)
	s.order(wire.VerbUndrain, w)
	if n := w.told(wire.TypeUndrain); n != 1 {
		t.Errorf("UNDRAIN goes out %d times", n)
	}
}

func TestADrainedREQWorkerLeavesWithTheOneAnswerItIsOwed(t *testing.T) {
	for _, c := range []struct {
		name  string
		bring func(*stage)
		says  []string // upon which it is told; nil at once
		done  uint64
	}{
		{"idle", func(*stage) {}, nil, 0},
		{"pinged", func(s *stage) {
			s.run(1100 * ms)
			one(s.t, s.replied("z"))
		}, []string{"PONG"}, 0},
		{"busy", func(s *stage) {
			s.give(1, 2)
			one(s.t, s.replied("z"))
		}, []string{"RESULT", jobID(1).String(), "done"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1)
			s.ready("z")
			c.bring(s)
			if r := s.command(wire.Command{Verb: wire.VerbDrain, Worker: "req-1"}); !r.OK || r.Foreign {
				t.Errorf("answered %+v", r)
			}
			replies := s.replied("z")
			if c.says != nil {
				if len(replies) != 0 {
					t.Errorf("it is told %q out of turn", replies)
				}
				s.give(2, 3)
				if d := s.shown("wz"); d.State != wire.WorkerDraining {
					t.Errorf("shown as %+v", d)
				}
				replies = s.req("z", c.says...)
			}
			if r := one(t, replies); r != "LEAVE|drained by an operator" {
				t.Errorf("it is told %q, want LEAVE", r)
			}
			if n := uint64(len(s.brokers[0].results())); n != c.done {
				t.Errorf("%d results, want %d", n, c.done)
			}
			if len(s.m.workers) != 0 || len(s.m.lost) != 0 {
				t.Errorf("%d workers and %d lost ones are left: it has left in order", len(s.m.workers), len(s.m.lost))
			}
			s.run(1500 * ms)
			if r := s.replied("z"); len(r) != 0 {
				t.Errorf("after that it is told %q", r)
			}
			s.consistent()
		})
	}
}

func TestADrainOfAREQWorkerIsTakenBackInTime(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	s.give(1, 3)
	one(t, s.replied("z"))
	s.command(wire.Command{Verb: wire.VerbDrain, Worker: "req-1"})
	if r := s.command(wire.Command{Verb: wire.VerbUndrain, Worker: "req-1"}); !r.OK {
		t.Errorf("answered %+v", r)
	}
	if r := one(t, s.req("z", "RESULT", jobID(1).String(), "done")); !strings.HasPrefix(r, "JOB|"+jobID(2).String()) {
		t.Errorf("it is told %q, want the next job", r)
	}
}

func TestWorkersThatDrainOrAreToDieAreNotSentToOtherQueues(t *testing.T) {
	for _, verb := range []string{wire.VerbDrain, wire.VerbKill} {
		t.Run(verb, func(t *testing.T) {
			s := newStage(t, 1)
			s.crowd(3)
			for _, w := range s.workers {
				s.order(verb, w)
			}
			s.uneven()
			if n := s.sentAway(); n != 0 {
				t.Errorf("%d are sent away", n)
			}
		})
	}
	// Only those that take jobs count: the last of them stays, of two one goes.
	for takers, want := range map[int]int{1: 0, 2: 1} {
		s := newStage(t, 1)
		s.crowd(3 + takers)
		for _, w := range s.workers[:3] {
			s.order(wire.VerbDrain, w)
		}
		for range 3 {
			s.uneven()
		}
		if n := s.sentAway(); n != want || slices.ContainsFunc(s.workers[:3], func(w *theWorker) bool { return w.sentAway }) {
			t.Errorf("%d of %d that take jobs are sent away, want %d and none of those that drain", n, takers, want)
		}
	}
}

// uneven has another queue say, for longer than a queue waits, that it has no worker.
func (s *stage) uneven() {
	for range 3 {
		s.other("queueB", 11, 0, wire.FunctionState{})
		s.run(300 * ms)
	}
}

// One that was written for another version does not know these messages: they
// would stay in its link for ever.
func TestANativeWorkerThatDoesNotKnowOrdersIsSentAwayWhenItIsEmpty(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 2)
	s.m.workers[workerKey{native: 50}].member.Protocol = 0
	s.give(1, 2)
	s.run(50 * ms)
	running := w.jobs()
	if r := s.order(wire.VerbDrain, w); !r.OK || !strings.Contains(r.Text, "finishes 1") {
		t.Errorf("answered %+v", r)
	}
	s.run(2 * time.Second)
	if w.told(wire.TypeDrain) != 0 || w.sentAway || len(s.m.workers) != 1 {
		t.Error("it is told what it does not know, or sent away while it runs a job")
	}
	w.answer(running[0])
	s.run(50 * ms)
	if !w.sentAway || len(s.m.workers) != 0 {
		t.Errorf("it is not sent away once it is empty; %d workers", len(s.m.workers))
	}
	other := s.worker(51, here, 1)
	s.m.workers[workerKey{native: 51}].member.Protocol = 0
	if r := s.order(wire.VerbKill, other); !r.OK || !r.Foreign || other.told(wire.TypeKill) != 0 || len(s.m.workers) != 0 {
		t.Errorf("its kill is answered %+v; %d workers are left", r, len(s.m.workers))
	}
	s.consistent()
}
