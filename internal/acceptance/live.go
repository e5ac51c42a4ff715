package acceptance

import (
	"context"
	"errors"
	"time"

	"faasd/internal/operator"
)

// live is a running system that serves others meanwhile.
type live struct {
	view *operator.Operator
	url  string
}

// NewLive returns the system that an operator looks at, as the tests need it; a
// frontend of it serves HTTP at url.
func NewLive(view *operator.Operator, url string) System { return &live{view, url} }

// holdFor bounds how long new workers are held back, whatever becomes of the test.
const holdFor = time.Minute

func (s *live) URL() string { return s.url }

func (s *live) Picture() operator.Picture { return s.view.Picture() }

// StartWorker cannot be done from outside.
func (s *live) StartWorker(context.Context) (string, int, error) {
	return "", 0, errors.New("workers of a running system are started by whoever runs it")
}

// KillWorker has the worker's queue kill it.
func (s *live) KillWorker(ctx context.Context, w operator.Worker) (how string, err error) {
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
	for _, p := range supervisors {
		asked, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		if err := s.view.Hold(asked, p, holdFor); err != nil {
			return nil, err
		}
	}
	return func() {
		released, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
		defer cancel()
		for _, p := range supervisors {
			_ = s.view.Hold(released, p, 0) // it ends by itself within holdFor
		}
	}, nil
}
