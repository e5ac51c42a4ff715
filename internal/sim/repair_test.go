package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"faasd/internal/role"
)

func TestALinkThatIsCutForLessThanASecondLosesNothing(t *testing.T) {
	for _, ends := range [][2]string{
		{"frontend1", "broker1"}, {"broker1", "queueA"}, {"queueA", "worker1"}, {"queueA", "coordinator1"},
	} {
		t.Run(ends[0]+" and "+ends[1], func(t *testing.T) {
			c := start(t, Layout{Queues: 2, Workers: 2, Slots: 4, Serve: taking(20 * ms), Remote: true})
			var all []*Request
			for i := range 100 {
				if i == 30 {
					c.Cut(ends[0], ends[1])
				}
				if i == 75 { // 0.9 s later
					c.Heal(ends[0], ends[1])
				}
				all = append(all, c.ask())
				c.Run(20 * ms)
			}
			c.answered(5*time.Second, all...)
			for i, r := range all {
				if n := c.runs(r); n != 1 {
					t.Errorf("request %d was run %d times; nobody was lost", i, n)
				}
			}
			c.Run(3 * time.Second)
			c.empty()
		})
	}
}

func TestConnectionsThatBreakLoseNothing(t *testing.T) {
	for _, ends := range [][2]string{
		{"frontend1", "broker1"}, {"broker1", "queueA"}, {"queueA", "worker1"}, {"coordinator1", "queueA"},
	} {
		t.Run(ends[0]+" and "+ends[1], func(t *testing.T) {
			c := start(t, Layout{Queues: 2, Workers: 2, Slots: 4, Serve: taking(20 * ms), Remote: true})
			var all []*Request
			for i := range 100 {
				if i%15 == 10 {
					c.Break(ends[0], ends[1])
				}
				all = append(all, c.ask())
				c.Run(20 * ms)
			}
			c.answered(10*time.Second, all...)
			c.Run(3 * time.Second)
			c.empty()
		})
	}
}

func TestARoleThatIsStoppedForFiveSecondsGoesOn(t *testing.T) {
	for _, name := range []string{"worker1", "queueA", "broker1", "coordinator1", "frontend1"} {
		t.Run(name, func(t *testing.T) {
			c := start(t, Layout{Queues: 2, Workers: 2, Slots: 2, Serve: taking(30 * ms)})
			all := c.askMany(8)
			c.Run(10 * ms)
			c.Node(name).Stop()
			c.Run(5 * time.Second)
			c.Node(name).Continue()
			c.answered(20*time.Second, all...)
			c.Run(15 * time.Second)
			c.answered(2*time.Second, c.askMany(8)...)
			c.Run(5 * time.Second)
			c.empty()
			for _, w := range []string{"worker1", "worker2"} {
				if c.queueOf(w) == "" {
					t.Errorf("%s has no queue", w)
				}
			}
		})
	}
}

func TestAStoppedWorkersJobIsAnsweredMeanwhileAndOnce(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 2, Serve: taking(50 * ms)})
	r := c.ask()
	c.Run(20 * ms)
	stopped := c.at(r)
	c.Node(stopped).Stop()
	c.answered(4*time.Second, r) // by the other, after three seconds of silence
	if a := r.Answers[0]; a.Attempt != 2 || a.Worker == stopped {
		t.Errorf("answered %+v, want attempt 2 elsewhere", a)
	}
	c.Node(stopped).Continue()
	c.Run(10 * time.Second)
	c.right()
	c.empty()
	if c.queueOf(stopped) == "" {
		t.Errorf("%s has no queue", stopped)
	}
}

func TestARunOutlivesASilenceOfItsQueue(t *testing.T) {
	// The worker cannot tell its queue is only cut off; the queue must not
	// start the job again while the lease lasts.
	c := start(t, Layout{Queues: 1, Workers: 2, Serve: taking(2 * time.Second), Remote: true})
	r := c.ask()
	c.Run(100 * ms)
	c.Cut("queueA", c.at(r))
	c.Run(900 * ms)
	c.Heal("queueA", c.at(r))
	c.answered(5*time.Second, r)
	if n := c.runs(r); n != 1 {
		t.Errorf("run %d times", n)
	}
}

func TestNoisyLinksLoseNothing(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			c := start(t, Layout{Queues: 3, Workers: 3, Slots: 4, Serve: taking(5 * ms), Remote: true})
			c.Lose = func(string, string, role.Packet) bool { return random.Float64() < 0.05 }
			var all []*Request
			for range 300 {
				all = append(all, c.ask())
				c.Run(5 * ms)
			}
			c.Lose = nil
			c.answered(20*time.Second, all...)
			c.Run(5 * time.Second)
			c.empty()
		})
	}
}

func TestClocksOfDifferentSpeeds(t *testing.T) {
	for _, speed := range []int64{0, 500, -500, 50_000} {
		w := NewWorld()
		n := &Node{w: w, born: 3 * time.Second, speed: speed}
		last := time.Duration(-1)
		for w.now = n.born; w.now < n.born+2*time.Second; w.now += 333*time.Microsecond + 1 {
			now := n.Clock()
			if now <= last {
				t.Fatalf("speed %d: the clock goes from %v to %v", speed, last, now)
			}
			last = now
			at := n.when(now)
			if was := w.now; (at - was).Abs() > time.Microsecond {
				t.Fatalf("speed %d: it is said to read %v at %v, and does at %v", speed, now, at, was)
			}
		}
		if want := 2*time.Second + 2*time.Duration(speed)*time.Microsecond; (last - want).Abs() > time.Millisecond {
			t.Errorf("speed %d: in two seconds it runs %v, want %v", speed, last, want)
		}
	}
}
