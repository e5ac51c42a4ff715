package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"faasd/internal/broker"
	"faasd/internal/bus"
	"faasd/internal/config"
	"faasd/internal/metrics"
	"faasd/internal/role"
)

// Up is the settings of the embedded system: a frontend, a broker, a
// coordinator and some queues in this process, and workers as its children.
type Up struct {
	Limits
	Requests
	Results Window
	HTTP    string
	Data    string // folder
	Queues  int
	Workers int
	Slots   int           // of each worker
	Idle    time.Duration // how long a worker keeps a function's process without a call
	Grace   time.Duration // to stop in
	Log     config.Log    // the workers' too
	Metrics string        // address to serve metrics and health on; "": none
}

// system is a running Up. Roles are linked over inproc; what workers and
// operators need is bound in the data folder too.
type system struct {
	dir       *dataDir
	zmq       *bus.Context
	log       *slog.Logger
	metrics   *metrics.Set
	telemetry *telemetry
	frontend  *FrontendPart
	registrar *RegistrarPart
	roles     []*slot // all others; each stops before those behind it
	broker    *slot   // one of them
	queues    int
	keeper    *keeper
	gatherer  *gatherer // nil: gathers nobody

	// reviving ends, once nothing more is to be answered, what brings roles back.
	reviving     context.Context
	stopReviving context.CancelFunc
}

// RunUp runs the embedded system until ctx ends, and then stops it within
// u.Grace. listening is called once the first request can be answered; metrics is
// "" if none are served.
func RunUp(ctx context.Context, u Up, log *slog.Logger, listening func(url, metrics string)) (err error) {
	tuneRuntime(true)
	s, err := u.open(log)
	if err != nil {
		return err
	}
	stopAll := func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), u.Grace)
		defer cancel()
		s.stop(stop)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.run()
	ctx, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	s.watch(failed)
	if err := s.dir.publish(config.Running{
		PID: os.Getpid(), HTTP: s.frontend.URL(), Coordinator: s.dir.socket("coordinator-subscribe"), Admin: s.registrar.bound["admin"],
	}); err != nil {
		stopAll()
		return unusable(s.dir.path, err)
	}
	// Workers that came before the queues would all go to the first ones.
	if s.frontend.wait(ctx, s.allRoutable) == nil {
		s.keeper.begin()
	}
	ready := s.frontend.gateway.Ready
	if u.Workers > 0 {
		ready = s.frontend.gateway.Serving
	}
	if s.frontend.wait(ctx, s.frontend.gateway.Informed) == nil && s.frontend.wait(ctx, ready) == nil {
		listening(s.frontend.URL(), s.telemetry.url())
	}
	<-ctx.Done()
	stopAll()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// open binds everything and starts nothing.
func (u Up) open(log *slog.Logger) (s *system, err error) {
	s = &system{log: log, queues: u.Queues}
	s.metrics = newMetrics(s.parts)
	s.reviving, s.stopReviving = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeWith((*dataDir).discard))
		}
	}()
	if s.dir, err = openDataDir(u.Data); err != nil {
		return s, err
	}
	if s.zmq, err = bus.NewContext(); err != nil {
		return s, err
	}
	s.keeper, err = newKeeper([]string{
		"worker", "--broker", s.dir.socket("broker"), "--slots", strconv.Itoa(u.Slots), "--max-body", strconv.FormatInt(u.MaxBody, 10), "--grace", u.Grace.String(),
		"--work", filepath.Join(s.dir.path, workFolder), "--idle", u.Idle.String(), "--log-level", u.Log.Level, "--log-format", u.Log.Format,
	}, filepath.Join(s.dir.path, logFolder), u.Grace, log)
	if err != nil {
		return s, err
	}
	s.gatherer = newGatherer(s.keeper.ready, log)
	s.keeper.apart = s.gatherer.apart
	for _, role := range u.roles(s) {
		slot, err := newSlot(s.zmq, role, log)
		if err != nil {
			return s, err
		}
		s.roles = append(s.roles, slot)
		if _, ok := role.(Broker); ok {
			s.broker = slot
		}
	}
	s.frontend, err = startFrontend(s.zmq, Frontend{
		Identity: Identity{Name: "frontend1"}, Limits: u.Limits, Requests: u.Requests, HTTP: u.HTTP,
		Replies: "inproc://frontend-replies", Brokers: []string{frontendsAt}, Coordinators: []string{subscribeAt},
		watch: s.gatherer.watch,
	}, s.metrics, log)
	if err != nil {
		return s, err
	}
	// What can fail for want of a port comes before what begins to fill the folder.
	s.telemetry, err = openTelemetry(u.Metrics, s.metrics, s.parts, log)
	if err != nil {
		return s, err
	}
	s.registrar, err = startRegistrar(s.zmq, Registrar{
		Identity: Identity{Name: "registrar1"}, Store: filepath.Join(s.dir.path, storeFolder), Admin: s.dir.adminSocket(),
		Packages: s.dir.socket("packages"), Coordinators: []string{subscribeAt},
	}, log)
	return s, err
}

// What is in the data folder besides what datadir.go makes.
const (
	storeFolder = "functions" // what is deployed
	workFolder  = "work"      // of the workers
)

// Where the roles of `up` reach each other.
const (
	publishAt   = "inproc://coordinator-publish"
	subscribeAt = "inproc://coordinator-subscribe"
	frontendsAt = "inproc://broker-frontends"
	jobsAt      = "inproc://broker-jobs"
	responsesAt = "inproc://broker-responses"
)

// roles are the roles of this process but for the frontend; each stops before
// those behind it.
func (u Up) roles(s *system) []starter {
	coordinators := []string{subscribeAt}
	roles := []starter{supervision{
		Identity: Identity{Name: "up"}, Workers: u.Workers, Coordinators: coordinators, keeper: s.keeper,
	}}
	for i := range u.Queues {
		name := config.QueueName(i)
		roles = append(roles, Queue{
			Identity: Identity{Name: name}, Limits: u.Limits, Results: u.Results, Coordinators: coordinators,
			Workers: s.dir.socket(name), Brokers: []string{responsesAt}, BrokerJobs: []string{jobsAt},
		})
	}
	return append(roles, Broker{
		Identity: Identity{Name: "broker1"}, Limits: u.Limits, Coordinators: coordinators,
		Frontends: frontendsAt, Workers: s.dir.socket("broker"), Jobs: jobsAt, Responses: responsesAt,
	}, Coordinator{
		Identity:  Identity{Name: "coordinator1"},
		Publish:   []string{publishAt, s.dir.socket("coordinator-publish")},
		Subscribe: []string{subscribeAt, s.dir.socket("coordinator-subscribe")},
	})
}

// watch fails the system when one of its parts ends by itself, and brings those
// back that have crashed.
func (s *system) watch(failed context.CancelCauseFunc) {
	for _, r := range s.roles {
		go r.keep(s.reviving, failed)
	}
	go func() {
		select {
		case <-s.frontend.ended:
			failed(fmt.Errorf("%s: %w", s.frontend.id.Name, errors.Join(errEnded, s.frontend.err)))
		case e := <-s.frontend.served:
			failed(fmt.Errorf("HTTP server on %s: %w", s.frontend.URL(), e))
		case <-s.registrar.ended:
			failed(fmt.Errorf("%s: %w", s.registrar.id.Name, errors.Join(errEnded, s.registrar.err)))
		case e := <-s.registrar.served:
			failed(fmt.Errorf("HTTP server of those who deploy: %w", e))
		case <-s.reviving.Done():
		}
	}()
}

// allRoutable reports whether the broker knows all queues.
func (s *system) allRoutable(context.Context) (all bool, err error) {
	b := s.broker.get()
	b.turn(func(role.Time) { all = b.machine.(*broker.Machine).Routable() == s.queues })
	return all, nil
}

func (s *system) run() {
	for _, r := range s.roles {
		r.get().run()
	}
	s.frontend.run()
	s.registrar.run()
	s.telemetry.run()
	go s.gatherer.run(s.reviving)
}

// parts are all parts of this process, each in the life that it is in.
func (s *system) parts() []*Part {
	all := []*Part{s.frontend.Part, s.registrar.Part}
	for _, r := range s.roles {
		all = append(all, r.get())
	}
	return all
}

// stop stops senders before receivers: first no new requests and the open ones
// answered, then the workers, then what lies between.
func (s *system) stop(ctx context.Context) {
	s.registrar.Stop(ctx)
	s.frontend.Stop(ctx)
	s.stopReviving()
	for _, r := range s.roles {
		r.finish()
	}
	s.keeper.stop(ctx)
	for _, r := range s.roles {
		r.get().Stop(ctx)
	}
}

// close gives back what open took.
func (s *system) close() error { return s.closeWith((*dataDir).close) }

// closeWith is close, in whatever state the system is, with what is to become of
// its data folder.
func (s *system) closeWith(leave func(*dataDir) error) error {
	var errs []error
	s.stopReviving()
	s.telemetry.close()
	if s.frontend != nil {
		_ = s.frontend.listener.Close()
	}
	if s.registrar != nil {
		_ = s.registrar.server.Close()
	}
	if s.zmq != nil {
		errs = append(errs, s.zmq.Close())
	}
	if s.dir != nil {
		_ = os.Remove(filepath.Join(s.dir.path, workFolder)) // empty, unless a worker was killed
		errs = append(errs, leave(s.dir))
	}
	return errors.Join(errs...)
}
