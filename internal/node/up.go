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
	Results  Window
	HTTP     string
	Data     string // folder
	Queues   int
	Workers  int
	Slots    int // of each worker
	Timeout  time.Duration
	Attempts int
	Grace    time.Duration // to stop in
	Log      config.Log    // the workers' too
}

// system is a running Up. Roles are linked over inproc; what workers and
// operators need is bound in the data folder too.
type system struct {
	dir         *dataDir
	zmq         *bus.Context
	metrics     *metrics.Set
	frontend    *FrontendPart
	broker      *Part
	queues      []*Part
	coordinator *Part
	workers     *supervisor
}

// RunUp runs the embedded system until ctx ends, and then stops it within
// u.Grace. listening is called once the first request can be answered.
func RunUp(ctx context.Context, u Up, log *slog.Logger, listening func(url string)) (err error) {
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
	s.watch(ctx, failed)
	if err := s.dir.publish(config.Running{
		PID: os.Getpid(), HTTP: s.frontend.URL(), Coordinator: s.dir.socket("coordinator-subscribe"),
	}); err != nil {
		stopAll()
		return unusable(s.dir.path, err)
	}
	// Workers that came before the queues would all go to the first ones.
	if s.frontend.wait(ctx, s.allRoutable) == nil {
		s.workers.keep(u.Workers)
	}
	ready := s.frontend.gateway.Ready
	if u.Workers > 0 {
		ready = s.frontend.gateway.Serving
	}
	if s.frontend.wait(ctx, ready) == nil {
		listening(s.frontend.URL())
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
	s = &system{metrics: metrics.New()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = openDataDir(u.Data); err != nil {
		return s, err
	}
	if s.zmq, err = bus.NewContext(); err != nil {
		return s, err
	}
	const subscribe = "inproc://coordinator-subscribe"
	coordinators := []string{subscribe}
	if s.coordinator, err = (Coordinator{
		Identity:  Identity{Name: "coordinator1"},
		Publish:   []string{"inproc://coordinator-publish", s.dir.socket("coordinator-publish")},
		Subscribe: []string{subscribe, s.dir.socket("coordinator-subscribe")},
	}).start(s.zmq, log); err != nil {
		return s, err
	}
	const frontends, jobs, responses = "inproc://broker-frontends", "inproc://broker-jobs", "inproc://broker-responses"
	if s.broker, err = (Broker{
		Identity: Identity{Name: "broker1"}, Limits: u.Limits, Coordinators: coordinators,
		Frontends: frontends, Workers: s.dir.socket("broker"), Jobs: jobs, Responses: responses,
	}).start(s.zmq, log); err != nil {
		return s, err
	}
	for i := range u.Queues {
		name := config.QueueName(i)
		q, err := (Queue{
			Identity: Identity{Name: name}, Limits: u.Limits, Results: u.Results, Coordinators: coordinators,
			Workers: s.dir.socket(name), Brokers: []string{responses}, BrokerJobs: []string{jobs},
		}).start(s.zmq, log)
		if err != nil {
			return s, err
		}
		s.queues = append(s.queues, q)
	}
	if s.frontend, err = startFrontend(s.zmq, Frontend{
		Identity: Identity{Name: "frontend1"}, Limits: u.Limits, HTTP: u.HTTP, Timeout: u.Timeout, Attempts: u.Attempts,
		Replies: "inproc://frontend-replies", Brokers: []string{frontends}, Coordinators: coordinators,
	}, s.metrics, log); err != nil {
		return s, err
	}
	s.workers, err = newSupervisor([]string{
		"worker", "--broker", s.dir.socket("broker"), "--slots", strconv.Itoa(u.Slots), "--max-body", strconv.FormatInt(u.MaxBody, 10), "--grace", u.Grace.String(), "--log-level", u.Log.Level, "--log-format", u.Log.Format,
	}, filepath.Join(s.dir.path, logFolder), log)
	return s, err
}

// parts are the roles of this process; each stops before those behind it.
func (s *system) parts() []*Part {
	all := append([]*Part{}, s.queues...)
	return append(all, s.broker, s.coordinator)
}

// watch fails the system when one of its parts ends by itself.
func (s *system) watch(ctx context.Context, failed context.CancelCauseFunc) {
	for _, p := range append(s.parts(), s.frontend.Part) {
		go func() {
			select {
			case <-p.ended:
				failed(fmt.Errorf("%s: %w", p.id.Name, errors.Join(errEnded, p.err)))
			case <-ctx.Done():
			}
		}()
	}
	go func() {
		select {
		case e := <-s.frontend.served:
			failed(fmt.Errorf("HTTP server on %s: %w", s.frontend.URL(), e))
		case <-ctx.Done():
		}
	}()
}

// allRoutable reports whether the broker knows all queues.
func (s *system) allRoutable(context.Context) (all bool, err error) {
	s.broker.turn(func(role.Time) { all = s.broker.machine.(*broker.Machine).Routable() == len(s.queues) })
	return all, nil
}

func (s *system) run() {
	for _, p := range s.parts() {
		p.run()
	}
	s.frontend.run()
	s.metrics.Links(func() []metrics.Link {
		all := s.frontend.counters()
		for _, p := range s.parts() {
			all = append(all, p.counters()...)
		}
		return all
	})
}

// stop stops senders before receivers: first no new requests and the open ones
// answered, then the workers, then what lies between.
func (s *system) stop(ctx context.Context) {
	s.frontend.Stop(ctx)
	s.workers.stop(ctx)
	for _, p := range s.parts() {
		p.Stop(ctx)
	}
}

// close gives back what open took, in whatever state that is.
func (s *system) close() error {
	var errs []error
	if s.frontend != nil {
		_ = s.frontend.listener.Close()
	}
	if s.zmq != nil {
		errs = append(errs, s.zmq.Close())
	}
	if s.dir != nil {
		errs = append(errs, s.dir.close())
	}
	return errors.Join(errs...)
}
