package lambda

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"faasd/internal/function"
)

// ErrClosed is what calls get from a function that has been closed.
var ErrClosed = errors.New("this version of the function is being stopped")

// Function is one version of a function and its processes. It is safe for
// concurrent use.
type Function struct {
	cfg Config
	arn string

	mu        sync.Mutex // guards all below, and in calls, instances and connections what says so
	instances []*instance
	waiting   []*call      // those that no process has; oldest first
	probes    []chan error // of Check, each with room for its answer
	handed    uint64       // calls given to a process so far
	crash     crashLoop
	alarm     *time.Timer // calls provide; nil before it was first needed
	armed     bool
	closed    bool
	quiet     chan struct{} // closed once closed is true and no call waits or runs
	empty     chan struct{} // closed once closed is true and there are no processes
}

var _ function.Function = (*Function)(nil)

// New makes a function. It starts nothing: the first call does.
func New(cfg Config) (*Function, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Function{cfg: cfg, arn: cfg.arn(), quiet: make(chan struct{}), empty: make(chan struct{})}, nil
}

// Invoke calls the function. An idle process gets the call, the one used last;
// without one a new process is started, if there may be more, else the call
// waits. If processes do not come up, it gets what the last one said of it.
//
// When ctx ends first, its error is returned. A process that runs nothing else
// any more is killed then; one with other calls goes on with them, see
// [instance.spoiled]. The body must stay as it is even after that.
func (f *Function) Invoke(ctx context.Context, in function.Invocation) (function.Result, error) {
	if err := ctx.Err(); err != nil {
		return function.Result{}, err
	}
	c := &call{in: in, done: make(chan struct{})}
	var ok bool
	if c.deadline, ok = ctx.Deadline(); !ok {
		c.deadline = time.Now().Add(foreverAfter)
	}
	k, err := f.enter(c)
	if err != nil {
		return function.Result{}, err
	}
	if k != nil {
		k.hand(c)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		f.leave(c, ctx.Err())
	}
	return c.res, c.err
}

// enter gives a call to a free slot, whose connection is returned, or lets it wait.
func (f *Function) enter(c *call) (*conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, ErrClosed
	}
	if k := f.take(c); k != nil {
		return k, nil
	}
	if why := f.hopeless(); why != nil {
		return nil, why
	}
	f.waiting = append(f.waiting, c)
	f.provide()
	return nil, nil
}

// leave ends a call for which nobody waits any more.
func (f *Function) leave(c *call, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case c.over:
		return
	case c.on == nil:
		f.unqueue(c)
	default:
		c.abandoned = true
		c.on.reconsider()
	}
	c.finish(function.Result{}, why)
	f.letClose()
}

// Check starts a process, unless one is up, and waits for its first request for
// a call. It returns the *function.Failure of a process that does not get there.
func (f *Function) Check(ctx context.Context) error {
	probe := make(chan error, 1)
	if err := f.probe(probe); err != nil {
		return err
	}
	select {
	case err := <-probe:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the start of function %s: %w", f.cfg.Name, ctx.Err())
	}
}

func (f *Function) probe(probe chan error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	if f.serving() {
		probe <- nil
		return nil
	}
	if why := f.hopeless(); why != nil {
		return why
	}
	f.probes = append(f.probes, probe)
	f.provide()
	return nil
}

// Processes is how many processes there are: starting, up, or about to end.
func (f *Function) Processes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.instances)
}

// Close stops the function: new calls are refused, those that it has may end
// until ctx does. Then all processes get SIGTERM, and SIGKILL after stopGrace.
// It returns when no process is left.
func (f *Function) Close(ctx context.Context) {
	f.mu.Lock()
	f.closed = true
	f.letClose()
	f.mu.Unlock()

	select {
	case <-f.quiet:
	case <-ctx.Done():
	}

	f.mu.Lock()
	for _, c := range f.waiting {
		c.finish(function.Result{}, ErrClosed)
	}
	f.waiting = nil
	for _, p := range f.probes {
		p <- ErrClosed
	}
	f.probes = nil
	for _, i := range f.instances {
		i.stop(closing)
	}
	f.letClose()
	f.mu.Unlock()
	<-f.empty
}
