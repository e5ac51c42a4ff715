package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"faasd/internal/proc"
)

// The supervisor starts a worker that has died again, at once the first time
// and later the longer the more often it dies.
const (
	restartFirst = 50 * time.Millisecond
	restartMax   = 5 * time.Second
	// settled is how long a worker must have lived for its death to count as
	// the first.
	settled = 10 * time.Second
)

// supervisor keeps a number of worker processes alive.
type supervisor struct {
	bin  string // this program
	args []string
	logs string
	log  *slog.Logger

	quit    chan struct{} // closed: start no more
	running sync.WaitGroup

	mu       sync.Mutex // guards what follows
	children map[int]*proc.Process
}

func newSupervisor(args []string, logs string, log *slog.Logger) (*supervisor, error) {
	bin, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program's own file to start workers from: %w", err)
	}
	return &supervisor{
		bin: bin, args: args, logs: logs, log: log,
		quit: make(chan struct{}), children: make(map[int]*proc.Process),
	}, nil
}

// keep starts n workers and keeps as many alive.
func (s *supervisor) keep(n int) {
	for i := range n {
		s.running.Add(1)
		go func() {
			defer s.running.Done()
			s.keepOne(i + 1)
		}()
	}
}

// keepOne keeps one worker alive until quit.
func (s *supervisor) keepOne(number int) {
	wait := restartFirst
	for {
		began := time.Now()
		p, err := s.start(number)
		if err != nil {
			s.log.Error("worker not started", "worker", number, "error", err)
		} else {
			<-p.Exited()
			s.forget(number)
			select {
			case <-s.quit:
				return
			default:
				s.log.Warn("worker process ended; starting another", "worker", number, "pid", p.Pid(), "lived", time.Since(began).Round(time.Millisecond), "ended", p.Ended(), "log", s.logs)
			}
		}
		if time.Since(began) >= settled {
			wait = restartFirst
		}
		select {
		case <-s.quit:
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, restartMax)
	}
}

func (s *supervisor) start(number int) (*proc.Process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.quit:
		return nil, context.Canceled
	default:
	}
	p, err := proc.Start(context.Background(), proc.Spec{
		Name: fmt.Sprintf("worker %d", number), Bin: s.bin, Args: s.args,
		LogFile: filepath.Join(s.logs, fmt.Sprintf("worker%d.log", number)),
	})
	if err == nil {
		s.children[number] = p
	}
	return p, err
}

func (s *supervisor) forget(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.children, number)
}

// stop ends all workers, in order until ctx ends, and by force then.
func (s *supervisor) stop(ctx context.Context) {
	s.mu.Lock()
	close(s.quit)
	var stopping sync.WaitGroup
	for _, p := range s.children {
		stopping.Add(1)
		go func() {
			defer stopping.Done()
			if p.Stop(ctx) != nil {
				s.log.Warn("worker did not stop in time and was killed, or failed while stopping", "pid", p.Pid(), "ended", p.Ended(), "log", s.logs)
			}
		}()
	}
	s.mu.Unlock()
	stopping.Wait()
	s.running.Wait()
}
