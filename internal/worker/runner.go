package worker

import (
	"context"
	"errors"
	"fmt"

	"faasd/internal/function"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Runner is a Machine that also runs what the machine starts. It is driven by
// a bus.Host like the machine itself.
type Runner struct {
	*Machine
	functions map[string]function.Function

	// Set by Attach.
	now func() role.Time
	do  func(func(now role.Time)) bool

	// running is only touched in the owner's turn.
	running map[wire.JobID]context.CancelFunc

	// ctx ends, and with it all runs, when the worker leaves.
	ctx    context.Context
	cancel context.CancelFunc
}

// NewRunner makes a runner of the functions that the machine announces.
func NewRunner(m *Machine, functions map[string]function.Function) *Runner {
	r := &Runner{Machine: m, functions: functions, running: make(map[wire.JobID]context.CancelFunc)}
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
	return r.Machine.Effects()
}

func (r *Runner) start(s Start) {
	in := function.Invocation{
		Job: s.Job.Job.String(), Attempt: int(s.Job.Attempt), Function: s.Job.Meta.Function,
		ContentType: s.Job.Meta.ContentType, Body: s.Job.Body,
	}
	id := s.Job.Job
	fn, ok := r.functions[in.Function]
	if !ok {
		r.Finished(r.now(), id, Outcome{Code: wire.CodeFunctionFailed, Reason: "this worker does not have the function " + in.Function})
		return
	}
	if _, ok := fn.(function.Instant); ok {
		r.Finished(r.now(), id, invoke(r.ctx, fn, in))
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, s.Timeout)
	r.running[id] = cancel
	go func() {
		defer cancel()
		o := invoke(ctx, fn, in)
		r.do(func(now role.Time) {
			delete(r.running, id)
			r.Finished(now, id, o)
		})
	}()
}

// invoke calls a function and says what came of it.
func invoke(ctx context.Context, fn function.Function, in function.Invocation) (o Outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = Outcome{Code: wire.CodeFunctionFailed, Reason: fmt.Sprintf("the function panicked: %v", p)}
		}
	}()
	res, err := fn.Invoke(ctx, in)
	var own *function.Error
	switch {
	case err == nil:
		return Outcome{ContentType: res.ContentType, Body: res.Body}
	case errors.As(err, &own):
		return Outcome{Code: wire.CodeFunctionError, ContentType: own.ContentType, Body: own.Body, Reason: "the function reported an error"}
	case errors.Is(err, context.DeadlineExceeded):
		return Outcome{Code: wire.CodeExpired, Reason: "the function did not end in time"}
	}
	return Outcome{Code: wire.CodeFunctionFailed, Reason: err.Error()}
}
