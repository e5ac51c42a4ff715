package library

import (
	"context"
	"errors"
	"sync"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
	"faasd/internal/wire"
)

// version is one version of a function on the shelf.
type version struct {
	of   wire.FunctionVersion
	name string
	logs *logs.Ring
	turn chan struct{} // holds a token while somebody makes it ready

	// Under turn.
	failure error     // why it could not be made ready; nil it could, or was not tried
	failed  time.Time // when that was
	looked  time.Time // when its files were looked at last, to see whether they are there

	mu      sync.Mutex   // guards what follows; edition is only set under turn too
	edition *edition     // what is called; nil until it is ready
	stuck   *wire.Broken // why it did not start when it was called last; nil if it did, or was not
	calls   int
	leaving bool
	left    chan struct{} // closed once it is leaving and has no call
}

func newVersion(name string, of wire.FunctionVersion, ring *logs.Ring) *version {
	return &version{of: of, name: name, logs: ring, turn: make(chan struct{}, 1), left: make(chan struct{})}
}

// hold keeps the version from being let go of; false if that has begun.
func (v *version) hold() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.leaving {
		return false
	}
	v.calls++
	return true
}

// release ends a hold.
func (v *version) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.calls--; v.calls == 0 && v.leaving {
		close(v.left)
	}
}

// enter returns what the version is called by, nil if it was not made ready yet,
// and keeps it until its users are done.
func (v *version) enter() *edition {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.edition != nil {
		v.edition.users.Add(1)
	}
	return v.edition
}

// replace has the version be called by another edition from now on. The caller
// has the version's turn.
func (v *version) replace(e *edition) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.edition = e
}

// isReady reports whether it was made ready.
func (v *version) isReady() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.edition != nil
}

// isStuck says why the version did not start when it was called last; nil if it
// did, or was not called.
func (v *version) isStuck() *wire.Broken {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.stuck
}

// setStuck keeps that, and reports whether it does what it did not, or the other
// way round.
func (v *version) setStuck(why *wire.Broken) (changed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	changed = (why == nil) != (v.stuck == nil)
	v.stuck = why
	return changed
}

// invoke calls an edition of the version within its own timeout, which begins now.
func (v *version) invoke(ctx context.Context, e *edition, in function.Invocation) (function.Result, error) {
	timeout := e.manifest.Deadline()
	own, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := e.Invoke(own, in)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && own.Err() != nil {
		err = function.Failed(function.TypeTimeout, "Task timed out after %.2f seconds", timeout.Seconds())
		v.logs.Add(logs.System, in.Job, err.Error())
	}
	return res, err
}

// close lets the version go once its calls have ended, or ctx.
func (v *version) close(ctx context.Context) {
	v.mu.Lock()
	v.leaving = true
	if v.calls == 0 {
		close(v.left)
	}
	v.mu.Unlock()
	select {
	case <-v.left:
	case <-ctx.Done():
	}
	v.turn <- struct{}{} // nobody makes it ready any more
	if v.edition != nil {
		v.edition.close(ctx)
	}
}

// checkWithin is how long a version may take to come up. A process that is
// started within it has [lambda.DefaultInitTimeout]; the rest is for the machine.
const checkWithin = 60 * time.Second

// check sees whether the version, which is ready, comes up.
func (v *version) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	e := v.enter()
	defer e.users.Done()
	err := e.check(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return function.Failed(function.TypeInit, "it did not come up within %s", checkWithin)
	}
	return err
}

// printed is the end of what the version has printed since it was made ready.
func (v *version) printed() (lines []logs.Line) {
	began := uint64(0)
	v.mu.Lock()
	if v.edition != nil {
		began = v.edition.began
	}
	v.mu.Unlock()
	for _, line := range v.logs.Since(began, "", wire.MaxReason/2) {
		if line.Stream != logs.System {
			lines = append(lines, line)
		}
	}
	return lines
}
