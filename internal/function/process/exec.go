package process

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"faasd/internal/function"
	"faasd/internal/function/logs"
)

// Config is one version of a function of the kind exec.
type Config struct {
	Name    string
	Version uint32
	Code    string            // the absolute folder that its package was unpacked to
	Command []string          // program and arguments; the program is in Code, absolute, or found in PATH
	Env     map[string]string // what it gets besides what every function gets

	Memory      int64  // bytes that the processes of one call may use; 0: no limit
	MaxOutput   int    // bytes that it may answer; 0: no limit
	ContentType string // of what it answers; "": found out from that

	Work  string // the folder in which each call gets a folder of its own
	Guard *Guard
	Logs  *logs.Ring
	Log   *slog.Logger // names the function and its version
}

// Exec is a function that is any program: one process for each call, the body
// on its standard input, the answer on its standard output. It is safe for
// concurrent use.
type Exec struct {
	Config
	closing context.Context // ends when calls must
	abandon context.CancelFunc

	mu    sync.Mutex
	calls sync.WaitGroup // Add only under mu and while open
	open  bool
}

// NewExec makes the function. It starts nothing; [Exec.Check] tells whether
// that would work.
func NewExec(c Config) *Exec {
	e := &Exec{Config: c, open: true}
	e.closing, e.abandon = context.WithCancel(context.Background())
	return e
}

var _ function.Function = (*Exec)(nil)

// tailSize is how much of standard error an error's body has, in bytes: the end.
const tailSize = 4 << 10

// Invoke runs the program. An exit code other than 0 is a *function.Error with
// the end of what was written to standard error.
func (e *Exec) Invoke(ctx context.Context, in function.Invocation) (function.Result, error) {
	if err := ctx.Err(); err != nil {
		return function.Result{}, err
	}
	if !e.enter() {
		return function.Result{}, function.Failed(function.TypeExit, "%s is being stopped and takes no calls", e.Name)
	}
	defer e.calls.Done()
	program, err := e.program()
	if err != nil {
		return function.Result{}, function.NotStarted("%v", err)
	}
	scratch, err := os.MkdirTemp(e.Work, e.Name+"-")
	if err != nil {
		return function.Result{}, function.NotStarted("make a folder for a call of %s: %v", e.Name, err)
	}
	return newCall(e, in, scratch).run(ctx, program)
}

func (e *Exec) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open {
		e.calls.Add(1)
	}
	return e.open
}

// Close refuses further calls and waits for those that run; at ctx's end it
// kills them and returns its error.
func (e *Exec) Close(ctx context.Context) error {
	e.mu.Lock()
	e.open = false
	e.mu.Unlock()
	done := make(chan struct{})
	go func() {
		e.calls.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		e.abandon()
		<-done
		return ctx.Err()
	}
}
