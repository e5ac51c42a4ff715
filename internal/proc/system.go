package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"faasd/internal/config"
)

// Layout says how many of which role a [System] has. The numbers mean what
// they say: 0 is none.
type Layout struct {
	Coordinators int
	Brokers      int
	Queues       int
	Workers      int
	Frontends    int

	Bin  string              // path of faasd; "" is what FindBinary finds
	Bins map[string]string   // by role, of a program that stands in for faasd's and takes the same flags
	Dir  string              // folder for logs; "" is a temporary one that a clean Stop removes
	Args map[string][]string // further flags by role: {"worker": {"--slots", "4"}}
	Env  []string            // added to every process's environment

	Detour Detour // what lies between the parts; nil for nothing
}

// Report returns the layout of the report's own system of nine processes: one
// coordinator, one broker, three queues, three workers and one frontend.
func Report() Layout {
	return Layout{Coordinators: 1, Brokers: 1, Queues: 3, Workers: 3, Frontends: 1}
}

// System is a running faasd of separate processes, linked over tcp on ports of
// 127.0.0.1 that the kernel picked. Its parts are called coordinator1, broker1,
// queueA, worker1, frontend1 and so on.
//
// Different parts may be started and stopped by different goroutines at the
// same time, one part only by one.
type System struct {
	layout    Layout
	bin       string
	dir       string
	temporary bool // dir is ours to remove

	mu    sync.Mutex
	parts []*part // in the order of their first start; guarded by mu
}

// StartSystem starts a system and returns once every part is ready and the
// frontends serve HTTP. The context bounds the start only. If it fails, what
// had been started is killed, and the error names the folder of the logs.
func StartSystem(ctx context.Context, layout Layout) (*System, error) {
	s := &System{layout: layout, bin: layout.Bin, dir: layout.Dir}
	var err error
	if s.bin == "" {
		if s.bin, err = FindBinary(); err != nil {
			return nil, err
		}
	}
	if s.dir == "" {
		s.temporary = true
		if s.dir, err = os.MkdirTemp("", "faasd-system-"); err != nil {
			return nil, fmt.Errorf("make a folder for logs: %w", err)
		}
	}
	for _, p := range s.plan() {
		if err := s.add(ctx, p); err != nil {
			return nil, errors.Join(fmt.Errorf("start the system (logs in %s): %w", s.dir, err), s.Kill())
		}
	}
	return s, nil
}

// plan lists the parts in the order in which they start: whoever is dialled
// first.
func (s *System) plan() []*part {
	var parts []*part
	some := func(n int, role string, name func(i int) string) {
		for i := range n {
			parts = append(parts, &part{role: role, name: name(i)})
		}
	}
	some(s.layout.Coordinators, coordinator, numbered(coordinator))
	some(s.layout.Brokers, broker, numbered(broker))
	some(s.layout.Queues, queue, config.QueueName)
	some(s.layout.Workers, worker, numbered(worker))
	some(s.layout.Frontends, frontend, numbered(frontend))
	return parts
}

func numbered(role string) func(i int) string {
	return func(i int) string { return fmt.Sprintf("%s%d", role, i+1) }
}

// add starts a new part and keeps it in the system even if that fails, so that
// its process is not lost sight of.
func (s *System) add(ctx context.Context, p *part) error {
	s.mu.Lock()
	s.parts = append(s.parts, p)
	s.mu.Unlock()
	return s.start(ctx, p)
}

// AddWorker starts one more worker, with further flags of its own, and returns
// its process once it is ready.
func (s *System) AddWorker(ctx context.Context, args ...string) (*Process, error) {
	return s.another(ctx, worker, args)
}

// AddFrontend likewise starts one more frontend.
func (s *System) AddFrontend(ctx context.Context, args ...string) (*Process, error) {
	return s.another(ctx, frontend, args)
}

func (s *System) another(ctx context.Context, role string, args []string) (*Process, error) {
	s.mu.Lock()
	n := 0
	for _, p := range s.parts {
		if p.role == role {
			n++
		}
	}
	p := &part{role: role, name: numbered(role)(n), args: args}
	s.parts = append(s.parts, p)
	s.mu.Unlock()
	if err := s.start(ctx, p); err != nil {
		return nil, err
	}
	return s.Process(p.name), nil
}

// Start starts a part that has ended, on the endpoints that it had, and
// returns its process once it is ready.
func (s *System) Start(ctx context.Context, name string) (*Process, error) {
	p, err := s.part(name)
	if err != nil {
		return nil, err
	}
	select {
	case <-s.Process(name).Exited():
	default:
		return nil, fmt.Errorf("start %s: it still runs", name)
	}
	if err := s.start(ctx, p); err != nil {
		return nil, err
	}
	return s.Process(name), nil
}

// Restart stops a part and starts it again on the endpoints that it had.
func (s *System) Restart(ctx context.Context, name string) (*Process, error) {
	if _, err := s.part(name); err != nil {
		return nil, err
	}
	if err := s.Process(name).Stop(ctx); err != nil {
		return nil, err
	}
	return s.Start(ctx, name)
}

// Names returns the names of all parts, ended ones too, in the order of their
// first start; with roles given, those of these roles.
func (s *System) Names(roles ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, p := range s.parts {
		if len(roles) == 0 || slices.Contains(roles, p.role) {
			names = append(names, p.name)
		}
	}
	return names
}

// Process returns the part's process, the last one if it has ended, or nil if
// there is no such part or it never started.
func (s *System) Process(name string) *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parts {
		if p.name == name {
			return p.process
		}
	}
	return nil
}

// Endpoints returns what the parts of a role bound for a link:
// Endpoints("coordinator", "subscribe") is what faasctl's --coordinator takes.
func (s *System) Endpoints(role, link string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endpoints(role, link, func(_ *part, endpoint string) string { return endpoint })
}

// endpoints returns what the parts of a role bound for a link, as somebody sees
// it. s.mu is held.
func (s *System) endpoints(role, link string, seen func(p *part, endpoint string) string) []string {
	var endpoints []string
	for _, p := range s.parts {
		if e := p.links[link]; p.role == role && e != "" {
			endpoints = append(endpoints, seen(p, e))
		}
	}
	return endpoints
}

// URLs returns where the frontends serve HTTP: "http://127.0.0.1:3000".
func (s *System) URLs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var urls []string
	for _, p := range s.parts {
		if p.url != "" {
			urls = append(urls, p.url)
		}
	}
	return urls
}

// Logs returns the folder with one log a part, "queueA.log", which a restarted
// part goes on with.
func (s *System) Logs() string { return s.dir }

// Stop stops every part, first the frontends, which finish what they have
// accepted while everything behind them still runs; then who sends before who
// receives. At the context's end what still runs is killed. The error joins
// those of the parts and names the folder of the logs; without one a temporary
// folder is removed.
func (s *System) Stop(ctx context.Context) error {
	var errs []error
	for _, role := range []string{frontend, broker, queue, worker, coordinator} {
		for _, name := range s.Names(role) {
			if p := s.Process(name); p != nil {
				errs = append(errs, p.Stop(ctx))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop the system (logs in %s): %w", s.dir, err)
	}
	if s.temporary {
		return os.RemoveAll(s.dir)
	}
	return nil
}

// Kill ends every part and its children at once and leaves the logs.
func (s *System) Kill() error {
	var errs []error
	for _, name := range s.Names() {
		if p := s.Process(name); p != nil {
			errs = append(errs, p.KillGroup())
		}
	}
	return errors.Join(errs...)
}

func (s *System) part(name string) (*part, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parts {
		if p.name == name && p.process != nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("the system has no part %q", name)
}

// start starts the part's process, waits until it is ready, and keeps what it
// bound.
func (s *System) start(ctx context.Context, p *part) error {
	process, err := Start(ctx, Spec{
		Name: p.name, Bin: cmp.Or(s.layout.Bins[p.role], s.bin), Env: s.layout.Env,
		Args:    slices.Concat(s.command(p), s.layout.Args[p.role], p.args),
		LogFile: filepath.Join(s.dir, p.name+".log"),
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	p.process = process
	s.mu.Unlock()
	if s.layout.Detour != nil {
		s.layout.Detour.Started(p.name, process.Pid())
	}

	ready, err := process.Ready(ctx)
	if err != nil {
		return err
	}
	if err := s.detour(p, ready); err != nil {
		return err
	}
	url := ""
	if roles[p.role].http {
		if url, err = process.HTTP(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p.links, p.url = ready.Links, url
	return nil
}

// command returns the part's role and flags.
func (s *System) command(p *part) []string {
	args := []string{p.role, "--name", p.name}
	if len(roles[p.role].binds) > 0 && s.layout.Detour != nil {
		args = append(args, "--advertise", s.layout.Detour.Host(p.name))
	}
	for _, b := range roles[p.role].binds {
		args = append(args, b.flag, p.endpoint(b.link))
	}
	if roles[p.role].http {
		args = append(args, "--http", p.address())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range roles[p.role].dials {
		if endpoints := s.endpoints(d.role, d.link, s.dialled); len(endpoints) > 0 {
			args = append(args, d.flag, strings.Join(endpoints, ","))
		}
	}
	return args
}
