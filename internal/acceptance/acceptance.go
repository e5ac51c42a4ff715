// Package acceptance holds the four tests that the report makes of a whole
// system, judged from outside only: by HTTP answers, the coordinator's bus and
// process ids, never by what the roles say of themselves in their logs.
// `faasctl test` and `go test` run the same bodies.
package acceptance

import (
	"context"
	"time"

	"faasd/internal/operator"
	"faasd/internal/proc"
)

// How long what is to happen may take. Each is in the text of the failure.
const (
	startWithin   = 20 * time.Second // the whole system, or a worker
	seenWithin    = 10 * time.Second // something on the bus
	answerWithin  = 10 * time.Second // a request that some worker can take
	noticedWithin = 5 * time.Second  // the death of a worker, from the kill on
)

// System is what a test is run on, as its clients and its operator have it.
type System interface {
	// URL returns where a frontend serves HTTP: "http://127.0.0.1:3000".
	URL() string
	// Picture returns what the coordinator's bus shows now.
	Picture() operator.Picture
	// StartWorker starts one more worker.
	StartWorker(ctx context.Context) (name string, pid int, err error)
	// KillWorker ends a worker with SIGKILL and waits until its process is
	// gone. It returns how that was seen: "signal: killed".
	KillWorker(ctx context.Context, w operator.Worker) (ended string, err error)
	// HoldBack keeps killed workers from being replaced until release.
	HoldBack(ctx context.Context) (release func(), err error)
}

// Test is one of the report's tests.
type Test struct {
	Number  int
	Name    string // a few words
	Promise string // what the system owes its users, in a sentence
	Live    bool   // it can be run on a system that serves others meanwhile
	Kills   bool   // it kills workers, see Victims

	workers int // that a system of its own has when the body begins
	body    func(ctx context.Context, r *run, s System) error
}

// Tests returns the report's tests by their numbers, from 1.
func Tests() []Test {
	return []Test{
		{
			Number: 1, Name: "a request is answered", Live: true, workers: 3, body: answered,
			Promise: "With all services and three workers, a request is answered with its own body.",
		},
		{
			Number: 2, Name: "a request waits for a worker", workers: 0, body: waits,
			Promise: "A request sent before any worker exists waits in its queue; when a worker starts, the same connection gets the answer.",
		},
		{
			Number: 3, Name: "a dead worker's queue hands over", Live: true, Kills: true, workers: 3, body: handedOver,
			Promise: "When the worker of a queue is killed, a request given to that queue is answered through another.",
		},
		{
			Number: 4, Name: "workers and requests take turns", workers: 0, body: spread,
			Promise: "Workers that start one by one are spread over the queues in turn, and so are requests.",
		},
	}
}

// Options are how to run a test on a system of its own.
type Options struct {
	Bin     string     // path of faasd; "" is what Binary finds
	Keep    bool       // leave the system up
	Logs    bool       // put the roles' logs into the result
	Observe func(Step) // is told of each step when it begins and when it ends; may be nil
}

// Binary returns the faasd that tests start if they are not told: the one that
// FAASD_BIN names, else the one beside the running program, else the one in
// PATH. The error says what was tried.
func Binary() (string, error) { return proc.FindBinary() }

// Run starts a system of the test's own, does the steps, and ends the system.
// When ctx ends, nothing of it is left; otherwise a test that fails leaves the
// folder with the logs, which the result names. With Keep it is end that ends
// the system; end is never nil.
func (t Test) Run(ctx context.Context, o Options) (result Result, end func() error) {
	r := t.begin(o.Observe)
	s := &own{bin: o.Bin, workers: t.workers}
	err := s.start(ctx, r, t.Number)
	if err == nil {
		err = t.body(ctx, r, s)
	}
	result = r.end(ctx, err)
	if o.Logs {
		result.RoleLogs = s.logs()
	}
	failed := result.State == Failed
	if failed {
		result.Logs = s.dir
	}
	end = func() error { return s.close(failed) }
	if o.Keep && ctx.Err() == nil && s.running() {
		result.Logs, result.System = s.dir, s.endpoints()
		return result, end
	}
	if err := end(); err != nil && !failed {
		result.State = Failed
		result.Steps = append(result.Steps, Step{Text: "end the system", State: Failed, Expected: "no error", Seen: err.Error()})
	}
	return result, func() error { return nil }
}

// RunOn does the test's steps on a system that is there already, and leaves it
// running. The test must be a Live one.
func (t Test) RunOn(ctx context.Context, s System, observe func(Step)) Result {
	r := t.begin(observe)
	return r.end(ctx, t.body(ctx, r, s))
}
