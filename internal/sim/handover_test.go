package sim

import (
	"testing"
	"time"

	"faasd/internal/frontend"
)

func TestAQueueWithoutWorkersHandsItsJobsToOneThatHasSome(t *testing.T) {
	c := start(t, Layout{Queues: 3, Workers: 1})
	all := c.askMany(9)
	c.answered(time.Second, all...)
	home := c.queueOf("worker1")
	if n := countBy(all, byQueue); n[home] != 9 {
		t.Errorf("answered by %v; the only worker is at %s", n, home)
	}
	for _, r := range all {
		if r.Answers[0].Attempt != 1 {
			t.Errorf("a job that moved is at attempt %d, want 1: moves are not attempts", r.Answers[0].Attempt)
		}
	}
	c.Run(3 * time.Second)
	c.empty()
}

func TestHandoverIsQuickWhenTheOthersAreIdle(t *testing.T) {
	for gap := 60 * ms; gap < 400*ms; gap += 17 * ms { // all have heard that the worker is free
		c := start(t, Layout{Queues: 3, Workers: 1})
		for range 12 {
			c.Run(gap)
			r := c.ask()
			c.answered(time.Second, r)
			if r.Took > 5*ms {
				t.Fatalf("one request each %v: %v for one, by way of handover in an idle system", gap, r.Took)
			}
		}
	}
}

func TestAJobWaitsUntilAWorkerJoinsWhereverItDoes(t *testing.T) {
	c := start(t, Layout{Queues: 3})
	all := c.askMany(3) // one at each queue
	c.Run(5 * time.Second)
	for _, r := range all {
		if r.Done() {
			t.Fatalf("done without a worker: %+v", r)
		}
	}
	c.Start("worker1")
	c.answered(2*time.Second, all...)
	if n := countBy(all, byQueue); len(n) != 1 {
		t.Errorf("answered by %v; there is one worker", n)
	}
	c.Run(3 * time.Second)
	c.empty()
}

func TestWaitingJobsAreSharedAmongQueuesThatGetFree(t *testing.T) {
	c := start(t, Layout{Queues: 3, Workers: 3, Slots: 4, Serve: taking(50 * ms)})
	all := c.askMany(120) // ten rounds of twelve slots
	c.answered(2*time.Second, all...)
	n := countBy(all, byQueue)
	for i := range 3 {
		if got := n[QueueName(i)]; got < 30 || got > 50 {
			t.Errorf("120 equal jobs were answered by %v, want some 40 each", n)
		}
	}
	c.Run(3 * time.Second)
	c.empty()
}

func TestHandoverPausesWithoutACoordinatorAndResumes(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 1})
	c.Node("coordinator1").Crash()
	c.Run(5 * time.Second)
	first := c.askMany(2) // one at each queue
	c.Run(5 * time.Second)
	if first[0].Done() == first[1].Done() {
		t.Errorf("done: %t and %t; only the queue with the worker can answer", first[0].Done(), first[1].Done())
	}
	c.Start("coordinator1")
	c.answered(5*time.Second, first...)
}

func TestTwoCoordinatorsHandOverOnce(t *testing.T) {
	c := start(t, Layout{Coordinators: 2, Queues: 3, Workers: 1})
	all := c.askMany(30)
	c.answered(2*time.Second, all...)
	for _, r := range all {
		if n := c.runs(r); n != 1 {
			t.Errorf("a job was run %d times", n)
		}
	}
	c.Node("coordinator1").Crash()
	more := c.askMany(30)
	c.answered(5*time.Second, more...)
	c.Run(3 * time.Second)
	c.empty()
}

func TestAWorkerThatJoinsTakesWhatWaitsAtManyQueues(t *testing.T) {
	c := start(t, Layout{Queues: 12})
	all := c.askMany(60)
	c.Run(2 * time.Second)
	c.Start("worker1")
	c.answered(10*time.Second, all...)
	for _, r := range all {
		if n := c.runs(r); n != 1 {
			t.Errorf("a job was run %d times", n)
		}
	}
	c.Run(3 * time.Second)
	c.empty()
}

func TestAJobOfAFunctionThatIsServedElsewhereMovesThere(t *testing.T) {
	c := start(t, Layout{Queues: 3, Workers: 3})
	c.StartWorker("worker4", "upper")
	c.Run(2 * time.Second)
	var all []*Request
	for range 30 {
		all = append(all, c.askWith(frontend.Request{Function: "upper"}), c.ask())
	}
	c.answered(5*time.Second, all...)
	c.Run(3 * time.Second)
	c.empty()
}
