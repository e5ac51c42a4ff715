package queue

import (
	"testing"
	"time"

	"faasd/internal/wire"
)

// die has a worker of this host die, and the queue notice.
func (w *theWorker) die() {
	w.dead = true
	w.s.run(1200 * ms) // by its next beacon
}

func TestJobsLostTogetherRunAloneNextAndKeepTheirChances(t *testing.T) {
	s := newStage(t, 1)
	first := s.worker(50, here, 4)
	s.give(1, 4)
	s.run(50 * ms)
	first.jobs()
	first.die()
	second := s.worker(51, here, 4)
	s.run(100 * ms)
	for n := 1; n <= 3; n++ {
		got := second.jobs()
		if len(got) != 1 || got[0].Attempt != 2 || got[0].AttemptLimit != 4 {
			t.Fatalf("round %d: it is given %+v, want one job, at its second attempt of four", n, got)
		}
		if q := s.m.state().Queue; q.Free != 0 || q.Waiting != 3-n {
			t.Errorf("round %d: %d slots are free and %d jobs wait", n, q.Free, q.Waiting)
		}
		second.answer(got[0])
	}
	if q := s.m.state().Queue; q.Free != 4 || len(s.m.jobs) != 0 {
		t.Errorf("in the end %d slots are free and %d jobs left", q.Free, len(s.m.jobs))
	}
	s.consistent()
}

func TestAJobThatKillsItsWorkersIsStoppedAndItsNeighboursAreNot(t *testing.T) {
	s := newStage(t, 1)
	poison := jobID(2)
	s.give(1, 5)
	deaths := make(map[wire.JobID]int)
	for inc := wire.Incarnation(50); len(s.m.jobs) > 0; inc++ {
		if inc > 70 {
			t.Fatal("it goes on for ever")
		}
		w := s.worker(inc, here, 4)
		s.run(50 * ms)
		for len(s.m.jobs) > 0 && !w.dead {
			got := w.jobs()
			if len(got) == 0 {
				break
			}
			for _, m := range got {
				if m.Job == poison {
					w.dead = true
				}
			}
			if w.dead {
				for _, m := range got {
					deaths[m.Job]++
				}
				w.die()
				break
			}
			for _, m := range got {
				w.answer(m)
			}
		}
	}
	if deaths[poison] != 4 {
		t.Errorf("the poisonous job took %d workers along, want one with others and three alone", deaths[poison])
	}
	for n := 1; n <= 4; n++ {
		if id := jobID(n); id != poison && deaths[id] > 1 {
			t.Errorf("job %d died %d times with its neighbour", n, deaths[id])
		}
	}
	results := s.brokers[0].results()
	if len(results) != 4 {
		t.Fatalf("%d results, want 4", len(results))
	}
	for _, r := range results {
		if want := r.Job == poison; want != (r.Code == wire.CodeWorkersLost) {
			t.Errorf("job %s ends with code %d after %d attempts", r.Job, r.Code, r.Attempt)
		}
	}
}

func TestAJobThatMustRunAloneGetsAWorkerThoughAllAreBusy(t *testing.T) {
	s := newStage(t, 1)
	victim := s.worker(50, here, 2)
	s.give(1, 3)
	s.run(50 * ms)
	victim.jobs()
	busy := s.worker(51, here, 2)
	s.give(3, 8) // more than it has slots
	victim.die()
	line := busy.jobs()
	if len(line) != 2 {
		t.Fatalf("%d jobs run", len(line))
	}
	// It is given nothing more until it is empty; then the two, one by one.
	busy.answer(line[0])
	if got := busy.jobs(); len(got) != 0 {
		t.Fatalf("it is given %d jobs while another must run alone", len(got))
	}
	busy.answer(line[1])
	for n := 1; n <= 2; n++ {
		got := busy.jobs()
		if len(got) != 1 || got[0].Job != jobID(n) || got[0].Attempt != 2 {
			t.Fatalf("it is given %+v, want job %d alone", got, n)
		}
		busy.answer(got[0])
	}
	if got := busy.jobs(); len(got) != 2 {
		t.Errorf("after that it is given %d jobs, want two side by side again", len(got))
	}
	s.consistent()
}

func TestAWorkerThatIsKilledByCommandOrLeavesBlamesNobody(t *testing.T) {
	for name, end := range map[string]func(s *stage, w *theWorker){
		"killed": func(s *stage, w *theWorker) { s.order(wire.VerbKill, w); w.die() },
		"left":   func(s *stage, w *theWorker) { w.Farewell(s.now, "it stops"); s.pump() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 1)
			w := s.worker(50, here, 2)
			s.give(1, 3)
			s.run(50 * ms)
			w.jobs()
			end(s, w)
			other := s.worker(51, here, 2)
			s.run(100 * ms)
			got := other.jobs()
			if len(got) != 2 || got[0].Attempt != 2 || got[0].AttemptLimit != 4 || got[0].Flags&wire.FlagAlone != 0 {
				t.Errorf("the other is given %+v, want both side by side, at the second attempt of four", got)
			}
		})
	}
}

func TestAttemptsAreReportedAsTheyRise(t *testing.T) {
	s := newStage(t, 2)
	first := s.worker(50, here, 1)
	s.give(1, 2)
	s.run(50 * ms)
	if got := take(&s.brokers[0].got, wire.TypeAttempt); len(got) != 0 {
		t.Errorf("the first attempt is reported: %+v", got)
	}
	first.die()
	s.worker(51, here, 1)
	s.run(100 * ms)
	got := take(&s.brokers[0].got, wire.TypeAttempt)
	if len(got) != 1 || got[0].Job != jobID(1) || got[0].Attempt != 2 || got[0].AttemptLimit != 3 {
		t.Errorf("reported %+v, want the second attempt of three", got)
	}
	if got := take(&s.brokers[1].got, wire.TypeAttempt); len(got) != 0 {
		t.Errorf("a broker that does not wait for it is told %+v", got)
	}
	s.run(time.Second)
	s.consistent()
}

// A run that nobody wants any more and that does not stop may be what takes its
// worker along: its neighbour is not blamed for it.
func TestARunThatDoesNotStopIsSuspectedToo(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 4)
	s.give(1, 3)
	s.run(50 * ms)
	w.jobs()
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(2), Assignment: 2}, "")
	w.die()
	e := s.m.jobs[jobID(1)]
	if e == nil || e.msg.AttemptLimit != 4 || !e.alone() {
		t.Fatalf("the neighbour is %+v", e)
	}
	// Alone it stays, also when it is cancelled and does not stop.
	next := s.worker(51, here, 4)
	s.run(50 * ms)
	if n := len(next.jobs()); n != 1 {
		t.Fatalf("%d jobs are given", n)
	}
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
	s.give(5, 8)
	s.run(50 * ms)
	if n := len(next.jobs()); n != 0 {
		t.Errorf("%d jobs are given beside one that must run alone", n)
	}
	s.say(next.Link(), wire.Header{Type: wire.TypeReturn, Job: jobID(1)}, "")
	if n := len(next.jobs()); n != 3 {
		t.Errorf("%d jobs are given once it has stopped, want 3", n)
	}
	s.consistent()
}
