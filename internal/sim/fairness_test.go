package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/worker"
)

// takes is an echo whose functions take what is given for each; none for others.
func takes(times map[string]time.Duration) func(string, worker.Start) (worker.Outcome, time.Duration) {
	return func(_ string, s worker.Start) (worker.Outcome, time.Duration) {
		return worker.Outcome{Body: s.Job.Body}, times[s.Job.Meta.Function]
	}
}

// every asks for a function n times, one request each step, and returns them.
func (c *cluster) every(step time.Duration, n int, function string) (all []*Request) {
	for range n {
		all = append(all, c.askWith(frontend.Request{Function: function}))
		c.Run(step)
	}
	return all
}

// slowest returns how long the slowest of the requests took, all of which must
// have been answered.
func (c *cluster) slowest(requests []*Request) (most time.Duration) {
	c.t.Helper()
	c.answered(10*time.Second, requests...)
	for _, r := range requests {
		most = max(most, r.Took)
	}
	return most
}

// overload has a function asked for, a burst each step, until it is stopped.
// It returns what was asked.
func (c *cluster) overload(function string, burst int, step time.Duration) (asked *[]*Request, stop func()) {
	asked, on := new([]*Request), true
	var again func()
	again = func() {
		if !on {
			return
		}
		for range burst {
			*asked = append(*asked, c.askWith(frontend.Request{Function: function}))
		}
		c.After(step, again)
	}
	again()
	return asked, func() { on = false }
}

func refused(requests []*Request) (n int) {
	for _, r := range requests {
		if r.Refusal == frontend.Full {
			n++
		}
	}
	return n
}

func TestOneFunctionsFloodCostsAnotherLittle(t *testing.T) {
	const quick, slow = 10 * ms, 100 * ms
	for _, layout := range []struct {
		name    string
		workers [][]string
		allowed time.Duration // beyond its quiet time
	}{
		{"with workers of its own", [][]string{{"slow"}, {"slow"}, {"quick"}, {"quick"}}, 10 * ms},
		// It may have to wait for a slot, and then for a run that has begun in it.
		{"with workers that serve both", [][]string{{"slow", "quick"}, {"slow", "quick"}, {"quick", "slow"}, {"quick", "slow"}}, 2 * slow},
	} {
		for _, brokers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d brokers", layout.name, brokers), func(t *testing.T) {
				c := start(t, Layout{Brokers: brokers, Queues: 2, Slots: 2, Window: 200, Serve: takes(map[string]time.Duration{"quick": quick, "slow": slow})})
				for i, functions := range layout.workers {
					c.StartWorker(fmt.Sprintf("worker%d", i+1), functions...)
				}
				c.Run(3 * time.Second)
				quiet := c.slowest(c.every(50*ms, 20, "quick"))

				flood, stop := c.overload("slow", 20, 10*ms)
				c.Run(2 * time.Second)
				beside := c.every(50*ms, 100, "quick")
				stop()
				if n := refused(*flood); n == 0 {
					t.Error("nothing of the flood was refused; the test shows nothing")
				}
				if most := c.slowest(beside); most > quiet+layout.allowed {
					t.Errorf("beside a flood a request took %v, and %v without", most, quiet)
				}
				accepted := slices.DeleteFunc(*flood, func(r *Request) bool { return r.Refusal == frontend.Full })
				c.within(time.Minute, "the flood has been answered", func() bool {
					return !slices.ContainsFunc(accepted, func(r *Request) bool { return !r.Done() })
				})
				c.Run(3 * time.Second)
				c.empty()
			})
		}
	}
}

func TestAnOverloadedSystemRefusesAndRecovers(t *testing.T) {
	const perSecond = 1000 // 2 workers of 5 slots, 10 ms each
	c := start(t, Layout{Queues: 2, Workers: 2, Slots: 5, Window: 1 << 14, Serve: taking(10 * ms)})
	flood, stop := c.overload("echo", 40, 10*ms)
	c.Run(4 * time.Second)
	if n := refused((*flood)[len(*flood)-40:]); n == 0 {
		t.Error("four times what can be answered is accepted after 4 s")
	}
	c.Run(6 * time.Second)
	before := len(*flood)
	c.Run(time.Second)
	late := slices.DeleteFunc((*flood)[before:], func(r *Request) bool { return r.Refusal == frontend.Full })
	stop()
	ended := c.Now()
	c.within(2*time.Second, "whatever was accepted has been answered", func() bool {
		return !slices.ContainsFunc(late, func(r *Request) bool { return !r.Done() })
	})
	if n := len(late); n < perSecond*8/10 || n > perSecond*12/10 {
		t.Errorf("in a second of overload %d were accepted, want the %d that can be answered", n, perSecond)
	}
	for _, r := range late {
		if r.Took > 1500*ms {
			t.Fatalf("in the overload a request took %v, want not much more than --max-wait", r.Took)
		}
	}
	for c.Now() < ended+1200*ms {
		c.Run(10 * ms)
	}
	if after := c.every(10*ms, 50, "echo"); c.slowest(after) > 50*ms {
		t.Errorf("1.2 s after the overload a request takes %v", c.slowest(after))
	}
	c.Run(3 * time.Second)
	c.empty()
}

// Nobody is refused for what hangs at a part that has died: the rest goes on.
func TestALossUnderLoadRefusesNobody(t *testing.T) {
	for _, victim := range []string{"broker1", "queueA"} {
		t.Run(victim, func(t *testing.T) {
			c := start(t, Layout{Brokers: 2, Queues: 3, Workers: 6, Slots: 8, Serve: taking(5 * ms)})
			load, stop := c.overload("echo", 8, 10*ms) // 800 a second
			c.Run(2 * time.Second)
			c.Node(victim).Crash()
			c.Run(5 * time.Second)
			stop()
			if n := refused(*load); n > 0 {
				t.Errorf("%d of %d were refused", n, len(*load))
			}
			c.answered(10*time.Second, *load...)
		})
	}
}

func TestALostFrontendsJobsAreCancelledAfterThreeSeconds(t *testing.T) {
	c := start(t, Layout{Brokers: 2, Queues: 2, Workers: 2, Serve: forever})
	c.askMany(6) // two run, the others wait
	c.Run(100 * ms)
	c.Node("frontend1").Crash()
	c.Run(2500 * ms)
	if n := Footprint(c.Node("broker1").Machine)[".jobs"] + Footprint(c.Node("broker2").Machine)[".jobs"]; n != 6 {
		t.Errorf("before its frontend is known to be lost %d of 6 jobs are left", n)
	}
	c.Run(700 * ms)
	for _, name := range []string{"broker1", "broker2", "queueA", "queueB", "worker1", "worker2"} {
		for way, n := range held(c.Node(name)) {
			if !strings.HasSuffix(way, ".link.kept") { // what says so is on its way
				t.Errorf("%s still has %d in %s", name, n, way)
			}
		}
	}
	c.Run(3 * time.Second)
	c.empty()
}

// Requests go to all queues in turn, also to those without a worker: what they are
// given must not wait while a queue with one runs its own, newer jobs.
func TestUnderOverloadNoRequestWaitsForEverAtAQueueWithoutAWorker(t *testing.T) {
	c := start(t, Layout{Queues: 3, Slots: 2, Window: 1 << 14, Serve: taking(20 * ms)}) // 100 a second
	c.StartWorker("worker1", "slow")
	c.Run(3 * time.Second)
	flood, stop := c.overload("slow", 5, 20*ms) // 250 a second
	c.Run(20 * time.Second)
	stop()
	accepted := slices.DeleteFunc(*flood, func(r *Request) bool { return r.Refusal == frontend.Full })
	c.within(10*time.Second, "whatever was accepted has been answered", func() bool {
		return !slices.ContainsFunc(accepted, func(r *Request) bool { return !r.Done() })
	})
	if n := len(accepted); n < 1700 {
		t.Errorf("%d were answered in 20 s, want the 2000 that can be, or nearly", n)
	}
	for _, r := range accepted {
		if r.Took > 10*time.Second {
			t.Fatalf("a request waited %v while newer ones were answered", r.Took)
		}
	}
}
