package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/wire"
	"faasd/internal/worker"
)

// settle brings a system to rest: what is kept for each peer is there, and what
// lags behind by a job or by a while is the same each time.
func (c *cluster) settle() {
	for range 5 {
		c.answered(10*time.Second, c.askMany(100)...)
	}
	c.Run(65 * time.Second) // lost members and workers are forgotten
	for range 6 {
		c.answered(10*time.Second, c.ask())
		c.Run(50 * ms)
	}
	c.Run(2 * time.Second)
	c.requests = nil
	clear(c.Runs)
}

// sameSize checks that every process holds what it held before.
func (c *cluster) sameSize(before map[string]map[string]int) {
	c.t.Helper()
	after := c.footprints()
	for _, name := range slices.Sorted(maps.Keys(after)) {
		ways := maps.Clone(before[name])
		maps.Copy(ways, after[name])
		for _, way := range slices.Sorted(maps.Keys(ways)) {
			if strings.HasPrefix(way, ".results.") || strings.Contains(way, ".over.") ||
				strings.HasPrefix(way, ".bus.View.entries") || way == ".bus.View.order" || way == ".bus.View.left" || strings.HasPrefix(way, ".placed[]") ||
				strings.HasSuffix(way, ".member.Jobs") || way == ".history" {
				continue // bounded: by a window, by a minute, by the next worker that asks, by a HELLO, by the last thousand
			}
			b := before[name][way]
			if strings.HasPrefix(way, ".take.") || strings.HasPrefix(way, ".offers.") {
				b = max(b, c.Queues) // one for each other queue, or for the one function
			}
			if a := after[name][way]; a > b {
				c.t.Errorf("%s: %s has grown from %d to %d", name, way, b, a)
			}
		}
	}
}

func TestNothingGrowsWithTheNumberOfJobs(t *testing.T) {
	c := start(t, Layout{Queues: 3, Workers: 3, Slots: 8, Serve: taking(3 * ms)})
	c.settle()
	before := c.footprints()
	for range 100 {
		c.answered(10*time.Second, c.askMany(100)...)
		c.requests = nil
	}
	c.settle()
	c.sameSize(before)
	// A queue hears with each job which results are no longer wanted.
	for i := range 3 {
		if n := Footprint(c.Node(QueueName(i)).Machine)[".results.byID"]; n > 100 {
			t.Errorf("%s keeps %d results; the last hundred jobs were one burst", QueueName(i), n)
		}
	}
}

func TestNothingGrowsWithWhatGoesWrong(t *testing.T) {
	failing := func(_ string, s worker.Start) (worker.Outcome, time.Duration) {
		switch s.Job.OriginSeq % 4 {
		case 0:
			return worker.Outcome{Code: wire.CodeFunctionFailed}, 10 * ms
		case 1:
			return worker.Outcome{}, Forever
		}
		return worker.Outcome{Body: s.Job.Body}, 10 * ms
	}
	c := start(t, Layout{Coordinators: 2, Brokers: 2, Queues: 3, Workers: 4, Slots: 8})
	c.settle()
	before := c.footprints()
	for round := range 12 {
		c.Serve = failing
		var all []*Request
		for i := range 60 {
			r := c.askWith(echo(3 * time.Second))
			if i%5 == 0 {
				c.After(time.Duration(i)*ms, r.Cancel)
			}
			all = append(all, r)
		}
		c.Run(20 * ms)
		name := []string{"worker1", "queueB", "broker1", "coordinator1"}[round%4]
		c.Node(name).Crash()
		c.Run(time.Duration(round%3) * time.Second)
		c.Start(name)
		c.Run(10 * time.Second)
		c.right()
		for i, r := range all {
			if i%5 != 0 && !r.Done() {
				t.Fatalf("round %d: request %d hangs", round, i)
			}
		}
		c.requests = nil
		c.Serve = Echo
		c.answered(5*time.Second, c.ask())
	}
	c.Run(30 * time.Second) // workers have settled at all queues
	c.settle()
	c.sameSize(before)
}

func TestNothingGrowsWithFrontendsThatComeAndGo(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 2, Slots: 4, Serve: taking(5 * ms)})
	c.settle()
	before := c.footprints()
	for i := range 20 {
		name := fmt.Sprintf("frontend%d", i+2)
		c.Start(name)
		c.Run(500 * ms)
		for range 10 {
			c.Ask(name, echo(time.Second))
		}
		c.Run(3 * ms)
		c.Node(name).Crash()
		c.Run(time.Second)
	}
	c.Run(5 * time.Second)
	c.settle()
	after := c.footprints()
	for _, q := range []string{"queueA", "queueB"} {
		// Results of a frontend that is gone stay until newer ones push them out.
		if n := after[q][".results.byID"]; n > 4096 {
			t.Errorf("%s keeps %d results, more than its bound", q, n)
		}
	}
	c.sameSize(before)
}
