package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// crossingTimeout is how long the parts of a system may take to tell of what they have done.
const crossingTimeout = 3 * time.Second

// crossings are what faasd's parts count of each job between its acceptance and its answer: a job that has been through all of
// them has crossed all six links.
var crossings = []counter{
	{name: "faasd_broker_accepted_jobs_total"}, // frontend to broker
	{name: "faasd_queue_arrived_jobs_total"},   // broker to queue
	{name: "faasd_queue_jobs_total"},           // queue to worker, and back
	{name: "faasd_broker_answered_jobs_total"}, // queue to broker, which sends it to the frontend
}

// crossed are the crossings that a system has counted, all its parts together.
func (s *system) crossed(ctx context.Context) (counts [4]float64, err error) {
	for _, address := range s.metrics {
		text, err := get(ctx, address)
		if err != nil {
			return counts, err
		}
		for i, c := range crossings {
			n, err := c.sum(text)
			if err != nil && !errors.Is(err, errNoSeries) { // each part has only its own
				return counts, fmt.Errorf("%s: %w", address, err)
			}
			counts[i] += n
		}
	}
	return counts, nil
}

// awaitCrossings returns an error unless so many jobs more than before have crossed a system. Parts may be a moment behind.
func (s *system) awaitCrossings(ctx context.Context, before [4]float64, jobs int) error {
	deadline := time.Now().Add(crossingTimeout)
	for {
		now, err := s.crossed(ctx)
		if err != nil {
			return err
		}
		short := -1
		for i := range crossings {
			if short < 0 && now[i]-before[i] < float64(jobs) {
				short = i
			}
		}
		if short < 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: of %d answers only %.0f are in %s", errShortcut, jobs, now[short]-before[short], crossings[short].name)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}
