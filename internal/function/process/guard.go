package process

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrClosed is the error of a start after Close.
var ErrClosed = errors.New("the guard of function processes is closed")

// Guard starts processes and sees to it that none outlives this process. One
// serves all functions of a worker. Its methods may be called concurrently.
type Guard struct {
	log  *slog.Logger
	bare bool // cgroups are left alone, also where there are some

	patience time.Duration // for a start, before the guard process is thought to hang

	mu     sync.Mutex
	link   *link // to the guard process; nil before the first start, lost if it has ended
	closed bool
}

// guardPatience is more than a start takes on a machine that is not stuck itself.
const guardPatience = 10 * time.Second

// NewGuard makes a guard; its process starts with the first function's. A
// program that has one must call [Main] first of all.
func NewGuard(log *slog.Logger) *Guard { return &Guard{log: log, patience: guardPatience} }

// Start starts a process. It returns when the program runs, or says why it
// could not be started.
func (g *Guard) Start(s Spec) (*Process, error) {
	p, err := g.start(s)
	if errors.Is(err, errGuardLost) {
		p, err = g.start(s)
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Path, err)
	}
	return p, nil
}

func (g *Guard) start(s Spec) (*Process, error) {
	l, err := g.connect()
	if err != nil {
		return nil, err
	}
	return l.start(s)
}

// Limits says which limits are in force for what this guard starts. It starts
// the guard process if there is none yet.
func (g *Guard) Limits() (Limits, error) {
	l, err := g.connect()
	if err != nil {
		return 0, err
	}
	return l.limits, nil
}

// connect returns the link to the guard process that runs.
func (g *Guard) connect() (*link, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, ErrClosed
	}
	if g.link != nil && !g.link.isLost() {
		return g.link, nil
	}
	l, err := dial(g.log, g.bare, g.patience)
	if err != nil {
		return nil, fmt.Errorf("start the guard of function processes: %w", err)
	}
	g.link = l
	return l, nil
}

// Close kills all that the guard has started, waits until that is gone, and
// ends the guard process. Starts that come later are refused.
func (g *Guard) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.link == nil {
		return nil
	}
	return g.link.close()
}
