package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// What is measured of starts, each once a round.
const (
	upFirst    = "faasd up, until the first request is answered"
	idleMemory = "the nine processes over tcp, idle"
)

const (
	// coldIdle is how long after its last call a function's process is ended, the shortest that faasd takes.
	coldIdle = time.Second
	// warmCalls are made after a cold start, for what a call takes otherwise.
	warmCalls = 20
)

// A starting is one thing that was measured in one round.
type starting struct {
	Round int     `json:"round"`
	What  string  `json:"what"`
	Took  float64 `json:"took"`           // ms; for idleMemory MB
	Warm  float64 `json:"warm,omitempty"` // ms: calls of the same function afterwards
}

func (s starting) String() string {
	text := fmt.Sprintf("%s: %.1f", s.What, s.Took)
	if s.Warm > 0 {
		text += fmt.Sprintf(", calls afterwards %.2f", s.Warm)
	}
	return text
}

// functionKinds are the kinds of functions that are started cold, and where each is in the folder of functions. Echo is built
// into the workers.
var functionKinds = []struct{ name, path string }{
	{"echo", ""}, {"lambda", filepath.Join("lambda", "bootstrap")}, {"exec", "copy"}, {"wasm", "copy.wasm"},
}

// start measures how long it takes until something can be used.
func (b *bench) start(ctx context.Context, r *report) error {
	for round := range b.rounds {
		for _, measure := range []func(context.Context) ([]starting, error){b.firstAnswer, b.nineProcesses, b.coldStarts} {
			taken, err := measure(ctx)
			for _, s := range taken {
				s.Round = round + 1
				fmt.Fprintf(os.Stderr, "round %d/%d  %s\n", s.Round, b.rounds, s)
				r.Starts = append(r.Starts, s)
			}
			if err != nil {
				return fmt.Errorf("round %d of %d: %w", round+1, b.rounds, err)
			}
		}
	}
	return nil
}

// firstAnswer starts a `faasd up` and takes the time until an echo has been answered, from before its process was started.
func (b *bench) firstAnswer(ctx context.Context) ([]starting, error) {
	sys := &system{kind: kinds[place(upSystem)]}
	defer func() { b.late = errors.Join(b.late, sys.stop()) }()
	began := time.Now()
	if err := b.starter.startUp(ctx, sys, queues, workers); err != nil {
		return nil, err
	}
	if err := awaitAnswer(ctx, sys); err != nil {
		return nil, err
	}
	return []starting{{What: upFirst, Took: milliseconds(time.Since(began))}}, nil
}

// nineProcesses starts the report's processes and looks at what they hold.
func (b *bench) nineProcesses(ctx context.Context) ([]starting, error) {
	sys, err := b.starter.start(ctx, tcpSystem)
	if err != nil {
		return nil, err
	}
	defer func() { b.late = errors.Join(b.late, sys.stop()) }()
	if err := pause(ctx, idleBefore); err != nil {
		return nil, err
	}
	pids, err := sys.pids()
	if err != nil {
		return nil, err
	}
	held, err := memory(pids...)
	if err != nil {
		return nil, err
	}
	return []starting{{What: idleMemory, Took: megabytes(held)}}, nil
}

// coldStarts calls a function of each kind while nothing of it runs, and then again.
func (b *bench) coldStarts(ctx context.Context) (taken []starting, err error) {
	sys := &system{kind: kinds[place(upSystem)]}
	defer func() { b.late = errors.Join(b.late, sys.stop()) }()
	if err := b.starter.startUp(ctx, sys, queues, workers, "--idle", coldIdle.String()); err != nil {
		return nil, err
	}
	if err := awaitWorkers(ctx, sys, workers); err != nil {
		return nil, err
	}
	before, err := sys.pids()
	if err != nil {
		return nil, err
	}
	for _, k := range functionKinds[1:] {
		if err := b.starter.deploy(ctx, sys, k.name, filepath.Join(b.starter.functions, k.path)); err != nil {
			return nil, err
		}
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	call := func(name string) (float64, error) {
		began := time.Now()
		got, err := post(ctx, client, sys.function(name), []byte(echoBody))
		took := milliseconds(time.Since(began))
		if why := fault(got, err, []byte(echoBody)); why != "" {
			return 0, fmt.Errorf("call %s: %s", name, why)
		}
		if got.queue == "" || got.worker == "" {
			return 0, fmt.Errorf("call %s: %w", name, errShortcut)
		}
		return took, nil
	}
	if _, err := call("echo"); err != nil { // the connection is there, what is deployed is known
		return taken, err
	}
	if err := awaitProcesses(ctx, sys, len(before)+workers); err != nil {
		return taken, err
	}
	for _, k := range functionKinds {
		s := starting{What: k.name}
		if s.Took, err = call(k.name); err != nil {
			return taken, err
		}
		var warm []float64
		for range warmCalls {
			took, err := call(k.name)
			if err != nil {
				return taken, err
			}
			warm = append(warm, took)
		}
		s.Warm = median(warm)
		taken = append(taken, s)
	}
	return taken, nil
}

// awaitProcesses waits until a system has so many processes and no more: what deploying started, to try it, has ended. Only the
// guard of a worker that has had functions stays.
func awaitProcesses(ctx context.Context, sys *system, most int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("functions' processes do not end within %v", startTimeout))
	defer cancel()
	for {
		pids, err := sys.pids()
		if err != nil || len(pids) <= most {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("%w: there are %d processes, not %d", err, len(pids), most)
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
