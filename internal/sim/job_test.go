package sim

import (
	"testing"
	"time"

	"faasd/internal/wire"
	"faasd/internal/worker"
)

// forever is a function that only ends when it is stopped.
func forever(_ string, s worker.Start) (worker.Outcome, time.Duration) {
	return worker.Outcome{Body: s.Job.Body}, Forever
}

// taking is an echo that takes d.
func taking(d time.Duration) func(string, worker.Start) (worker.Outcome, time.Duration) {
	return func(_ string, s worker.Start) (worker.Outcome, time.Duration) {
		return worker.Outcome{Body: s.Job.Body}, d
	}
}

func TestARequestIsAnsweredThroughAllRoles(t *testing.T) {
	c := start(t, Layout{Queues: 3, Workers: 3})
	r := c.ask()
	c.answered(time.Second, r)
	a := r.Answers[0]
	if a.Queue == "" || a.Worker == "" || a.Attempt != 1 {
		t.Errorf("answered %+v, want a queue, a worker and attempt 1", a)
	}
	if c.runs(r) != 1 {
		t.Errorf("it was run %d times", c.runs(r))
	}
	if r.Took > 10*latency {
		t.Errorf("it took %v with nobody else there, want the way alone", r.Took)
	}
	c.Run(3 * time.Second)
	c.empty()
}

func TestAFunctionsOwnErrorIsTheAnswer(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1, Serve: func(_ string, s worker.Start) (worker.Outcome, time.Duration) {
		return worker.Outcome{Code: wire.CodeFunctionError, ContentType: "text/plain", Body: []byte("mine")}, 0
	}})
	r := c.ask()
	c.within(time.Second, "an answer", r.Done)
	a := r.Answers[0]
	if a.Code != wire.CodeFunctionError || string(a.Body) != "mine" || a.ContentType != "text/plain" || a.Attempt != 1 {
		t.Errorf("answered %+v, want the function's own error at attempt 1", a)
	}
	c.Run(3 * time.Second)
	c.empty()
}

func TestACancelledJobIsStoppedAndForgottenEverywhere(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration // from request to cancel
		jobs  int           // asked for before, each taking the worker
	}{
		{"at once", 0, 0},
		{"on the way to the queue", 2 * latency, 0},
		{"while it runs", 50 * ms, 0},
		{"while it waits for a worker", 50 * ms, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, Layout{Queues: 1, Workers: 1, Serve: forever})
			before := s.askMany(c.jobs)
			s.Run(50 * ms)
			r := s.ask()
			s.Run(c.after)
			r.Cancel()
			s.Run(500 * ms)
			for _, r := range before {
				r.Cancel()
			}
			s.Run(3 * time.Second)
			s.empty()
			if len(r.Answers) > 0 {
				t.Errorf("a client that has gone is answered %+v", r.Answers)
			}
			// The slot is free again.
			s.Serve = Echo
			s.answered(time.Second, s.ask())
		})
	}
}

func TestACancelledJobThatWaitsIsNeverRun(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1, Serve: taking(time.Second)})
	first, second := c.ask(), c.ask()
	c.Run(100 * ms)
	second.Cancel()
	c.answered(5*time.Second, first)
	c.Run(3 * time.Second)
	if n := c.runs(second); n != 0 {
		t.Errorf("it was run %d times", n)
	}
}

func TestARequestIsAnswered504InTime(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout Layout
		before func(c *cluster)
	}{
		{"no worker anywhere", Layout{Queues: 2}, nil},
		{"the function takes too long", Layout{Queues: 2, Workers: 2, Serve: forever}, nil},
		{"the queue is cut off", Layout{Queues: 1, Workers: 1}, func(c *cluster) { c.Cut("queueA", "broker1") }},
		{"the broker hangs", Layout{Queues: 1, Workers: 1}, func(c *cluster) { c.Node("broker1").Stop() }},
		{"the broker dies", Layout{Queues: 1, Workers: 1}, func(c *cluster) { c.Node("broker1").Crash() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, c.layout)
			if c.before != nil {
				c.before(s)
			}
			const timeout = 700 * ms
			r := s.askWith(echo(timeout))
			s.within(timeout+20*ms, "an answer", r.Done)
			if s.code(r) != wire.CodeExpired || r.Took < timeout {
				t.Errorf("answered %+v after %v, want that its time ran out, after %v", r.Answers, r.Took, timeout)
			}
			if s.Lives("broker1") && s.Node("broker1").stopped == 0 {
				s.Heal("queueA", "broker1")
				s.Run(10 * time.Second)
				s.empty()
			}
			s.right()
		})
	}
}

func TestTimeSpentUnderWayIsTakenFromAJobsTime(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1})
	c.Node("worker1").Stop()
	r := c.askWith(echo(2 * time.Second))
	c.Run(2500 * ms)
	c.Node("worker1").Continue()
	c.Run(5 * time.Second)
	if c.code(r) != wire.CodeExpired {
		t.Errorf("answered %+v, want that its time ran out", r.Answers)
	}
	if n := c.runs(r); n != 0 {
		t.Errorf("the function was run %d times for a client that had gone", n)
	}
	c.empty()
}
