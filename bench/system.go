package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// The systems compared, in the order of the table.
const (
	bareSystem = "bare" // net/http echo, one process
	natsSystem = "nats" // HTTP, NATS request and reply, worker: four processes
	upSystem   = "up"   // faasd up: roles linked over inproc, workers over ipc
	tcpSystem  = "tcp"  // faasd's roles as separate processes
)

func systemNames() []string { return []string{bareSystem, natsSystem, upSystem, tcpSystem} }

var titles = map[string]string{
	bareSystem: "bare net/http echo",
	natsSystem: "NATS bridge",
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
	sys := &system{name: name, crosses: name == upSystem || name == tcpSystem}
	var err error
	switch name {
	case bareSystem:
		err = s.startBare(ctx, sys)
	case natsSystem:
		err = s.startNATS(ctx, sys)
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

// addSelf starts this program as one process of a system.
func (s *starter) addSelf(sys *system, command string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return s.add(sys, command, self, append([]string{command}, args...)...)
}

// echo waits for the line that names a process's HTTP address, and returns the address of echo there.
func (p *process) echo(ctx context.Context) (url string, err error) {
	address, err := p.address(ctx)
	return strings.TrimRight(address, "/") + "/echo", err
}

// address waits for the line that says where a process listens.
func (p *process) address(ctx context.Context) (url string, err error) {
	defer p.done()
	err = p.await(ctx, "where it listens", func(line string) bool {
		_, address, found := strings.Cut(line, "listening on ")
		if found {
			url = strings.Fields(address + " ")[0]
		}
		return found
	})
	return url, err
}
