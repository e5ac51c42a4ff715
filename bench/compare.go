package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// warmClients are the connections over which a system is warmed up before it is measured.
const warmClients = 32

// compare measures the systems and the floor of their round trips.
func (b *bench) compare(ctx context.Context, r *report) error {
	program, err := b.starter.buildHops(ctx)
	if err != nil {
		return err
	}
	defer func() { r.Results = summarize(r.Measurements) }()
	for round := range b.rounds {
		f, err := b.starter.hops(ctx, program, b.seconds)
		if err != nil {
			return fmt.Errorf("round %d of %d, six hops in C: %w", round+1, b.rounds, err)
		}
		f.Round = round + 1
		fmt.Fprintf(os.Stderr, "round %d/%d  %s\n", f.Round, b.rounds, f)
		r.Floors = append(r.Floors, f)
		taken, err := b.round(ctx, round, b.systems, loads(b.clients, b.bodies))
		r.Measurements = append(r.Measurements, taken...)
		if err != nil {
			return fmt.Errorf("round %d of %d: %w", round+1, b.rounds, err)
		}
	}
	return nil
}

// round starts every system anew and measures them in turn under each load, so that what else the machine does
// meanwhile falls on all of them. Each round begins with another system. What was measured before an error is returned with it.
func (b *bench) round(ctx context.Context, round int, names []string, loads []load) (taken []measurement, err error) {
	first := round % len(names)
	var systems []*system
	defer func() {
		for _, sys := range systems {
			b.late = errors.Join(b.late, sys.stop())
		}
	}()
	for _, name := range slices.Concat(names[first:], names[:first]) {
		sys, err := b.starter.start(ctx, name)
		if err != nil {
			return nil, err
		}
		systems = append(systems, sys)
	}
	for _, sys := range systems { // a cold start is not what is measured
		m, err := b.wrk(ctx, sys, load{sys.most(warmClients), len(echoBody)}, 1)
		if err != nil {
			return nil, err
		}
		if m.failures() > 0 {
			return nil, fmt.Errorf("warming up: %s", m)
		}
	}
	for _, l := range loads {
		for _, sys := range systems {
			if sys.most(l.Clients) < l.Clients {
				continue
			}
			m, err := b.measure(ctx, sys, l)
			if err != nil {
				return taken, err
			}
			if l == (load{openClients, len(echoBody)}) {
				if m.Open, err = b.openLoop(ctx, sys, openShare*m.RPS); err != nil {
					return taken, fmt.Errorf("%s, open loop: %w", sys.name, err)
				}
			}
			m.Round = round + 1
			fmt.Fprintf(os.Stderr, "round %d/%d  %s\n", m.Round, b.rounds, m)
			taken = append(taken, m)
		}
	}
	return taken, nil
}
