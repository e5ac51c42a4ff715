package node

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"faasd/internal/broker"
	"faasd/internal/bus"
	"faasd/internal/coordinator"
	"faasd/internal/function"
	"faasd/internal/function/process"
	"faasd/internal/job"
	"faasd/internal/library"
	"faasd/internal/queue"
	"faasd/internal/resolve"
	"faasd/internal/role"
	"faasd/internal/supervisor"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// Limits are what every role that carries jobs keeps to.
type Limits struct {
	MaxBody     int64 // bytes of a job's body, at most
	WindowJobs  int   // jobs that one peer may have outstanding here
	WindowBytes int64 // and their bytes
}

// frameRoom is how much larger than a body a ZeroMQ frame may be: a function's
// answer may be somewhat larger than the largest request.
const frameRoom = 1 << 20

func (l Limits) maxMessage() int64 { return l.MaxBody + frameRoom }

func (l Limits) window() job.Window {
	return job.Window{Count: uint64(l.WindowJobs), Bytes: uint64(l.WindowBytes)}
}

// Coordinator is a coordinator's settings.
type Coordinator struct {
	Identity
	Publish   []string // endpoints to bind; the first is advertised
	Subscribe []string
}

func (c Coordinator) start(ctx *bus.Context, log *slog.Logger) (*Part, error) {
	started := time.Now()
	c.Role = wire.RoleCoordinator
	self := c.member()
	log = log.With("role", c.Role, "id", c.Name)
	p, err := newPart(ctx, c.Identity, coordinator.New(coordinator.Config{Self: self, Log: log, Wall: time.Now}), coordinator.Links(), started, log)
	if err != nil {
		return nil, err
	}
	return p, p.bind(
		binding{coordinator.LinkPublish, "publish", c.Publish},
		binding{coordinator.LinkSubscribe, "subscribe", c.Subscribe},
	)
}

// Broker is a broker's settings.
type Broker struct {
	Identity
	Limits
	Frontends, Workers, Jobs, Responses string   // endpoints to bind
	Coordinators                        []string // XPUB endpoints to dial
}

func (b Broker) start(ctx *bus.Context, log *slog.Logger) (*Part, error) {
	started := time.Now()
	b.Role = wire.RoleBroker
	self := b.member()
	log = log.With("role", b.Role, "id", b.Name)
	m := broker.New(broker.Config{
		Self: self, Coordinators: unnamed.Endpoints(b.Coordinators), Window: b.window(), Log: log, Wall: time.Now,
	})
	p, err := newPart(ctx, b.Identity, m, broker.Links(b.maxMessage()), started, log)
	if err != nil {
		return nil, err
	}
	p.follow(m, func(now role.Time, book resolve.Book) {
		m.CoordinatorsAt(now, book.Endpoints(b.Coordinators))
	}, b.Coordinators)
	return p, p.bind(
		binding{broker.LinkFrontends, "frontends", []string{b.Frontends}},
		binding{broker.LinkWorkers, "workers", []string{b.Workers}},
		binding{broker.LinkJobs, "jobs", []string{b.Jobs}},
		binding{broker.LinkResponses, "responses", []string{b.Responses}},
	)
}

// unnamed is what is known before any host was looked up.
var unnamed resolve.Book

// Queue is a queue's settings. Brokers and BrokerJobs belong together, one by one.
type Queue struct {
	Identity
	Limits
	Results      Window   // results kept for whoever asks again
	Workers      string   // endpoint to bind
	Brokers      []string // PULL endpoints to dial; a host's name stands for all its addresses
	BrokerJobs   []string // XPUB endpoints to dial
	Coordinators []string // XPUB endpoints to dial
}

// Window bounds something in count and bytes.
type Window struct {
	Count int
	Bytes int64
}

func (q Queue) start(ctx *bus.Context, log *slog.Logger) (*Part, error) {
	started := time.Now()
	q.Role = wire.RoleQueue
	self := q.member()
	log = log.With("role", q.Role, "id", q.Name)
	if len(q.Brokers) != len(q.BrokerJobs) {
		return nil, fmt.Errorf("queue %s: %d broker endpoints for answers but %d for jobs; give one of each for every broker", q.Name, len(q.Brokers), len(q.BrokerJobs))
	}
	cfg := queue.Config{
		Self: self, Brokers: q.places(unnamed), Coordinators: unnamed.Endpoints(q.Coordinators), Window: q.window(),
		Results: job.Window{Count: uint64(q.Results.Count), Bytes: uint64(q.Results.Bytes)},
		Log:     log, Wall: time.Now,
	}
	m := queue.New(cfg)
	p, err := newPart(ctx, q.Identity, m, queue.Links(q.maxMessage()), started, log)
	if err != nil {
		return nil, err
	}
	p.follow(m, func(now role.Time, book resolve.Book) {
		m.BrokersAt(now, q.places(book))
		m.CoordinatorsAt(now, book.Endpoints(q.Coordinators))
	}, q.Brokers, q.BrokerJobs, q.Coordinators)
	return p, p.bind(binding{queue.LinkWorkers, "workers", []string{q.Workers}})
}

// places are where a queue's brokers are, as far as the book says.
func (q Queue) places(book resolve.Book) (places []queue.BrokerEndpoints) {
	for _, pair := range book.Pairs(q.Brokers, q.BrokerJobs) {
		places = append(places, queue.BrokerEndpoints{Responses: pair[0], Jobs: pair[1]})
	}
	return places
}

// Worker is a worker's settings.
type Worker struct {
	Identity
	Functions map[string]function.Function // that it has anyway, by name
	Slots     int
	MaxBody   int64    // bytes of a result, at most
	Brokers   []string // ROUTER endpoints to dial
	Deployed  Deployed
}

// Deployed says which deployed functions a worker runs, and how.
type Deployed struct {
	Only   []string      // these; empty: all
	Labels []string      // of the worker: functions that ask for others are not taken
	Work   string        // folder for packages and what functions write; "": none is run
	Idle   time.Duration // how long a process without a call is kept
}

func (w Worker) start(ctx *bus.Context, log *slog.Logger) (*Part, error) {
	started := time.Now()
	w.Role = wire.RoleWorker
	self := w.member()
	self.Functions, self.Slots = slices.Sorted(maps.Keys(w.Functions)), w.Slots
	if n := len(w.Functions); n > wire.MaxFunctions {
		return nil, fmt.Errorf("worker %s has %s, and queues take workers with %d at most; give each worker fewer and start more of them",
			self.Name, wire.Plural(n, "function"), wire.MaxFunctions)
	}
	if err := self.CheckWorker(); err != nil {
		return nil, fmt.Errorf("worker %s would be taken by no queue: %w", self.Name, err)
	}
	log = log.With("role", w.Role, "id", w.Name)
	r := worker.NewRunner(worker.New(worker.Config{Self: self, Brokers: unnamed.Endpoints(w.Brokers), MaxBody: w.MaxBody, Log: log}), w.Functions)
	p, err := newPart(ctx, w.Identity, r, worker.Links(), started, log)
	if err != nil {
		return nil, err
	}
	r.Attach(p.host.Now, p.host.Do)
	p.follow(r, func(now role.Time, book resolve.Book) { r.BrokersAt(now, book.Endpoints(w.Brokers)) }, w.Brokers)
	if w.Deployed.Work == "" {
		return p, nil
	}
	if err := w.openLibrary(r, p, log); err != nil {
		p.host.Close()
		return nil, err
	}
	return p, nil
}

// cacheFolder is where the workers that share a folder keep compiled modules.
const cacheFolder = "cache"

// openLibrary gives a worker the functions that are deployed.
func (w Worker) openLibrary(r *worker.Runner, p *Part, log *slog.Logger) error {
	folder, err := library.OpenFolder(w.Deployed.Work)
	if err != nil {
		return err
	}
	guard := process.NewGuard(log)
	l, err := library.New(library.Config{
		Folder: folder.Path, Cache: filepath.Join(w.Deployed.Work, cacheFolder), Only: w.Deployed.Only, Labels: w.Deployed.Labels, Slots: w.Slots, Idle: w.Deployed.Idle,
		MaxBody: w.MaxBody, Guard: guard, Log: log,
		Fetch: func(ctx context.Context, digest string, offset int64) ([]byte, int64, error) {
			c := r.Chunk(ctx, digest, offset)
			return c.Bytes, c.Size, c.Err
		},
	})
	if err != nil {
		folder.Close()
		return err
	}
	r.Use(l)
	p.after = func(ctx context.Context) {
		l.Close(ctx)
		_ = guard.Close() // it kills what is left
		folder.Close()
	}
	return nil
}

// supervision is the role that an operator scales the workers of `up` by.
type supervision struct {
	Identity
	Workers      int
	Coordinators []string // XPUB endpoints to dial
	keeper       *keeper
}

func (s supervision) start(ctx *bus.Context, log *slog.Logger) (*Part, error) {
	started := time.Now()
	s.Role = wire.RoleSupervisor
	self := s.member()
	log = log.With("role", s.Role, "id", s.Name)
	m := &supervised{keeper: s.keeper, Machine: supervisor.New(supervisor.Config{
		Self: self, Coordinators: s.Coordinators, Workers: s.Workers, Log: log, Wall: time.Now,
	})}
	p, err := newPart(ctx, s.Identity, m, supervisor.Links(), started, log)
	if err != nil {
		return nil, err
	}
	s.keeper.tell(func() {
		p.host.Do(func(role.Time) { m.Running(s.keeper.pids()) }) // as they are then
	})
	return p, nil
}

// supervised is a supervisor whose decisions a keeper carries out.
type supervised struct {
	*supervisor.Machine
	keeper *keeper
}

// Effects has the keeper do what is wanted now, and returns the machine's effects.
func (s *supervised) Effects() []role.Effect {
	s.keeper.want(s.Wanted())
	s.keeper.hold(s.Held())
	for _, pid := range s.Kills() {
		s.keeper.kill(pid)
	}
	return s.Machine.Effects()
}

// starter is the settings of a role.
type starter interface {
	start(ctx *bus.Context, log *slog.Logger) (*Part, error)
}

// Run runs one role alone in this process until ctx ends, and then stops it.
func Run(ctx context.Context, s starter, with Process) error {
	_, runs := s.(Worker) // whose functions may want all processors
	tuneRuntime(!runs)
	zmq, err := bus.NewContext()
	if err != nil {
		return err
	}
	defer zmq.Close()
	zmq.Resolver = with.Resolver
	p, err := s.start(zmq, with.Log)
	if err != nil {
		return err
	}
	if !runs {
		giveWayUnderLoad(p.host, with.Log)
	}
	return alone(ctx, p, with)
}
