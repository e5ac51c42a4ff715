package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// growthClients are the connections over which growing systems are loaded, and lightRate the requests/s of the lighter load with
// which that is compared.
const (
	growthClients = 128
	lightRate     = 1000
)

// A grown system is one size of those that are compared with each other.
type grown struct {
	Queues    int  `json:"queues"`
	Workers   int  `json:"workers"`
	Processes bool `json:"processes,omitempty"` // the workers are faasd's own, processes that count as part of the system
}

func (g grown) String() string {
	workers := "workers"
	if g.Processes {
		workers = "worker processes"
	}
	return fmt.Sprintf("%d queues, %d %s", g.Queues, g.Workers, workers)
}

// base is the size that a size is compared with.
func (g grown) base() grown { return grown{Queues: 3, Workers: 3, Processes: g.Processes} }

// sizes are what is compared.
var sizes = []grown{
	{Queues: 3, Workers: 3},
	{Queues: 3, Workers: 30},
	{Queues: 3, Workers: 300},
	{Queues: 3, Workers: 1000},
	{Queues: 30, Workers: 30},
	{Queues: 30, Workers: 300},
	{Queues: 30, Workers: 1000},
	{Queues: 3, Workers: 3, Processes: true},
	{Queues: 3, Workers: 30, Processes: true},
}

// A growth is what a system of some size did in one round.
type growth struct {
	grown
	measurement
	Idle  traffic `json:"idle"`
	Light traffic `json:"light"` // at lightRate
	Load  traffic `json:"load"`
}

func (g growth) String() string {
	return fmt.Sprintf("%s: %.0f messages/s published idle, %.0f at %d requests/s, %.0f under load, %.0f handovers/s; %s", g.grown,
		g.Idle.Published, g.Light.Published, lightRate, g.Load.Published, g.Load.Handovers, g.measurement)
}

// growth measures systems of all sizes in each round.
func (b *bench) growth(ctx context.Context, r *report) error {
	for round := range b.rounds {
		for _, size := range sizes {
			g, err := b.grow(ctx, size)
			if err != nil {
				return fmt.Errorf("round %d of %d, %s: %w", round+1, b.rounds, size, err)
			}
			g.Round = round + 1
			fmt.Fprintf(os.Stderr, "round %d/%d  %s\n", g.Round, b.rounds, g)
			r.Growth = append(r.Growth, g)
		}
	}
	return nil
}

// grow measures a system of one size; its workers speak REQ from this process, unless they are to be processes.
func (b *bench) grow(ctx context.Context, size grown) (g growth, err error) {
	g.grown = size
	sys := &system{kind: kinds[place(upSystem)]}
	defer func() { b.late = errors.Join(b.late, sys.stop()) }()
	own := 0
	if size.Processes {
		own = size.Workers
	}
	if err := b.starter.startUp(ctx, sys, size.Queues, own); err != nil {
		return g, err
	}
	if size.Processes {
		if err := awaitWorkers(ctx, sys, own); err != nil {
			return g, err
		}
	} else {
		workers, err := employ(ctx, sys, size.Workers)
		if err != nil {
			return g, errors.Join(err, sys.alive())
		}
		defer workers.disperse()
		sys.url = sys.function(replyFunction)
		if err := awaitAnswer(ctx, sys); err != nil {
			return g, err
		}
	}
	err = b.load(ctx, sys, &g)
	return g, err
}

// load measures a grown system idle, under a light load and under as much as it takes.
func (b *bench) load(ctx context.Context, sys *system, g *growth) error {
	l := load{growthClients, len(echoBody)}
	if _, err := b.wrk(ctx, sys, l, 1); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	if err := pause(ctx, idleBefore); err != nil {
		return err
	}
	metrics := sys.function("metrics")
	window := time.Duration(b.seconds) * time.Second
	var err error
	if g.Idle, err = trafficOf(ctx, metrics, func() error { return pause(ctx, window) }); err != nil {
		return err
	}
	var light *openLoop
	g.Light, err = trafficOf(ctx, metrics, func() (err error) {
		light, err = b.openLoop(ctx, sys, lightRate)
		return err
	})
	if err != nil {
		return err
	}
	g.Load, err = trafficOf(ctx, metrics, func() (err error) {
		g.measurement, err = b.measure(ctx, sys, l)
		return err
	})
	g.Open = light
	return err
}
