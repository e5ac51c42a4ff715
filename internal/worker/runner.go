package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"faasd/internal/function"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Library has the functions that are deployed to this worker.
type Library interface {
	// Apply goes by a catalogue from now on. It does not wait for what that names to
	// be ready, which goes on until ctx ends.
	Apply(ctx context.Context, c *wire.Catalogue)
	// Changes has something to be received when what Serves says has changed.
	Changes() <-chan struct{}
	// Serves says how far it is with the catalogue that it goes by.
	Serves() wire.Serves
	// Invoke calls a version of a function, the current one if in.Version is 0, and
	// returns which it was.
	Invoke(ctx context.Context, in function.Invocation) (res function.Result, version uint32, err error)
	// Tail is the end of what was printed for a job, at most so many bytes.
	Tail(name, job string, most int) string
	// Lines answers what a queue wants to know of a function's output.
	Lines(wanted wire.LogsWanted) wire.LogLines
}

// Runner is a Machine that also runs what the machine starts. It is driven by
// a bus.Host like the machine itself.
type Runner struct {
	*Machine
	functions map[string]function.Function
	library   Library              // nil: only functions
	latest    chan *wire.Catalogue // the one to go by next

	// Set by Attach.
	now func() role.Time
	do  func(func(now role.Time)) bool

	// running is only touched in the owner's turn.
	running map[wire.JobID]context.CancelFunc
	spawned bool // a run has begun in this turn

	// ctx ends, and with it all runs, when the worker leaves.
	ctx    context.Context
	cancel context.CancelFunc
}

// NewRunner makes a runner of the functions that the machine announces.
func NewRunner(m *Machine, functions map[string]function.Function) *Runner {
	r := &Runner{Machine: m, functions: functions, latest: make(chan *wire.Catalogue, 1), running: make(map[wire.JobID]context.CancelFunc)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Leave says goodbye and stops what still runs.
func (r *Runner) Leave(now role.Time) {
	r.Machine.Leave(now)
	r.cancel()
}

// Attach gives the runner its host: the clock, and a way back into the owner's
// turn for runs that have ended. It must come before the first turn.
func (r *Runner) Attach(now func() role.Time, do func(func(now role.Time)) bool) {
	r.now, r.do = now, do
}

// Use gives the runner the functions that are deployed. It must come before the
// first turn, after Attach.
func (r *Runner) Use(l Library) {
	r.library = l
	go r.follow()
}

// How long nothing is told after a queue was told what the worker serves: what
// that costs, here and there, grows with what is deployed.
const (
	tellPause    = 20 * time.Millisecond
	tellPauseFor = 250 * time.Microsecond // besides, for each function
)

// follow has the library go by each catalogue that comes, and tells the queue how
// far it is, until the worker leaves.
func (r *Runner) follow() {
	changes := r.library.Changes()
	var pause <-chan time.Time // nil: what has changed may be told at once
	for {
		heeded := changes
		if pause != nil {
			heeded = nil
		}
		select {
		case c := <-r.latest:
			r.library.Apply(r.ctx, c)
		case <-heeded:
			s := r.library.Serves()
			r.do(func(now role.Time) { r.Serves(now, s) })
			pause = time.After(tellPause + time.Duration(len(s.Functions)+len(s.Preparing))*tellPauseFor)
		case <-pause:
			pause = nil
		case <-r.ctx.Done():
			return
		}
	}
}

// Chunk fetches a part of a package; see Machine.Fetch. It may be called by any
// goroutine.
func (r *Runner) Chunk(ctx context.Context, digest string, offset int64) Chunk {
	got := make(chan Chunk, 1)
	if !r.do(func(now role.Time) { r.Fetch(now, digest, offset, func(c Chunk) { got <- c }) }) {
		return Chunk{Err: errStopped}
	}
	select {
	case c := <-got:
		return c
	case <-r.ctx.Done():
		return Chunk{Err: errStopped}
	case <-ctx.Done():
		return Chunk{Err: ctx.Err()}
	}
}

var errStopped = errors.New("the worker stops")

// Effects starts and stops what the machine wants, and returns its effects.
func (r *Runner) Effects() []role.Effect {
	for _, id := range r.Stops() {
		if cancel := r.running[id]; cancel != nil {
			cancel()
		}
	}
	// An instant function frees its slot at once, which may start the next.
	for starts := r.Starts(); len(starts) > 0; starts = r.Starts() {
		for _, s := range starts {
			r.start(s)
		}
	}
	if spawned := r.spawned; spawned {
		r.spawned = false
		runtime.Gosched() // runs begin before this goroutine sees to its sockets
	}
	if r.library != nil {
		r.consult()
	}
	return r.Machine.Effects()
}

// consult passes on what the library is to know or to tell.
func (r *Runner) consult() {
	if c := r.Catalogue(); c != nil {
		select {
		case <-r.latest: // nobody has begun to go by it
		default:
		}
		r.latest <- c
	}
	for _, wanted := range r.Logs() {
		go func() {
			lines := r.library.Lines(wanted)
			r.do(func(now role.Time) { r.Lines(now, lines) })
		}()
	}
}

func (r *Runner) start(s Start) {
	in := function.Invocation{
		Job: s.Job.Job.String(), Attempt: int(s.Job.Attempt), Function: s.Job.Meta.Function, Version: s.Job.FunctionVersion,
		ContentType: s.Job.Meta.ContentType, Body: s.Job.Body, Client: s.Job.Meta.Client, Trace: s.Job.Meta.Trace,
	}
	id := s.Job.Job
	fn, ok := r.functions[in.Function]
	if !ok && r.library == nil {
		r.Finished(r.now(), id, Outcome{Code: wire.CodeFunctionFailed, Reason: "this worker does not have the function " + in.Function})
		return
	}
	if _, ok := fn.(function.Instant); ok {
		r.Finished(r.now(), id, invoke(func() (function.Result, error) { return fn.Invoke(r.ctx, in) }))
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, s.Timeout)
	r.running[id], r.spawned = cancel, true
	go func() {
		defer cancel()
		var o Outcome
		if ok {
			o = invoke(func() (function.Result, error) { return fn.Invoke(ctx, in) })
		} else {
			o = r.invokeDeployed(ctx, s.Job, in)
		}
		r.do(func(now role.Time) {
			delete(r.running, id)
			r.Finished(now, id, o)
		})
	}()
}

// logTail is how much of what a run has printed goes with its result, as at AWS
// Lambda; in bytes.
const logTail = 4 << 10

// invokeDeployed calls a function of the library.
func (r *Runner) invokeDeployed(ctx context.Context, job *wire.Message, in function.Invocation) Outcome {
	if job.Meta.Request != "" {
		in.Request = new(function.Request)
		if err := json.Unmarshal([]byte(job.Meta.Request), in.Request); err != nil {
			return Outcome{Code: wire.CodeFunctionFailed, Reason: "the HTTP request did not come whole: " + err.Error()}
		}
	}
	version := in.Version
	o := invoke(func() (res function.Result, err error) {
		res, version, err = r.library.Invoke(ctx, in)
		return res, err
	})
	o.Version = version
	if job.Flags&wire.FlagLog != 0 {
		o.LogTail = r.library.Tail(in.Function, in.Job, logTail)
	}
	return o
}

// invoke calls a function and says what came of it.
func invoke(call func() (function.Result, error)) (o Outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = Outcome{Code: wire.CodeFunctionFailed, Reason: fmt.Sprintf("the function panicked: %v", p)}
		}
	}()
	res, err := call()
	var own *function.Error
	var failure *function.Failure
	switch {
	case err == nil:
		return Outcome{ContentType: res.ContentType, Body: res.Body}
	case errors.As(err, &own):
		return Outcome{Code: wire.CodeFunctionError, ContentType: own.ContentType, Body: own.Body, Reason: "the function reported an error", ErrorType: own.Type}
	case errors.As(err, &failure) && failure.Type == function.TypeTimeout:
		return Outcome{Code: wire.CodeTimedOut, Reason: failure.Message, ErrorType: failure.Type}
	case errors.As(err, &failure):
		return Outcome{Code: wire.CodeFunctionFailed, Reason: failure.Message, ErrorType: failure.Type}
	case errors.Is(err, context.DeadlineExceeded):
		return Outcome{Code: wire.CodeExpired, Reason: "the function did not end in time"}
	}
	return Outcome{Code: wire.CodeFunctionFailed, Reason: err.Error()}
}
