package acceptance

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"faasd/internal/operator"
)

// live is a running system that serves others meanwhile.
type live struct {
	view   *operator.Operator
	url    string
	agreed []operator.Worker
}

// NewLive returns the system that an operator looks at, as the tests need it; a
// frontend of it serves HTTP at url. Nobody but the workers agreed on is killed.
func NewLive(view *operator.Operator, url string, agreed []operator.Worker) System {
	return &live{view, url, agreed}
}

// New workers are held back for holdFor, again and again: if the test dies, they
// come soon.
const (
	holdFor   = 10 * time.Second
	holdEvery = 3 * time.Second
)

func (s *live) URL() string { return s.url }

func (s *live) Picture() operator.Picture { return s.view.Picture() }

// StartWorker cannot be done from outside.
func (s *live) StartWorker(context.Context) (string, int, error) {
	return "", 0, errors.New("workers of a running system are started by whoever runs it")
}

// KillWorker has the worker's queue kill it.
func (s *live) KillWorker(ctx context.Context, w operator.Worker) (how string, err error) {
	if !slices.ContainsFunc(s.agreed, w.Same) {
		return "", &failure{"the same workers at that queue as when the test was agreed to", w.Name + ", which has come since; nobody was killed for it"}
	}
	ctx, cancel := context.WithTimeout(ctx, noticedWithin)
	defer cancel()
	err = s.view.Kill(ctx, w, func(p operator.Progress) { how = p.Text })
	return how, err
}

// HoldBack has the supervisor of a `faasd up` start no worker. Elsewhere nobody
// can be asked; a worker that is replaced before its queue's turn has come
// makes the test fail.
func (s *live) HoldBack(ctx context.Context) (release func(), err error) {
	supervisors := s.view.Picture().Supervisors
	holding, stop := context.WithCancel(ctx)
	var renewal sync.WaitGroup
	release = func() {
		stop()
		renewal.Wait()
		for _, p := range supervisors {
			_ = s.hold(context.WithoutCancel(ctx), p, 0) // it ends by itself within holdFor
		}
	}
	for _, p := range supervisors {
		if err := s.hold(ctx, p, holdFor); err != nil {
			release()
			return nil, err
		}
		renewal.Go(func() { s.renew(holding, p) })
	}
	return release, nil
}

// renew holds back workers until ctx ends.
func (s *live) renew(ctx context.Context, p operator.Part) {
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = s.hold(ctx, p, holdFor) // the next may succeed; if not, the test says by whom it was answered
		case <-ctx.Done():
			return
		}
	}
}

func (s *live) hold(ctx context.Context, p operator.Part, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return s.view.Hold(ctx, p, d)
}
