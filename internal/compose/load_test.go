package compose

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"faasd/internal/chaos"
)

// rate is how many requests a second the load sends: little, as it shares the
// machine with all containers.
const rate = 100

// underLoad does something while requests are sent. Every request must be
// answered, once and with its own body. It returns what the load has found.
func underLoad(t *testing.T, frontends func() []string, do func(load *chaos.Steady)) *chaos.SteadyReport {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	load := chaos.NewSteady(frontends, rate, seed)
	finished := false
	finish := func() *chaos.SteadyReport {
		finished = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*startWithin)
		defer cancel()
		r, err := load.Finish(ctx)
		if err != nil {
			t.Errorf("requests are still open: %v", err)
		}
		return r
	}
	defer func() { // if do has ended the test
		if !finished {
			finish()
		}
	}()
	do(load)
	load.During("the end")
	r := finish()
	t.Logf("seed %d: %s; sent again %d times", seed, r.String(), r.Again)
	for _, b := range r.Breaches {
		t.Errorf("%6.1f s  request %d, %s: %s", b.Seconds, b.Request, b.During, b.What)
	}
	if r.Broken > len(r.Breaches) {
		t.Errorf("%d promises were broken in all", r.Broken)
	}
	if r.Answers["200"] != r.Requests || r.Requests == 0 || r.Unsent > 0 {
		t.Errorf("of %d requests, %d not sent, %d were answered 200", r.Requests, r.Unsent, r.Answers["200"])
	}
	return r
}

// scaledUnderLoad is 3 → 9 → 2 workers.
func scaledUnderLoad(t *testing.T, p *project) {
	view := p.watch(t)
	underLoad(t, p.frontends, func(load *chaos.Steady) {
		load.During("3 to 9 workers")
		scale(t, p, 9)
		load.During("9 to 2 workers")
		scale(t, p, 2)
		load.During("2 to 3 workers")
		scale(t, p, 3)
	})
	hasSpread(t, view, 1, 1, 1)
}

// A harm is what happens to a container.
type harm struct {
	what string
	do   func(t *testing.T, p *project, service, id string) (over func())
}

// lasts is how long a container is paused or cut off: longer than the 3 s after
// which its peers take it for lost.
const lasts = 4 * time.Second

var (
	// Its processes end as by a crash: the engine starts it again by itself.
	crash = harm{"crash", func(t *testing.T, p *project, service, id string) func() {
		started := startedAt(t, id)
		_, _ = docker(within(t), "exec", id, "sh", "-c", "kill -KILL -1") // which the shell does not outlive
		return func() {
			eventually(t, soon, func() string {
				if now := startedAt(t, id); now == started {
					return service + " is not started again"
				}
				return ""
			})
		}
	}}
	pause = harm{"pause", func(t *testing.T, p *project, service, id string) func() {
		mustDocker(t, "pause", id)
		return func() {
			wait(t, lasts)
			mustDocker(t, "unpause", id)
		}
	}}
	// It comes back with another address, most of the time.
	cut = harm{"network disconnect", func(t *testing.T, p *project, service, id string) func() {
		mustDocker(t, "network", "disconnect", p.network(), id)
		return func() {
			wait(t, lasts)
			mustDocker(t, "network", "connect", "--alias", service, p.network(), id)
		}
	}}
)

func startedAt(t *testing.T, id string) string {
	t.Helper()
	return mustDocker(t, "inspect", "-f", "{{.State.StartedAt}} {{.State.Running}}", id)
}

// wait is for what takes its time, such as being away.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// harmedUnderLoad does to one container after the other what happens to
// containers. The network of front is its clients' too: it is not cut.
func harmedUnderLoad(t *testing.T, p *project) {
	view := p.watch(t)
	for _, h := range []struct {
		harm
		services []string
	}{
		{crash, []string{"worker", "queueA", "broker", "coord-broker", "front"}},
		{pause, []string{"worker", "queueB", "broker", "front"}},
		{cut, []string{"worker", "queueC", "broker", "coord-broker"}},
	} {
		t.Run(h.what, func(t *testing.T) {
			underLoad(t, p.frontends, func(load *chaos.Steady) {
				for _, service := range h.services {
					load.During(h.what + " of " + service)
					h.do(t, p, service, p.container(t, service))()
					whole(t, p)
				}
			})
		})
	}
	hasSpread(t, view, 1, 1, 1)
}

// whole waits until a request is answered by each of three workers: all parts
// are there again, and have found each other.
func whole(t *testing.T, p *project) {
	t.Helper()
	view := p.watch(t)
	eventually(t, soon, func() string {
		picture := view.Picture()
		var not []string
		for _, q := range picture.Queues {
			if q.State != "ok" {
				not = append(not, q.Name+" "+q.State)
			}
		}
		if t := picture.Totals; len(not) > 0 || t.Workers != 3 || t.Queues != 3 {
			return fmt.Sprintf("%d queues, %d workers; %s", t.Queues, t.Workers, strings.Join(not, ", "))
		}
		return ""
	})
}

// replacedUnderLoad replaces the containers of each service by new ones, as an
// upgrade does, and then has each service restarted.
func replacedUnderLoad(t *testing.T, p *project) {
	for _, how := range [][]string{{"up", "-d", "--no-build", "--no-deps", "--force-recreate"}, {"restart"}} {
		t.Run(how[0], func(t *testing.T) {
			var hungUp int
			r := underLoad(t, p.frontends, func(load *chaos.Steady) {
				for _, service := range services {
					load.During(how[0] + " of " + service)
					before := load.HungUp()
					args := append(append([]string{}, how...), service)
					if service == "worker" && how[0] == "up" {
						args = append(append([]string{}, how...), "--scale", "worker=3", service)
					}
					p.compose(t, args...)
					whole(t, p)
					if service == "front" {
						hungUp = load.HungUp() - before
					}
				}
			})
			// A request may come in the very moment in which front ends an idle
			// connection: no more than that is lost of what it stops with.
			if hungUp > 2 {
				t.Errorf("front hung up on %d requests when it stopped (%d sent again in all)", hungUp, r.Again)
			}
		})
	}
}
