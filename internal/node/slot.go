package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"faasd/internal/bus"
)

// A role of `up` that has crashed comes back as a process would that somebody
// starts again: after a while, on the same endpoints, knowing nothing.
const (
	reviveAfter  = 300 * time.Millisecond
	reviveWithin = 5 * time.Second // its endpoints may take a moment to be free
)

// slot is the place of one role in `up`, whichever life it is in.
type slot struct {
	zmq  *bus.Context
	role starter
	log  *slog.Logger

	mu    sync.Mutex
	part  *Part // guarded by mu
	final bool  // guarded by mu: no more lives
}

func newSlot(zmq *bus.Context, role starter, log *slog.Logger) (*slot, error) {
	p, err := role.start(zmq, log)
	return &slot{zmq: zmq, role: role, log: log, part: p}, err
}

func (s *slot) get() *Part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.part
}

// finish keeps the role from coming back once more.
func (s *slot) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.final = true
}

// keep brings the role back whenever it has crashed, and fails the system if it
// ends in any other way, until ctx ends.
func (s *slot) keep(ctx context.Context, failed context.CancelCauseFunc) {
	for {
		p := s.get()
		select {
		case <-p.ended:
		case <-ctx.Done():
			return
		}
		if !p.host.Crashed() {
			failed(fmt.Errorf("%s: %w", p.id.Name, errors.Join(errEnded, p.err)))
			return
		}
		p.log.Warn("crashed by an operator's command; coming back")
		again, err := s.revive(ctx)
		if err != nil {
			failed(fmt.Errorf("%s did not come back: %w", p.id.Name, err))
		}
		if !again {
			return
		}
	}
}

// revive reports whether the role lives again; it does not once the system stops.
func (s *slot) revive(ctx context.Context) (again bool, err error) {
	deadline := time.Now().Add(reviveWithin)
	for {
		timer := time.NewTimer(reviveAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false, nil
		}
		again, err := s.tryRevive()
		if err == nil || time.Now().After(deadline) {
			return again, err
		}
	}
}

func (s *slot) tryRevive() (again bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final {
		return false, nil
	}
	p, err := s.role.start(s.zmq, s.log)
	if err != nil {
		return false, err
	}
	s.part = p
	p.run()
	return true, nil
}
