package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The systems, by the names that they have in flags and in JSON.
const (
	bareSystem     = "bare"        // net/http echo, one process
	natsSystem     = "nats"        // HTTP, NATS request and reply, worker: four processes
	upSystem       = "up"          // faasd up: roles linked over inproc, workers over ipc
	tcpSystem      = "tcp"         // faasd's roles as separate processes
	lambdaSystem   = "lambda"      // faasd up with a Lambda function
	manySystem     = "lambda-many" // the same, whose processes take several calls at a time
	emulatorSystem = "emulator"    // AWS's emulator with that function
	proxySystem    = "proxy"       // an HTTP function behind a proxy
)

// A kind is a kind of system.
type kind struct {
	name, title string
	start       func(*starter, context.Context, *system) error
	crosses     bool // it is faasd
	alone       bool // it takes one call at a time
}

// kinds are all, in the order of the tables; the first compared are those of `--systems`.
var kinds = []kind{
	{name: bareSystem, title: "bare net/http echo", start: (*starter).startBare},
	{name: natsSystem, title: "NATS bridge", start: (*starter).startNATS},
	{name: upSystem, title: "faasd up", start: (*starter).startEcho, crosses: true},
	{name: tcpSystem, title: "faasd, processes over tcp", start: (*starter).startTCP, crosses: true},
	{name: lambdaSystem, title: "faasd up, Lambda function", start: (*starter).startLambda, crosses: true},
	{name: manySystem, title: "the same, --concurrency 8", start: (*starter).startMany, crosses: true},
	{name: emulatorSystem, title: "AWS's emulator", start: (*starter).startEmulator, alone: true},
	{name: proxySystem, title: "HTTP function behind a proxy", start: (*starter).startProxy},
}

const compared = 4

func systemNames() (names []string) {
	for _, k := range kinds[:compared] {
		names = append(names, k.name)
	}
	return names
}

// place is where a system stands in the order of the tables.
func place(name string) int {
	return slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
}

func title(name string) string { return kinds[place(name)].title }

// A system answers POST url.
type system struct {
	kind
	url       string
	metrics   []string // addresses of what its parts count; none if it is not faasd
	data      string   // the data folder of `faasd up`
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

// most is how many of so many clients may call the system at a time.
func (s *system) most(clients int) int {
	if s.alone {
		return 1
	}
	return clients
}

// start returns once the system answers and, if it is faasd, all its workers do.
func (s *starter) start(ctx context.Context, name string) (*system, error) {
	sys := &system{kind: kinds[place(name)]}
	err := sys.start(s, ctx, sys)
	if err == nil && sys.crosses {
		err = awaitWorkers(ctx, sys, workers)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), sys.stop())
	}
	return sys, nil
}

// function is the address of a function of faasd.
func (s *system) function(name string) string {
	return s.url[:strings.LastIndexByte(s.url, '/')+1] + name
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
