package acceptance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// States of a step, and of a test.
const (
	Running = "running"
	Passed  = "passed"
	Failed  = "failed"
	Stopped = "stopped" // before it had ended, by whoever had it run
)

// Step is one step of a test.
type Step struct {
	Text       string   `json:"text"`
	State      string   `json:"state"`
	TookMillis int64    `json:"took_ms"`
	Evidence   []string `json:"evidence,omitempty"` // what was seen, a line each
	Expected   string   `json:"expected,omitempty"` // of a failed step
	Seen       string   `json:"seen,omitempty"`     // of a failed step; may have several lines
}

// Result is what came of a test.
type Result struct {
	Number     int               `json:"number"`
	Name       string            `json:"name"`
	Promise    string            `json:"promise"`
	State      string            `json:"state"`
	TookMillis int64             `json:"took_ms"`
	Steps      []Step            `json:"steps"`
	Logs       string            `json:"logs,omitempty"`      // folder with one log a role, if it was left
	RoleLogs   map[string]string `json:"role_logs,omitempty"` // by the role's name, if asked for
	System     *Endpoints        `json:"system,omitempty"`    // if it was left up
}

// Endpoints are where a system is reached.
type Endpoints struct {
	HTTP         string   `json:"http"`         // URL for clients
	Coordinators []string `json:"coordinators"` // where operators subscribe
}

// failure is an error that says what was expected and what was seen instead.
type failure struct{ expected, seen string }

func (f *failure) Error() string { return "expected " + f.expected + ", seen " + f.seen }

// run is a test under way. Steps are done one after the other, by one
// goroutine.
type run struct {
	result  Result
	observe func(Step)
	began   time.Time
}

func (t Test) begin(observe func(Step)) *run {
	if observe == nil {
		observe = func(Step) {}
	}
	return &run{
		result:  Result{Number: t.Number, Name: t.Name, Promise: t.Promise, State: Running, Steps: []Step{}},
		observe: observe, began: time.Now(),
	}
}

func (r *run) end(ctx context.Context, err error) Result {
	r.result.TookMillis = time.Since(r.began).Milliseconds()
	r.result.State = outcome(ctx, err)
	return r.result
}

// step does one step of the test. What it has seen it hands to saw, a line each.
func (r *run) step(ctx context.Context, text string, do func(saw func(format string, args ...any)) error) error {
	step := Step{Text: text, State: Running}
	r.observe(step)
	began := time.Now()
	err := ctx.Err()
	if err == nil {
		err = do(func(format string, args ...any) {
			step.Evidence = append(step.Evidence, fmt.Sprintf(format, args...))
		})
	}
	step.TookMillis = time.Since(began).Milliseconds()
	step.State = outcome(ctx, err)
	if step.State == Failed {
		step.Expected, step.Seen = "no error", err.Error()
		if f := (*failure)(nil); errors.As(err, &f) {
			step.Expected, step.Seen = f.expected, f.seen
		}
		step.Seen = strings.TrimSpace(step.Seen)
	}
	r.result.Steps = append(r.result.Steps, step)
	r.observe(step)
	return err
}

// outcome is the state that an error leads to. Whatever goes wrong after ctx
// has ended goes wrong because of that.
func outcome(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return Passed
	case ctx.Err() != nil:
		return Stopped
	}
	return Failed
}
