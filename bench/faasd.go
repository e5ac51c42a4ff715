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

const (
	queues  = 3
	workers = 3
)

// startEcho starts a `faasd up` as the report's system is.
func (s *starter) startEcho(ctx context.Context, sys *system) error {
	return s.startUp(ctx, sys, queues, workers)
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
	sys.url, err = p.echo(ctx)
	sys.metrics = []string{sys.function("metrics")}
	return err
}

// startTCP starts the report's processes, each on ports that the kernel chooses.
func (s *starter) startTCP(ctx context.Context, sys *system) error {
	const (
		anyAddress = "127.0.0.1:0"
		anyPort    = "tcp://" + anyAddress
	)
	role := func(name string, args ...string) (map[string]string, error) {
		p, err := s.add(sys, name, s.program, args...)
		if err != nil {
			return nil, err
		}
		defer p.done()
		links, err := ready(ctx, p)
		if address, counts := links["metrics"]; counts {
			sys.metrics = append(sys.metrics, address+"/metrics")
		}
		return links, err
	}

	coordinator, err := role("coordinator", "coordinator", "--publish-bind", anyPort, "--subscribe-bind", anyPort)
	if err != nil {
		return err
	}
	broker, err := role("broker", "broker", "--frontend-bind", anyPort, "--worker-bind", anyPort, "--job-bind", anyPort,
		"--response-bind", anyPort, "--coordinator", coordinator["subscribe"], "--metrics", anyAddress)
	if err != nil {
		return err
	}
	for i := range queues {
		name := "queue" + string(rune('A'+i))
		if _, err := role(name, "queue", "--name", name, "--worker-bind", anyPort, "--broker", broker["responses"],
			"--broker-jobs", broker["jobs"], "--coordinator", coordinator["subscribe"], "--metrics", anyAddress); err != nil {
			return err
		}
	}
	for i := range workers {
		if _, err := role(fmt.Sprintf("worker%d", i+1), "worker", "--broker", broker["workers"]); err != nil {
			return err
		}
	}
	frontend, err := s.add(sys, "frontend", s.program, "frontend", "--http", anyAddress, "--reply-bind", anyPort,
		"--broker", broker["frontends"], "--coordinator", coordinator["subscribe"])
	if err != nil {
		return err
	}
	sys.url, err = frontend.echo(ctx)
	return err
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

// awaitWorkers sends requests until so many workers have answered one.
func awaitWorkers(ctx context.Context, sys *system, workers int) error {
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
