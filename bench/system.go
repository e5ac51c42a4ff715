package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// The systems compared, in the order of the table.
const (
	bareSystem = "bare" // net/http echo, one process
	upSystem   = "up"   // faasd up: roles linked over inproc, workers over ipc
	tcpSystem  = "tcp"  // faasd's roles as separate processes
)

const (
	queues  = 3
	workers = 3
)

func systemNames() []string { return []string{bareSystem, upSystem, tcpSystem} }

var titles = map[string]string{
	bareSystem: "bare net/http echo",
	upSystem:   "faasd up",
	tcpSystem:  "faasd, processes over tcp",
}

// A system answers POST url.
type system struct {
	name      string
	url       string
	crosses   bool   // its answers must name the queue and the worker that they come from
	data      string // the data folder of `faasd up`
	processes []*process
}

func (s *system) stop() error { return stopAll(s.processes) }

func (s *system) alive() error {
	for _, p := range s.processes {
		if err := p.alive(); err != nil {
			return err
		}
	}
	return nil
}

// start returns once the system answers and, if it is faasd, all its workers do.
func (s *starter) start(ctx context.Context, name string) (*system, error) {
	sys := &system{name: name, crosses: name != bareSystem}
	var err error
	switch name {
	case bareSystem:
		err = s.startBare(ctx, sys)
	case upSystem:
		err = s.startUp(ctx, sys, queues, workers)
	case tcpSystem:
		err = s.startTCP(ctx, sys)
	}
	if err == nil && sys.crosses {
		err = awaitWorkers(ctx, sys)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), sys.stop())
	}
	return sys, nil
}

// add starts one process of a system, which it ends with the others.
func (s *starter) add(sys *system, name, program string, args ...string) (*process, error) {
	p, err := s.process(name, program, args...)
	if err == nil {
		sys.processes = append(sys.processes, p)
	}
	return p, err
}

func (s *starter) startBare(ctx context.Context, sys *system) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p, err := s.add(sys, "bare", self, bareCommand)
	if err != nil {
		return err
	}
	sys.url, err = listening(ctx, p)
	return err
}

func (s *starter) startUp(ctx context.Context, sys *system, queues, workers int, args ...string) error {
	var err error
	if sys.data, err = os.MkdirTemp(s.folder, "up-"); err != nil {
		return err
	}
	p, err := s.add(sys, "faasd-up", s.program, append([]string{"up", "--http", "127.0.0.1:0", "--data", sys.data,
		"--queues", fmt.Sprint(queues), "--workers", fmt.Sprint(workers)}, args...)...)
	if err != nil {
		return err
	}
	sys.url, err = listening(ctx, p)
	return err
}

// startTCP starts the report's processes, each on ports that the kernel chooses.
func (s *starter) startTCP(ctx context.Context, sys *system) error {
	const anyPort = "tcp://127.0.0.1:0"
	role := func(name string, args ...string) (map[string]string, error) {
		p, err := s.add(sys, name, s.program, args...)
		if err != nil {
			return nil, err
		}
		defer p.done()
		return ready(ctx, p)
	}

	coordinator, err := role("coordinator", "coordinator", "--publish-bind", anyPort, "--subscribe-bind", anyPort)
	if err != nil {
		return err
	}
	broker, err := role("broker", "broker", "--frontend-bind", anyPort, "--worker-bind", anyPort, "--job-bind", anyPort,
		"--response-bind", anyPort, "--coordinator", coordinator["subscribe"])
	if err != nil {
		return err
	}
	for i := range queues {
		name := "queue" + string(rune('A'+i))
		if _, err := role(name, "queue", "--name", name, "--worker-bind", anyPort, "--broker", broker["responses"],
			"--broker-jobs", broker["jobs"], "--coordinator", coordinator["subscribe"]); err != nil {
			return err
		}
	}
	for i := range workers {
		if _, err := role(fmt.Sprintf("worker%d", i+1), "worker", "--broker", broker["workers"]); err != nil {
			return err
		}
	}
	frontend, err := s.add(sys, "frontend", s.program, "frontend", "--http", "127.0.0.1:0", "--reply-bind", anyPort,
		"--broker", broker["frontends"], "--coordinator", coordinator["subscribe"])
	if err != nil {
		return err
	}
	sys.url, err = listening(ctx, frontend)
	return err
}

// listening waits for the line that names the HTTP address, and returns the address of echo there.
func listening(ctx context.Context, p *process) (url string, err error) {
	defer p.done()
	err = p.await(ctx, "where it listens", func(line string) bool {
		_, address, found := strings.Cut(line, "listening on ")
		if found {
			url = strings.TrimRight(strings.Fields(address + " ")[0], "/") + "/echo"
		}
		return found
	})
	return url, err
}

// ready waits for a role's line  ready <role> name=<name> <link>=<endpoint> …  and returns its words by name.
func ready(ctx context.Context, p *process) (links map[string]string, err error) {
	err = p.await(ctx, "its endpoints", func(line string) bool {
		var ok bool
		links, ok = parseReady(line)
		return ok
	})
	return links, err
}

func parseReady(line string) (links map[string]string, ok bool) {
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != "ready" {
		return nil, false
	}
	links = map[string]string{}
	for _, word := range words[2:] {
		if name, endpoint, found := strings.Cut(word, "="); found {
			links[name] = endpoint
		}
	}
	return links, true
}

// awaitWorkers sends requests until every worker has answered one.
func awaitWorkers(ctx context.Context, sys *system) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not all %d workers answered within %v",
		workers, startTimeout))
	defer cancel()
	client := &http.Client{}
	defer client.CloseIdleConnections()
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	seen := map[string]bool{}
	var last error
	for len(seen) < workers {
		answer, err := post(ctx, client, sys.url, []byte(echoBody))
		if err == nil && answer.worker != "" {
			seen[answer.worker] = true
		}
		last = err
		select {
		case <-pause.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%w; %d did", context.Cause(ctx), len(seen)), last, sys.alive())
		}
	}
	return nil
}
