package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"faasd/internal/acceptance"
	"faasd/internal/operator"
)

// A site is a project as the acceptance tests have it.
type site struct {
	t    *testing.T
	p    *project
	view *operator.Operator
}

func (s *site) URL() string { return "http://" + s.p.frontends()[0] }

func (s *site) Picture() operator.Picture { return s.view.Picture() }

// StartWorker scales the service by one.
func (s *site) StartWorker(ctx context.Context) (string, int, error) {
	before := s.p.containers(s.t, "worker")
	if _, err := s.p.run(ctx, nil, "up", "-d", "--no-build", "--scale", "worker="+strconv.Itoa(len(before)+1)); err != nil {
		return "", 0, err
	}
	for _, id := range s.p.containers(s.t, "worker") {
		if !slices.Contains(before, id) {
			p, err := s.view.Until(ctx, func(p operator.Picture) bool { return workerAt(p, id) != nil })
			if err != nil {
				return "", 0, fmt.Errorf("the worker of container %s is not on the bus: %w", id, err)
			}
			w := workerAt(p, id)
			return w.Name, w.PID, nil
		}
	}
	return "", 0, errors.New("docker-compose has started no container")
}

// KillWorker kills a container as an operator does, after which the engine
// does not start it again.
func (s *site) KillWorker(ctx context.Context, w operator.Worker) (string, error) {
	if _, err := docker(ctx, "kill", w.Host); err != nil {
		return "", err
	}
	code, err := docker(ctx, "wait", w.Host)
	return "exit code " + code + " of container " + w.Host, err
}

// HoldBack has nothing to do: the engine replaces no container that was killed
// by its own command.
func (s *site) HoldBack(context.Context) (func(), error) { return func() {}, nil }

// workerAt is the worker of a container that runs, nil if there is none.
func workerAt(p operator.Picture, container string) *operator.Worker {
	for i := range p.Workers {
		if w := &p.Workers[i]; strings.HasPrefix(container, w.Host) && w.State == operator.WorkerUp {
			return w
		}
	}
	return nil
}

// accept runs one of the report's tests.
func accept(t *testing.T, p *project, number int) {
	t.Helper()
	test := acceptance.Tests()[number-1]
	t.Run(test.Name, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*startWithin)
		defer cancel()
		result := test.RunOn(ctx, &site{t, p, p.watch(t)}, nil)
		for _, step := range result.Steps {
			t.Logf("%s: %s: %s", step.State, step.Text, strings.Join(step.Evidence, "; "))
			if step.State == acceptance.Failed {
				t.Errorf("%s: expected %s, seen %s", step.Text, step.Expected, step.Seen)
			}
		}
		if result.State != acceptance.Passed {
			t.Fatalf("%s: %s", result.State, test.Promise)
		}
	})
}
