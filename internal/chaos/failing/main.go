// Command failing is faasd's worker with functions that fail in all ways in which
// functions do, for tests of what their callers are told.
package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"faasd/internal/config"
	"faasd/internal/function"
	"faasd/internal/node"
)

func main() {
	os.Exit(config.Main(config.Program{
		Name: "failing", Summary: "a worker whose functions fail", Commands: []config.Command{&worker{}},
	}, os.Args[1:], config.OS()))
}

// worker takes those of faasd worker's flags that tests give.
type worker struct {
	node.Worker
	log config.Log
}

const (
	maxBody = 6 << 20 // bytes of a result, as faasd worker's
	grace   = time.Second
)

func (c *worker) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name: "worker", Summary: "run functions that fail",
		Examples: []string{"failing worker --broker tcp://127.0.0.1:8558"},
	})
	s.Name(&c.Name, "name", "", "name of this part, shown everywhere").DefaultText("made up")
	s.Int(&c.Slots, "slots", 8, 1, 1024, "jobs that the worker runs at a time")
	s.Endpoints(&c.Brokers, "broker", []string{"tcp://127.0.0.1:8558"}, "where brokers tell workers which queue to join")
	c.log.Declare(s, "info")
	return s
}

func (c *worker) Validate() error { return nil }

func (c *worker) Run(ctx context.Context, std config.Stdio) error {
	c.Functions, c.MaxBody = functions(), maxBody
	return node.Run(ctx, c.Worker, node.Process{
		Grace: grace, Log: c.log.Logger(std.Err), Announce: func(r config.Ready) { fmt.Fprintln(std.Out, r) },
	})
}

// call is a function by its Invoke.
type call func(ctx context.Context, in function.Invocation) (function.Result, error)

// Invoke calls it.
func (c call) Invoke(ctx context.Context, in function.Invocation) (function.Result, error) {
	return c(ctx, in)
}

// functions are, by what they do:
//
//	reports  an error of its own, as Lambda runtimes do
//	mumbles  an error of its own that is not JSON
//	panics
//	exits    and takes its process with it, as far as anybody sees
//	overruns its own timeout
//	hangs    until nobody waits for it
//	counts   for a while, and says how often it was called
func functions() map[string]function.Function {
	var runs atomic.Int64
	return map[string]function.Function{
		"reports": call(func(context.Context, function.Invocation) (function.Result, error) {
			return function.Result{}, &function.Error{
				Type:   "myError",
				Result: function.Result{ContentType: "application/json", Body: []byte(`{"errorMessage":"no","errorType":"myError"}`)},
			}
		}),
		"mumbles": call(func(context.Context, function.Invocation) (function.Result, error) {
			return function.Result{}, &function.Error{Result: function.Result{ContentType: "text/plain", Body: []byte("line 3: not found")}}
		}),
		"panics": call(func(context.Context, function.Invocation) (function.Result, error) { panic("no") }),
		"exits": call(func(context.Context, function.Invocation) (function.Result, error) {
			return function.Result{}, function.Failed(function.TypeExit, "exit status 3")
		}),
		"overruns": call(func(context.Context, function.Invocation) (function.Result, error) {
			return function.Result{}, function.Failed(function.TypeTimeout, "Task timed out after 3.00 seconds")
		}),
		"hangs": call(func(ctx context.Context, _ function.Invocation) (function.Result, error) {
			<-ctx.Done()
			return function.Result{}, ctx.Err()
		}),
		"counts": call(func(ctx context.Context, _ function.Invocation) (function.Result, error) {
			n := runs.Add(1)
			select {
			case <-time.After(countFor):
			case <-ctx.Done():
			}
			return function.Result{ContentType: "application/json", Body: fmt.Append(nil, n)}, nil
		}),
	}
}

// countFor is longer than the patience of the client that a test calls counts by.
const countFor = 1500 * time.Millisecond
