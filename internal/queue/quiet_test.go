package queue

import (
	"testing"
	"time"

	"faasd/internal/wire"
)

// All workers stop at once, and their last beacons were at different times. The
// job that comes then is lost with the first; the others have it not.
func TestAJobIsNotGivenToOneSilentWorkerAfterTheOther(t *testing.T) {
	s := newStage(t, 1)
	var stopped []*theWorker
	for inc := wire.Incarnation(50); inc < 54; inc++ {
		stopped = append(stopped, s.worker(inc, there, 1))
		s.run(240 * ms)
	}
	for _, w := range stopped {
		w.silent = true
	}
	s.give(1, 2)
	s.run(4 * time.Second)
	if q := s.m.state().Queue; len(s.m.workers) != 0 || q.Waiting != 1 {
		t.Fatalf("%d workers are there and %d jobs wait, want 0 and 1", len(s.m.workers), q.Waiting)
	}
	w := s.worker(60, there, 1)
	got := w.jobs()
	if len(got) != 1 || got[0].Attempt != 2 {
		t.Fatalf("it is given %+v, want the job at its second attempt", got)
	}
	w.answer(got[0])
	s.consistent()
}

func TestASilentWorkerIsGivenNothingNewAndServesWhenItIsHeardAgain(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 1, wire.FunctionState{})
	w := s.worker(50, there, 2)
	s.give(1, 2)
	first := w.jobs()
	s.run(1100 * ms)
	w.silent = true
	s.run(2 * time.Second)
	s.give(2, 3)
	s.run(100 * ms)
	q := s.m.state().Queue
	if f := q.Functions["echo"]; f.Free != 0 || f.Waiting != 1 || f.Workers != 1 || q.Free != 0 || q.Running != 1 {
		t.Fatalf("published is %+v and %+v, want no free slot, one job waiting, one running at the worker", q, f)
	}
	// Nor does the queue ask for what has waited longer elsewhere.
	s.takes()
	s.other("queueB", 11, 1, wire.FunctionState{Waiting: 1, Oldest: 60_000})
	s.run(300 * ms)
	if got := s.takes(); len(got) != 0 {
		t.Errorf("it asks for %+v", got)
	}
	w.silent = false
	w.answer(first[0])
	if got := w.jobs(); len(got) != 1 || got[0].Job != jobID(2) || got[0].Attempt != 1 {
		t.Errorf("once it is heard it is given %+v, want the second job at its first attempt", got)
	}
	if q := s.m.state().Queue; q.Free != 1 || q.Waiting != 0 {
		t.Errorf("then %d slots are free and %d jobs wait, want 1 and 0", q.Free, q.Waiting)
	}
	s.consistent()
}

func TestAQueueThatHasSleptHoldsNoWorkerForSilent(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, there, 1)
	s.run(500 * ms)
	s.now += 2 * time.Second // nothing runs meanwhile
	s.give(1, 2)
	if got := w.jobs(); len(got) != 1 {
		t.Errorf("it is given %d jobs, want the one that has come", len(got))
	}
}

func TestAJobThatMustRunAloneDoesNotWaitForASilentWorker(t *testing.T) {
	s := newStage(t, 1)
	victim := s.worker(50, here, 2)
	s.give(1, 3)
	s.run(50 * ms)
	silent := s.worker(51, there, 1)
	other := s.worker(52, there, 2)
	s.give(3, 9) // more than they have slots for
	victim.die() // the two that are lost with it must run alone
	if !s.m.workers[workerKey{native: 51}].kept {
		t.Fatal("the worker with the fewest jobs is not the one that is given nothing until it is empty")
	}
	silent.silent = true
	s.run(2 * time.Second)
	line := other.jobs()
	other.answer(line[0])
	if got := other.jobs(); len(got) != 0 {
		t.Fatalf("the other is given %d jobs while one must run alone and nobody else is heard", len(got))
	}
	other.answer(line[1])
	if got := other.jobs(); len(got) != 1 || got[0].Attempt != 2 {
		t.Errorf("the other, empty, is given %+v, want one of the lost jobs", got)
	}
	s.consistent()
}
