package sim

import (
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/wire"
)

func TestDrainingLosesNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout Layout
	}{
		{"worker1", Layout{Queues: 2, Workers: 2, Slots: 2}},
		{"queueA", Layout{Queues: 2, Workers: 2, Slots: 2}},
		{"broker1", Layout{Brokers: 2, Queues: 2, Workers: 2, Slots: 2}},
		{"coordinator1", Layout{Coordinators: 2, Queues: 2, Workers: 2, Slots: 2}},
		{"frontend1", Layout{Queues: 2, Workers: 2, Slots: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.layout.Serve = taking(100 * ms)
			s := start(t, c.layout)
			all := s.askMany(24)
			s.Run(50 * ms)
			began := s.Now()
			if !s.Shut(c.name, 10*time.Second) {
				t.Errorf("it had something left after ten seconds")
			}
			t.Logf("drained in %v", s.Now()-began)
			s.answered(10*time.Second, all...)
			for i, r := range all {
				if n := s.runs(r); n != 1 || r.Answers[0].Attempt != 1 {
					t.Errorf("request %d was run %d times and is answered at attempt %d", i, n, r.Answers[0].Attempt)
				}
			}
			s.Run(5 * time.Second)
			s.empty()
			if c.name != "frontend1" {
				s.answered(2*time.Second, s.askMany(8)...)
			}
		})
	}
}

func TestADrainingFrontendRefusesNewRequests(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1, Serve: taking(time.Second)})
	first := c.ask()
	c.Run(100 * ms)
	n := c.Node("frontend1")
	n.Do(c.Frontend("frontend1").Drain)
	if r := c.ask(); r.Refusal != frontend.Stopping {
		t.Errorf("refusal %d, want that it stops", r.Refusal)
	}
	c.requests = c.requests[:1]
	c.answered(2*time.Second, first)
}

func TestAFrontendThatMustStopAnswersWhatIsOpen(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1, Serve: forever})
	all := c.askMany(4)
	if c.Shut("frontend1", 500*ms) {
		t.Errorf("it had nothing left")
	}
	for _, r := range all {
		if c.code(r) != wire.CodeLeaving {
			t.Errorf("answered %+v, want that it stops", r.Answers)
		}
	}
	c.Run(3 * time.Second)
	c.empty()
}

func TestADrainingQueueIsGivenNothing(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 2, Serve: taking(100 * ms)})
	c.Node("queueA").Do(c.Queue("queueA").Drain)
	c.Run(200 * ms)
	all := c.askMany(10)
	c.answered(5*time.Second, all...)
	if n := countBy(all, byQueue); n["queueB"] != 10 {
		t.Errorf("answered by %v, want by queueB alone", n)
	}
}

func TestTheLastQueueKeepsWhatItCannotGiveAway(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1, Serve: taking(100 * ms)})
	all := c.askMany(10)
	c.Run(50 * ms)
	if !c.Shut("queueA", 10*time.Second) {
		t.Errorf("it had something left: nobody else could take it, and it had a worker")
	}
	c.answered(time.Second, all...)
}

func TestAWorkerThatLeavesIsNotCalledLost(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 2, Serve: taking(100 * ms)})
	all := c.askMany(4)
	c.Run(50 * ms)
	c.Shut("worker1", 5*time.Second)
	c.answered(5*time.Second, all...)
	n := c.Node("queueA")
	if lost := Footprint(n.Machine)[".lost"]; lost != 0 {
		t.Errorf("%d workers count as lost; one left in order", lost)
	}
}
