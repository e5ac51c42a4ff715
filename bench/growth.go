package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// growthClients are the connections over which growing systems are loaded.
const growthClients = 128

// A grown system is one size of those that are compared with each other.
type grown struct {
	Queues  int `json:"queues"`
	Workers int `json:"workers"`
}

// sizes are what is compared; the first is the base.
var sizes = []grown{{3, 3}, {3, 30}, {3, 300}, {3, 1000}, {30, 30}, {30, 300}, {30, 1000}}

// A growth is what a system of some size did in one round.
type growth struct {
	grown
	measurement
	Idle traffic `json:"idle"`
	Load traffic `json:"load"`
}

func (g growth) String() string {
	return fmt.Sprintf("%d queues, %d workers: %.0f messages/s published idle, %.0f under load, %.0f handovers/s; %s", g.Queues, g.Workers,
		g.Idle.Published, g.Load.Published, g.Load.Handovers, g.measurement)
}

// growth measures systems of all sizes in each round, each with workers that speak REQ from this process.
func (b *bench) growth(ctx context.Context, r *report) error {
	for round := range b.rounds {
		for _, size := range sizes {
			g, err := b.grow(ctx, size)
			if err != nil {
				return fmt.Errorf("%d queues, %d workers: %w", size.Queues, size.Workers, err)
			}
			g.Round = round + 1
			fmt.Fprintf(os.Stderr, "round %d/%d  %s\n", g.Round, b.rounds, g)
			r.Growth = append(r.Growth, g)
		}
	}
	return nil
}

// grow measures a system of one size.
func (b *bench) grow(ctx context.Context, size grown) (g growth, err error) {
	g.grown = size
	sys := &system{kind: kinds[place(upSystem)]}
	defer func() { b.late = errors.Join(b.late, sys.stop()) }()
	if err := b.starter.startUp(ctx, sys, size.Queues, 0); err != nil {
		return g, err
	}
	metrics := sys.function("metrics")
	workers, err := employ(ctx, sys, size.Workers)
	if err != nil {
		return g, errors.Join(err, sys.alive())
	}
	defer workers.disperse()
	sys.url = sys.function(replyFunction)
	if err := awaitAnswer(ctx, sys); err != nil {
		return g, err
	}
	l := load{growthClients, len(echoBody)}
	if _, err := b.wrk(ctx, sys, l, 1); err != nil {
		return g, fmt.Errorf("warming up: %w", err)
	}
	if err := pause(ctx, idleBefore); err != nil {
		return g, err
	}
	window := time.Duration(b.seconds) * time.Second
	if g.Idle, err = trafficOf(ctx, metrics, func() error { return pause(ctx, window) }); err != nil {
		return g, err
	}
	g.Load, err = trafficOf(ctx, metrics, func() error {
		g.measurement, err = b.measure(ctx, sys, l)
		return err
	})
	return g, err
}
