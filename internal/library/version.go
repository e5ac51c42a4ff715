package library

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
	"faasd/internal/registry"
	"faasd/internal/wire"
)

// version is one version of a function on the shelf.
type version struct {
	of   wire.FunctionVersion
	name string
	logs *logs.Ring
	turn chan struct{} // holds a token while somebody makes it ready

	trial    context.Context // of its check; ends when nobody wants to know any more whether it comes up
	endTrial context.CancelFunc

	// Under turn.
	failure error     // why it could not be made ready; nil it could, or was not tried
	failed  time.Time // when that was

	mu       sync.Mutex // guards what follows
	run      *kind      // nil until it is ready
	manifest registry.Manifest
	code     string // the folder of its package
	began    uint64 // the last line of logs before it was made ready
	calls    int
	leaving  bool
	left     chan struct{} // closed once it is leaving and has no call
}

func newVersion(name string, of wire.FunctionVersion, ring *logs.Ring) *version {
	v := &version{of: of, name: name, logs: ring, turn: make(chan struct{}, 1), left: make(chan struct{})}
	v.trial, v.endTrial = context.WithCancel(context.Background())
	return v
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

// ready returns what runs the version; nil if it was not made ready yet.
func (v *version) ready() (run *kind, manifest registry.Manifest) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.run, v.manifest
}

// invoke calls the version within its own timeout, which begins now.
func (v *version) invoke(ctx context.Context, in function.Invocation) (function.Result, error) {
	run, manifest := v.ready()
	timeout := manifest.Deadline()
	own, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := run.Invoke(own, in)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && own.Err() != nil {
		err = function.Failed(function.TypeTimeout, "Task timed out after %.2f seconds", timeout.Seconds())
		v.logs.Add(logs.System, in.Job, err.Error())
	}
	return res, err
}

// close lets the version go once its calls have ended, or ctx.
func (v *version) close(ctx context.Context) {
	v.endTrial()
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
	if v.run != nil {
		v.run.close(ctx)
	}
	if v.code != "" {
		removeAll(v.code)
	}
}

// checkWithin is how long a version may take to come up. A process that is
// started within it has [lambda.DefaultInitTimeout]; the rest is for the machine.
const checkWithin = 60 * time.Second

// errUnwanted: the version was given up while it was tried.
var errUnwanted = errors.New("the version is not tried any more")

// check sees whether the version comes up.
func (v *version) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	defer context.AfterFunc(v.trial, cancel)()
	run, _ := v.ready()
	err := run.check(ctx)
	switch {
	case err != nil && v.trial.Err() != nil:
		return errUnwanted
	case errors.Is(err, context.DeadlineExceeded):
		return function.Failed(function.TypeInit, "it did not come up within %s", checkWithin)
	}
	return err
}

// printed is the end of what the version has printed since it was made ready.
func (v *version) printed() (lines []logs.Line) {
	v.mu.Lock()
	began := v.began
	v.mu.Unlock()
	for _, line := range v.logs.Since(began, "", wire.MaxReason/2) {
		if line.Stream != logs.System {
			lines = append(lines, line)
		}
	}
	return lines
}

// removeAll removes a folder with packages in it. What cannot be removed now goes
// with the library's own folder, or when the next worker comes.
func removeAll(dir string) { _ = registry.Discard(dir) }

func compareBroken(a, b *wire.Broken) int {
	return cmp.Or(strings.Compare(a.Function, b.Function), cmp.Compare(a.Version, b.Version))
}

// cut shortens text to so many bytes, in whole characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "…"
}
