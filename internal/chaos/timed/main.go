// Command timed is faasd's worker with functions that answer with what they are
// given after a time that is fixed, so that what a system can do at most is
// known: its slots divided by that time.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"faasd/internal/config"
	"faasd/internal/function"
	"faasd/internal/node"
)

func main() {
	os.Exit(config.Main(config.Program{
		Name: "timed", Summary: "a worker whose functions take a fixed time", Commands: []config.Command{&worker{}},
	}, os.Args[1:], config.OS()))
}

// worker takes those of faasd worker's flags that proc.System gives.
type worker struct {
	node.Worker
	times []string
	log   config.Log
}

const (
	maxBody = 6 << 20 // bytes of a result, as faasd worker's
	grace   = 8 * time.Second
)

func (c *worker) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name: "worker", Summary: "run functions that take a fixed time",
		Examples: []string{"timed worker --function slow=20ms,echo=0s"},
	})
	s.Name(&c.Name, "name", "", "name of this part, shown everywhere").DefaultText("made up")
	s.Int(&c.Slots, "slots", 4, 1, 1024, "jobs that the worker runs at a time")
	s.Strings(&c.times, "function", nil, "NAME=DURATION[,…]", "a function and how long it takes; 0s is echo itself").Required()
	s.Endpoints(&c.Brokers, "broker", []string{"tcp://127.0.0.1:8558"}, "where brokers tell workers which queue to join")
	c.log.Declare(s, "info")
	return s
}

func (c *worker) Validate() error {
	c.Functions = make(map[string]function.Function)
	for _, text := range c.times {
		name, f, err := parse(text)
		if err != nil {
			return config.Usagef("--function %s: %v", text, err)
		}
		c.Functions[name] = f
	}
	return nil
}

func (c *worker) Run(ctx context.Context, std config.Stdio) error {
	c.MaxBody = maxBody
	return node.Run(ctx, c.Worker, node.Process{
		Grace: grace, Log: c.log.Logger(std.Err), Announce: func(r config.Ready) { fmt.Fprintln(std.Out, r) },
	})
}

// parse reads a function and its time: "slow=20ms".
func parse(text string) (string, function.Function, error) {
	name, lasts, _ := strings.Cut(text, "=")
	if err := config.ValidName(name); err != nil {
		return "", nil, err
	}
	d, err := time.ParseDuration(lasts)
	switch {
	case err != nil || d < 0:
		return "", nil, errors.New("not a name and a duration: write one such as slow=20ms")
	case d == 0:
		return name, function.Echo{}, nil
	}
	return name, timed(d), nil
}

// timed is a function that takes so long.
type timed time.Duration

// Invoke answers with what it is given once its time is over. The kernel keeps
// the time, on a thread: Go's own timers, which epoll_wait rounds to whole
// milliseconds, make 20 ms last 20.5, and that would be taken for faasd's slowness.
func (t timed) Invoke(ctx context.Context, in function.Invocation) (function.Result, error) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		left := syscall.NsecToTimespec(int64(t))
		for syscall.Nanosleep(&left, &left) == syscall.EINTR {
		}
	}()
	select {
	case <-over:
		return function.Echo{}.Invoke(ctx, in)
	case <-ctx.Done():
		return function.Result{}, ctx.Err()
	}
}
