package acceptance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"faasd/internal/operator"
	"faasd/internal/proc"
)

// own is a system of a test's own: a process for each role, linked over tcp on
// ports that the kernel picked, logs in a temporary folder.
type own struct {
	bin     string
	workers int // to begin with

	dir    string             // "" until it is made
	system *proc.System       // nil until it is started
	view   *operator.Operator // nil until it is opened
}

// start starts the services, then the workers.
func (s *own) start(ctx context.Context, r *run, number int) error {
	err := r.step(ctx, "start coordinator, broker, three queues, frontend", func(saw func(string, ...any)) error {
		if err := s.services(ctx, number); err != nil {
			return err
		}
		var pids []string
		for _, name := range s.system.Names() {
			pids = append(pids, fmt.Sprint(name, " ", s.system.Process(name).Pid()))
		}
		saw("process ids: %s", strings.Join(pids, ", "))
		return nil
	})
	if err != nil || s.workers == 0 {
		return err
	}
	return r.step(ctx, fmt.Sprintf("start %d workers", s.workers), func(saw func(string, ...any)) error {
		for n := 1; n <= s.workers; n++ { // one after the other, so that they join in this order
			if _, _, err := s.StartWorker(ctx); err != nil {
				return err
			}
			if _, err := await(ctx, s, seenWithin, plural(n, "worker")+" on the bus", func(p operator.Picture) bool { return p.Totals.Workers == n }); err != nil {
				return err
			}
		}
		p, err := await(ctx, s, seenWithin, "the names of all workers on the bus", func(p operator.Picture) bool { return len(p.Workers) == s.workers })
		if err != nil {
			return err
		}
		for _, w := range p.Workers {
			saw("%s, process %d, joined %s", w.Name, w.PID, w.Queue)
		}
		return nil
	})
}

// services starts everything but workers and waits until it has found each
// other.
func (s *own) services(ctx context.Context, number int) error {
	bounded, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("not within %s", startWithin))
	defer cancel()
	var err error
	if s.dir, err = os.MkdirTemp("", fmt.Sprintf("faasd-test-%d-", number)); err != nil {
		return fmt.Errorf("make a folder for logs: %w", err)
	}
	layout := proc.Report()
	layout.Workers, layout.Bin, layout.Dir = 0, s.bin, s.dir
	if s.system, err = proc.StartSystem(bounded, layout); err != nil {
		return &failure{fmt.Sprintf("all of them ready within %s", startWithin), err.Error()}
	}
	if s.view, err = operator.Open(s.system.Endpoints("coordinator", "subscribe")); err != nil {
		return err
	}
	if _, err := s.view.Await(bounded); err != nil {
		return err
	}
	_, err = await(ctx, s, seenWithin, "a broker that gives jobs to three queues, and a frontend, on the bus", func(p operator.Picture) bool {
		return len(p.Brokers) == 1 && p.Brokers[0].Broker != nil && len(p.Brokers[0].Broker.Queues) == 3 &&
			len(p.Queues) == 3 && len(p.Frontends) == 1
	})
	return err
}

func (s *own) URL() string { return s.system.URLs()[0] }

func (s *own) Picture() operator.Picture { return s.view.Picture() }

func (s *own) StartWorker(ctx context.Context) (name string, pid int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("not within %s", startWithin))
	defer cancel()
	p, err := s.system.AddWorker(ctx)
	if err != nil {
		return "", 0, &failure{fmt.Sprintf("a worker that is ready within %s", startWithin), err.Error()}
	}
	return p.Name(), p.Pid(), nil
}

func (s *own) KillWorker(_ context.Context, w operator.Worker) (string, error) {
	p := s.system.Process(w.Name)
	if p == nil || p.Pid() != w.PID {
		return "", &failure{"on the bus the process id of each worker that was started", fmt.Sprintf("%s with %d", w.Name, w.PID)}
	}
	if err := p.Kill(); err != nil {
		return "", err
	}
	return p.Ended(), nil
}

// HoldBack has nothing to do: nobody replaces these workers.
func (s *own) HoldBack(context.Context) (func(), error) { return func() {}, nil }

// running reports whether the system has been started.
func (s *own) running() bool { return s.system != nil }

func (s *own) endpoints() *Endpoints {
	return &Endpoints{HTTP: s.URL(), Coordinators: s.system.Endpoints("coordinator", "subscribe")}
}

// logs returns what the roles have written, by their names.
func (s *own) logs() map[string]string {
	logs := make(map[string]string)
	files, _ := filepath.Glob(filepath.Join(s.dir, "*.log")) // the pattern is fine
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			text = []byte(err.Error())
		}
		logs[strings.TrimSuffix(filepath.Base(file), ".log")] = string(text)
	}
	return logs
}

// close ends all processes at once and, unless the logs are to be left,
// removes the folder.
func (s *own) close(leaveLogs bool) error {
	var errs []error
	if s.view != nil {
		errs = append(errs, s.view.Close())
	}
	if s.system != nil {
		errs = append(errs, s.system.Kill())
	}
	if s.dir != "" && !leaveLogs {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
