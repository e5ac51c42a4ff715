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
	release = func() {
		for _, p := range supervisors {
			_ = s.hold(context.WithoutCancel(ctx), p, 0) // it ends by itself within holdFor
		}
	}
	for _, p := range supervisors {
		if err := s.hold(ctx, p, holdFor); err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

func (s *live) hold(ctx context.Context, p operator.Part, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return s.view.Hold(ctx, p, d)
}
