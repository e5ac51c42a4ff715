package main

import (
	"context"
	"fmt"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// What the shell completes names to, for the operands and flags of commands
// that have a target. Nothing is found where there is no cluster.

func (t *target) workers(ctx context.Context) []config.Candidate {
	var found []config.Candidate
	for _, w := range t.now(ctx).Workers {
		if w.State != operator.StateLost {
			found = append(found, config.Candidate{Value: w.Name, Summary: fmt.Sprintf("%s on %s, %s slots busy", w.State, w.Queue, of(w.Running, w.Slots))})
		}
	}
	return found
}

func (t *target) queues(ctx context.Context) []config.Candidate {
	var found []config.Candidate
	for _, q := range t.now(ctx).Queues {
		if q.State != operator.StateLost {
			found = append(found, config.Candidate{Value: q.Name, Summary: fmt.Sprintf("%s, %s, %s waiting", q.State, operator.Plural(q.Workers, "worker"), operator.Plural(q.Waiting, "job"))})
		}
	}
	return found
}

func (t *target) functions(ctx context.Context) []config.Candidate {
	var found []config.Candidate
	for _, f := range t.now(ctx).Functions {
		found = append(found, config.Candidate{Value: f.Name, Summary: operator.Plural(f.Workers, "worker")})
	}
	return found
}

func (t *target) jobs(ctx context.Context) []config.Candidate {
	var found []config.Candidate
	for _, j := range t.now(ctx).Jobs {
		found = append(found, config.Candidate{Value: j.ID, Summary: fmt.Sprintf("%s, %s at %s for %s", j.Function, j.State, j.Queue, age(j.AgeMillis))})
	}
	return found
}

// parts are the names of one role's parts.
func (t *target) parts(ctx context.Context, role string) []config.Candidate {
	var found []config.Candidate
	for _, p := range partsOf(t.now(ctx), role) {
		found = append(found, config.Candidate{Value: p.Name, Summary: p.State})
	}
	return found
}

// now is the picture of the system, empty if it is not reached before ctx ends.
func (t *target) now(ctx context.Context) operator.Picture {
	o, p, err := t.open(ctx)
	if err == nil {
		_ = o.Close()
	}
	return p
}
