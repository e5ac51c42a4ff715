package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

const (
	// idleBefore is how long a system is left alone before it is measured, with the screen open or closed.
	idleBefore = time.Second
	// wantedRate is the load, in requests/s, under which the screen is measured, as near as connections allow.
	wantedRate = 10_000
	// mostPresses is how many keys are pressed, unless --seconds leaves time for fewer.
	mostPresses      = 200
	pressesPerSecond = 40
	// pauseAtMost is the longest pause before a key: it may come at any moment between two frames.
	pauseAtMost = 50 * time.Millisecond

	crowdQueues  = 30
	crowdWorkers = 1000
)

// A screenCost is what the screen costs in one round.
type screenCost struct {
	Round int       `json:"round"`
	Idle  openClose `json:"idle"`
	Load  openClose `json:"load"`
}

// An openClose compares a system whose screen is open with itself when it is closed.
type openClose struct {
	Closed window `json:"closed"`
	Open   window `json:"open"`
}

// A window is some seconds of a system.
type window struct {
	Screen   float64 `json:"screen_percent_of_core"` // CPU of faasctl top; 0 if it is closed
	System   float64 `json:"system_percent_of_core"`
	Requests int     `json:"requests"`
	RPS      float64 `json:"rps"`
	PerJob   float64 `json:"system_ms_per_job"` // CPU, or s for 1,000 jobs; 0 without requests
	Failures int     `json:"lost_or_wrong"`
}

// A crowded screen is how fast keys are answered where there is much to show.
type crowdedScreen struct {
	Queues  int       `json:"queues"`
	Workers int       `json:"workers"`
	Screen  float64   `json:"screen_percent_of_core"`
	Presses []float64 `json:"presses_ms"`
}

// screen measures what `faasctl top` costs: rounds of a system without and with it, idle and under load, and then the
// keys.
func (b *bench) screen(ctx context.Context, r *report) error {
	sys, err := b.starter.start(ctx, upSystem)
	if err != nil {
		return err
	}
	r.Screen, err = b.screenCosts(ctx, sys)
	b.late = errors.Join(b.late, sys.stop())
	if err != nil {
		return err
	}
	r.Crowded, err = b.crowded(ctx)
	return err
}

func (b *bench) screenCosts(ctx context.Context, sys *system) (costs []screenCost, err error) {
	clients, err := b.nearest(ctx, sys)
	if err != nil {
		return nil, err
	}
	for round := range b.rounds {
		c := screenCost{Round: round + 1}
		for _, part := range []struct {
			what    string
			clients int
			into    *openClose
		}{{"idle", 0, &c.Idle}, {"load", clients, &c.Load}} {
			if *part.into, err = b.openClose(ctx, sys, part.clients, round%2 == 1); err != nil {
				return costs, fmt.Errorf("screen, %s: %w", part.what, err)
			}
			fmt.Fprintf(os.Stderr, "round %d/%d  screen, %s: %s\n", c.Round, b.rounds, part.what, part.into)
		}
		costs = append(costs, c)
	}
	return costs, nil
}

// nearest is the number of connections, doubled from 1 on, that brings the load nearest to wantedRate.
func (b *bench) nearest(ctx context.Context, sys *system) (clients int, err error) {
	off := func(rps float64) float64 { return max(rps/wantedRate, wantedRate/rps) }
	best := 0.0
	for n := 1; n <= 128; n *= 2 {
		m, err := b.wrk(ctx, sys, load{n, len(echoBody)}, 1)
		if err != nil {
			return 0, err
		}
		if m.failures() > 0 {
			return 0, fmt.Errorf("warming up: %s", m)
		}
		if clients == 0 || off(m.RPS) < off(best) {
			clients, best = n, m.RPS
		}
		if m.RPS >= wantedRate {
			break
		}
	}
	return clients, nil
}

// openClose measures a system twice, with the screen first if told so.
func (b *bench) openClose(ctx context.Context, sys *system, clients int, openFirst bool) (c openClose, err error) {
	for _, open := range []bool{openFirst, !openFirst} {
		into := &c.Closed
		if open {
			into = &c.Open
		}
		if *into, err = b.window(ctx, sys, clients, open); err != nil {
			return c, err
		}
	}
	return c, sys.alive()
}

// window measures a system, with no load if clients is 0.
func (b *bench) window(ctx context.Context, sys *system, clients int, open bool) (w window, err error) {
	pids, err := sys.pids()
	if err != nil {
		return w, err
	}
	groups := [][]int{pids}
	if open {
		screen, err := b.starter.open(ctx, sys)
		if err != nil {
			return w, err
		}
		defer func() { b.late = errors.Join(b.late, screen.close()) }()
		groups = append(groups, []int{screen.cmd.Process.Pid})
	}
	if err := pause(ctx, idleBefore); err != nil {
		return w, err
	}
	meter, err := startMeter(groups...)
	if err != nil {
		return w, err
	}
	if clients == 0 {
		err = pause(ctx, time.Duration(b.seconds)*time.Second)
	} else {
		var m measurement
		m, err = b.wrk(ctx, sys, load{clients, len(echoBody)}, b.seconds)
		w.Requests, w.RPS, w.Failures = m.Requests, m.RPS, m.failures()
	}
	if err != nil {
		return w, err
	}
	used, err := meter.stop()
	if err != nil {
		return w, err
	}
	w.System = used[0].share()
	if w.Requests > 0 {
		w.PerJob = 1000 * used[0].cpu.Seconds() / float64(w.Requests)
	}
	if open {
		w.Screen = used[1].share()
	}
	return w, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// crowded measures how fast keys are answered on the screen of a large system.
func (b *bench) crowded(ctx context.Context) (*crowdedScreen, error) {
	sys := &system{kind: kinds[place(upSystem)]}
	defer func() { b.late = errors.Join(b.late, sys.stop()) }()
	if err := b.starter.startUp(ctx, sys, crowdQueues, 0, "--timeout", "24h"); err != nil {
		return nil, err
	}
	workers, err := gather(ctx, sys, crowdWorkers)
	if err != nil {
		return nil, errors.Join(err, sys.alive())
	}
	defer workers.disperse()
	screen, err := b.starter.open(ctx, sys)
	if err != nil {
		return nil, err
	}
	defer func() { b.late = errors.Join(b.late, screen.close()) }()
	if err := pause(ctx, idleBefore); err != nil {
		return nil, err
	}
	c := &crowdedScreen{Queues: crowdQueues, Workers: crowdWorkers}
	meter, err := startMeter([]int{screen.cmd.Process.Pid})
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Duration(b.seconds)*time.Second); err != nil {
		return nil, err
	}
	used, err := meter.stop()
	if err != nil {
		return nil, err
	}
	c.Screen = used[0].share()
	keys := tour()
	for n := range min(b.seconds*pressesPerSecond, mostPresses) {
		if err := pause(ctx, rand.N(pauseAtMost)); err != nil {
			return nil, err
		}
		k := keys[n%len(keys)]
		took, err := screen.press(ctx, k.press, k.brings)
		if err != nil {
			return nil, err
		}
		c.Presses = append(c.Presses, float64(took)/float64(time.Millisecond))
	}
	fmt.Fprintln(os.Stderr, c)
	return c, nil
}

// A stroke is a key and what it brings to the screen, where it was not before.
type stroke struct{ press, brings string }

// tour goes through the views and back to where it began.
func tour() (keys []stroke) {
	const up, down = "\x1b[A", "\x1b[B"
	for _, queue := range []string{"queueB", "queueC", "queueD", "queueE", "queueF"} {
		keys = append(keys, stroke{down, "> " + queue + " "})
	}
	keys = append(keys, stroke{"a", "› workers"})
	for n := 1; n <= 3; n++ {
		keys = append(keys, stroke{down, "> " + crowdName(n) + " "})
	}
	keys = append(keys, stroke{"s", "sort worker asc"}, stroke{"i", "› jobs"}, stroke{"f", "› functions"},
		stroke{"b", "› parts"}, stroke{"e", "› events"}, stroke{"o", "Queues 30"})
	for _, queue := range []string{"queueE", "queueD", "queueC", "queueB", "queueA"} {
		keys = append(keys, stroke{up, "> " + queue + " "})
	}
	return keys
}
