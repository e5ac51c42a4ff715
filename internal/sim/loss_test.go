package sim

import (
	"slices"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// firstForever never ends a job's first run and echoes in the later ones.
func firstForever(_ string, s worker.Start) (worker.Outcome, time.Duration) {
	if s.Job.Attempt == 1 {
		return worker.Outcome{}, Forever
	}
	return worker.Outcome{Body: s.Job.Body}, 0
}

func TestTheJobOfALostWorkerIsRunAgainElsewhere(t *testing.T) {
	for _, l := range []Layout{
		{Queues: 1, Workers: 2, Serve: firstForever},
		{Queues: 3, Workers: 3, Serve: firstForever},
		{Queues: 3, Workers: 3, Serve: firstForever, Remote: true},
	} {
		c := start(t, l)
		r := c.ask()
		c.Run(100 * ms)
		lost := c.at(r)
		c.Node(lost).Crash()
		c.answered(5*time.Second, r)
		a := r.Answers[0]
		if a.Attempt != 2 || a.Worker == lost {
			t.Errorf("answered by %s at attempt %d, want attempt 2 elsewhere than %s", a.Worker, a.Attempt, lost)
		}
		c.Run(4 * time.Second)
		c.empty()
	}
}

func TestALostWorkerOnTheQueuesHostIsNoticedAtOnceWhenItIsGivenAJob(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 2})
	c.Node("worker1").Crash()
	c.Run(10 * ms)
	all := c.askMany(4)
	c.answered(100*ms, all...)
	for _, r := range all {
		if r.Answers[0].Worker != "worker2" || r.Answers[0].Attempt != 1 {
			t.Errorf("answered %+v, want worker2 at attempt 1: worker1 has not started any", r.Answers[0])
		}
	}
}

func TestALostWorkerIsNoticedWithin3SecondsWhenIdle(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 2})
	workers := func() int {
		n := 0
		for _, q := range c.Frontend("frontend1").View().Picture(c.Node("frontend1").Clock()).Queues {
			n += q.Workers
		}
		return n
	}
	if workers() != 2 {
		t.Fatalf("%d workers are known, want 2", workers())
	}
	c.Node("worker1").Crash()
	c.within(3100*ms, "the frontend knows of one worker", func() bool { return workers() == 1 })
}

func TestAJobThatKillsItsWorkersIsGivenUpAtTheLimit(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 5, Serve: forever})
	r := c.ask()
	var lost []string
	for range 3 {
		c.Run(100 * ms)
		for name, runs := range c.Runs {
			if len(runs) > 0 && !slices.Contains(lost, name) {
				lost = append(lost, name)
				c.Node(name).Crash()
			}
		}
		c.Run(3500 * ms)
	}
	c.within(time.Second, "an answer", r.Done)
	if a := r.Answers[0]; a.Code != wire.CodeWorkersLost || a.Attempt != 3 || a.Reason == "" {
		t.Errorf("answered %+v, want workers-lost after attempt 3 and a reason", a)
	}
	if len(lost) != 3 || c.runs(r) != 3 {
		t.Errorf("%v were lost in %d runs, want 3", lost, c.runs(r))
	}
	c.Run(4 * time.Second)
	c.empty()
}

func TestJobsThatWaitedBehindALostWorkersJobLoseNoAttempt(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1, Serve: firstForever})
	first := c.ask()
	c.Run(50 * ms)
	behind := c.askMany(5)
	c.Run(50 * ms)
	c.Node("worker1").Crash()
	c.Serve = Echo
	c.Run(3500 * ms)
	c.Start("worker2")
	c.answered(5*time.Second, append(behind, first)...)
	if a := first.Answers[0].Attempt; a != 2 {
		t.Errorf("the job that ran is answered at attempt %d, want 2", a)
	}
	for _, r := range behind {
		if a := r.Answers[0].Attempt; a != 1 {
			t.Errorf("a job that only waited is answered at attempt %d, want 1", a)
		}
	}
}

func TestTheJobsOfALostQueueGoToOthers(t *testing.T) {
	c := start(t, Layout{Queues: 3, Workers: 3, Slots: 2, Serve: taking(300 * ms)})
	all := c.askMany(30)
	c.Run(100 * ms)
	c.Node("queueB").Crash()
	c.answered(15*time.Second, all...)
	for _, r := range all {
		if r.Answers[0].Queue == "queueB" && r.Took > 100*ms {
			t.Errorf("answered by a queue that was dead: %+v", r.Answers[0])
		}
	}
	c.Run(5 * time.Second)
	c.empty()
	// Its worker has found another queue.
	for _, name := range []string{"worker1", "worker2", "worker3"} {
		if q := c.queueOf(name); q == "" || q == "queueB" {
			t.Errorf("%s is at %q, want at a queue that lives", name, q)
		}
	}
}

func TestARunOfALostQueueHoldsItsSlotAtTheNext(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 2, Serve: taking(30 * time.Second)})
	r := c.ask()
	c.Run(50 * ms)
	c.Node("queueA").Crash()
	r.Cancel() // nobody is there to tell the worker
	c.Start("queueA")
	c.Run(10 * time.Second)
	c.Serve = Echo
	// One of the two workers has no slot free, and the queue must know.
	for range 10 {
		c.answered(time.Second, c.ask())
	}
	c.Run(30 * time.Second)
	c.empty()
	// Both have one now.
	c.Serve = taking(100 * ms)
	c.answered(150*ms, c.askMany(2)...)
}

func TestARestartedBrokerIsGivenTheOpenJobsAgain(t *testing.T) {
	for _, down := range []time.Duration{0, 500 * ms, 5 * time.Second} {
		c := start(t, Layout{Queues: 3, Workers: 3, Slots: 2, Serve: taking(200 * ms)})
		all := c.askMany(30)
		c.Run(100 * ms)
		c.Node("broker1").Crash()
		c.Run(down)
		c.Start("broker1")
		c.answered(20*time.Second, all...)
		c.Run(5 * time.Second)
		c.empty()
		c.answered(time.Second, c.askMany(9)...)
	}
}

func TestARunThatOutlivesItsBrokerIsNotRepeated(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1, Serve: taking(10 * time.Second)})
	r := c.ask()
	c.Run(100 * ms)
	c.Node("broker1").Crash()
	c.Start("broker1")
	c.answered(15*time.Second, r)
	if n := c.runs(r); n != 1 || r.Answers[0].Attempt != 1 {
		t.Errorf("run %d times, answered at attempt %d; the queue had the job all the time", n, r.Answers[0].Attempt)
	}
}

func TestAResultThatABrokerTookToItsGraveIsAnsweredFromTheQueue(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1, Serve: taking(50 * ms)})
	c.Cut("broker1", "frontend1") // the broker gets the result but cannot pass it on
	c.Heal("broker1", "frontend1")
	r := c.ask()
	c.Run(40 * ms)
	c.Cut("broker1", "frontend1")
	c.Run(100 * ms)
	c.Node("broker1").Crash()
	c.Heal("broker1", "frontend1")
	c.Start("broker1")
	c.answered(10*time.Second, r)
	if n := c.runs(r); n != 1 {
		t.Errorf("run %d times; the queue had kept the result", n)
	}
	c.Run(5 * time.Second)
	c.empty()
}

func TestAResultThatComesWhileTheFrontendLooksForItsBrokerIsEnough(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 2, Serve: taking(6 * time.Second)})
	r := c.ask()
	deaf := true // the frontend is heard, and hears nothing
	c.Lose = func(from, to string, _ role.Packet) bool { return deaf && from == "broker1" && to == "frontend1" }
	c.Run(6200 * ms) // after three seconds it begins a new link; the result comes before it knows that one
	deaf = false
	c.answered(5*time.Second, r)
	c.Run(10 * time.Second)
	if n := c.runs(r); n != 1 {
		t.Errorf("run %d times; the broker had the result", n)
	}
	c.empty()
}

func TestARestartedFrontendsOldJobsAreCancelled(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 2, Serve: forever})
	old := c.askMany(6) // two run, four wait
	c.Run(100 * ms)
	c.Node("frontend1").Crash()
	c.Start("frontend1")
	c.Run(6 * time.Second)
	c.empty()
	c.Serve = Echo
	c.requests = nil
	fresh := c.askMany(6)
	c.answered(time.Second, fresh...)
	for i, r := range old {
		if r.Done() {
			t.Errorf("old request %d is answered: %+v", i, r.Answers)
		}
	}
}

func TestOneOfTwoBrokersDies(t *testing.T) {
	c := start(t, Layout{Brokers: 2, Queues: 3, Workers: 3, Slots: 2, Serve: taking(200 * ms)})
	all := c.askMany(30)
	c.Run(100 * ms)
	c.Node("broker1").Crash()
	c.answered(15*time.Second, all...)
	more := c.askMany(12)
	c.answered(5*time.Second, more...)
	c.Run(5 * time.Second)
	c.empty()
	c.Start("broker1")
	c.Run(2 * time.Second)
	last := c.askMany(12)
	c.answered(5*time.Second, last...)
	c.Run(5 * time.Second)
	c.empty()
}

func TestRolesMayStartInAnyOrder(t *testing.T) {
	names := []string{"frontend1", "broker1", "queueA", "queueB", "coordinator1", "worker1", "worker2"}
	for shift := range names {
		order := slices.Concat(names[shift:], names[:shift])
		for range 2 {
			c := newCluster(t, Layout{Queues: 2, Workers: 2})
			for _, n := range slices.Clone(c.nodes) {
				n.Crash()
			}
			for _, name := range order {
				c.Start(name)
				c.Run(1300 * ms)
			}
			c.Run(12 * time.Second)
			c.answered(time.Second, c.askMany(8)...)
			slices.Reverse(order)
		}
	}
}

func TestRolesMayBeRestartedOneByOne(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 2})
	for _, name := range []string{"coordinator1", "queueA", "worker1", "broker1", "queueB", "worker2", "frontend1"} {
		c.Node(name).Crash()
		c.Run(200 * ms)
		c.Start(name)
		c.within(20*time.Second, "both workers have joined after a restart of "+name, func() bool {
			return c.queueOf("worker1") != "" && c.queueOf("worker2") != ""
		})
		c.within(5*time.Second, "the frontend is ready", c.Frontend("frontend1").Ready)
		c.Run(2 * time.Second)
		c.answered(5*time.Second, c.askMany(8)...)
	}
	c.Run(5 * time.Second)
	c.empty()
}

func TestALostCoordinatorIsNoticedByNobodyWhoCalls(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 2})
	c.StartWorker("worker3", "upper")
	c.StartWorker("worker4", "upper")
	c.Run(2 * time.Second)
	c.Node("coordinator1").Crash()
	for range 10 {
		c.Run(time.Second)
		c.answered(time.Second, c.askMany(4)...)
		c.answered(time.Second, c.askWith(frontend.Request{Function: "upper"}))
	}
}

// A queue that was stopped for longer than its broker's patience finds jobs in
// its lines that others have run meanwhile.
func TestAQueueThatGoesOnAfterALongStopStartsNothingThatOthersWereGiven(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 2, Slots: 1, Serve: taking(400 * ms)})
	c.within(time.Second, "a worker at each queue", func() bool {
		return c.queueOf("worker1") != c.queueOf("worker2") && c.queueOf("worker1") != "" && c.queueOf("worker2") != ""
	})
	all := c.askMany(12)
	c.Run(100 * ms)
	stopped := map[string]bool{"queueA": true}
	for _, w := range []string{"worker1", "worker2"} {
		if c.queueOf(w) == "queueA" {
			stopped[w] = true
		}
	}
	running := make(map[*Request]bool)
	for _, r := range all {
		running[r] = c.runs(r) > 0
	}
	for name := range stopped {
		c.Node(name).Stop()
	}
	c.Run(5 * time.Second)
	for name := range stopped {
		c.Node(name).Continue()
	}
	c.answered(10*time.Second, all...)
	for i, r := range all {
		if n := c.runs(r); !running[r] && n != 1 {
			t.Errorf("request %d, which waited when its queue stopped, has run %d times", i, n)
		}
	}
	c.Run(4 * time.Second)
	c.empty()
}

// The second broker does not deal out anew what still waits or runs where the
// first had given it.
func TestJobsOfALostBrokerGoOnWhereTheyAre(t *testing.T) {
	c := start(t, Layout{Brokers: 2, Queues: 3, Workers: 3, Slots: 2, Serve: taking(6 * time.Second)})
	all := c.askMany(12) // half of them through each broker; 6 run, 6 wait
	c.Run(500 * ms)
	c.Node("broker1").Crash()
	c.answered(30*time.Second, all...)
	for i, r := range all {
		if n := c.runs(r); n != 1 {
			t.Errorf("request %d has run %d times", i, n)
		}
	}
	c.Run(4 * time.Second)
	c.empty()
}

func TestAJobThatNoQueueHasIsGivenToAnyAfterItsBrokerWasLost(t *testing.T) {
	c := start(t, Layout{Brokers: 2, Queues: 3, Workers: 0})
	all := c.askMany(6)
	c.Run(100 * ms)
	c.Node("broker1").Crash()
	for _, q := range []string{"queueA", "queueB", "queueC"} {
		c.Node(q).Crash()
	}
	c.Run(4 * time.Second)
	c.Start("queueB")
	c.Start("worker1")
	c.answered(10*time.Second, all...)
}
