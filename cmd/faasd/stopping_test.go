package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/proc"
)

// end sends the process a signal and fails the test unless it then exits with
// that code in time.
func end(t testing.TB, p *proc.Process, sig syscall.Signal, code int) {
	t.Helper()
	if err := p.Signal(sig); err != nil {
		t.Fatal(err)
	}
	mustExit(t, p, code)
}

func mustExit(t testing.TB, p *proc.Process, code int) {
	t.Helper()
	began := time.Now()
	select {
	case <-p.Exited():
		if p.ExitCode() != code {
			t.Errorf("%s: exit code %d, want %d:\n%s", p.Name(), p.ExitCode(), code, p.Tail(20))
		}
		t.Logf("%s ended after %s", p.Name(), time.Since(began).Round(time.Millisecond))
	case <-time.After(stopWithin):
		t.Fatalf("%s still runs %s after it was told to stop:\n%s", p.Name(), stopWithin, p.Tail(20))
	}
}

// mustHaveLeft fails the test if `up` has left anything in its data folder but
// what is of use to the next: the lock file, logs, and the functions that are deployed.
func mustHaveLeft(t testing.TB, data string) {
	t.Helper()
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{"lock", "logs", "functions"}, e.Name()) {
			t.Errorf("%s is left in the data folder", e.Name())
		}
	}
}

var stopSignals = []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}

func TestUpStopsInOrder(t *testing.T) {
	t.Parallel()
	for _, sig := range stopSignals {
		t.Run("idle "+sig.String(), func(t *testing.T) {
			s := startUp(t)
			pids := s.processes()
			end(t, s.leader, sig, config.ExitOK)
			s.mustBeGone(pids)
			mustHaveLeft(t, s.data)
		})
		t.Run("under load "+sig.String(), func(t *testing.T) {
			s := startUp(t)
			s.awaitWorkers(3)
			const clients = 16
			s.client.Transport.(*http.Transport).DisableKeepAlives = true
			l := s.startLoad(clients, time.Millisecond)
			l.answered(200)
			pids := s.processes()
			end(t, s.leader, sig, config.ExitOK)
			l.finish()
			l.mustHaveEndedInOrder(clients)
			s.mustBeGone(pids)
			mustHaveLeft(t, s.data)
		})
	}
}

// mustHaveEndedInOrder fails the test if a client of a frontend that has
// stopped got anything but its echo, a refusal, or a closed door. The door may
// close while a client is in it: what waits in the kernel to be accepted is
// reset, and so is a request that comes just as its idle connection is closed.
func (l *load) mustHaveEndedInOrder(clients int) {
	l.s.t.Helper()
	l.s.t.Logf("%d requests: %s", l.sent, l.status)
	for _, wrong := range l.wrong {
		l.s.t.Error(wrong)
	}
	between := l.status[brokenOff]
	if n := l.status["200"] + l.status["503 stopping"] + l.status[refused] + between; n != l.sent {
		l.s.t.Errorf("%d requests had another end", l.sent-n)
	}
	if between > 2*clients {
		l.s.t.Errorf("%d requests were broken off, of %d clients", between, clients)
	}
}

// What has been accepted is answered, though the door is closed to others.
func TestWhatIsInFlightIsAnsweredBeforeTheFrontendStops(t *testing.T) {
	t.Parallel()
	for _, sig := range stopSignals {
		t.Run(sig.String(), func(t *testing.T) {
			inBothModes(t, func(t *testing.T, s *system) {
				workers := s.workers()
				pause(t, workers...)
				sent := s.sendEchoes(12)
				s.awaitHeld(12)
				leader := s.leader
				if s.apart != nil {
					leader = s.part("frontend1")
				}
				if err := leader.Signal(sig); err != nil {
					t.Fatal(err)
				}
				s.awaitClosedDoor()
				noneAnswered(t, sent, 100*time.Millisecond)
				resume(t, workers...)
				allEchoed(t, sent)
				mustExit(t, leader, config.ExitOK)
			})
		})
	}
}

// awaitClosedDoor waits until connections are refused.
func (s *system) awaitClosedDoor() {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		if err == nil {
			conn.Close()
		}
		return fmt.Errorf("a connection is not refused: %v", err)
	})
}

// Where nobody is left to do the work, who waits is told so in time.
func TestWaitingRequestsAreRefusedBeforeTheFrontendStops(t *testing.T) {
	t.Parallel()
	t.Run("up", func(t *testing.T) {
		t.Parallel()
		s := startUp(t, "--workers", "0")
		sent := s.sendEchoes(6)
		s.awaitHeld(6)
		pids := s.processes()
		end(t, s.leader, syscall.SIGTERM, config.ExitOK)
		mustAllBeStopping(t, sent)
		s.mustBeGone(pids)
		mustHaveLeft(t, s.data)
	})
	t.Run("apart and Ctrl-C for all", func(t *testing.T) {
		t.Parallel()
		s := startApart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 3, Workers: 0, Frontends: 1})
		s.watch().awaitQueues(3)
		sent := s.sendEchoes(6)
		s.awaitHeld(6)
		for _, name := range s.apart.Names() {
			if err := s.part(name).Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range s.apart.Names() {
			mustExit(t, s.part(name), config.ExitOK)
		}
		mustAllBeStopping(t, sent)
	})
}

func mustAllBeStopping(t testing.TB, sent []pending) {
	t.Helper()
	for _, p := range sent {
		a := <-p.answer
		got := a.mustBeProblem(t, http.StatusServiceUnavailable, "stopping")
		if got.Job == "" || a.header.Get("Retry-After") == "" {
			t.Errorf("%s without a job or Retry-After %q", a.body, a.header.Get("Retry-After"))
		}
	}
}

func TestEachRoleStopsInOrder(t *testing.T) {
	t.Parallel()
	s := startReport(t, proc.Layout{})
	for i, name := range []string{"worker1", "queueA", "coordinator1", "broker1", "frontend1"} {
		for _, sig := range stopSignals {
			end(t, s.part(name), sig, config.ExitOK)
			if _, err := s.apart.Start(deadline(t, patience), name); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, patience, func() error { return s.echo(fmt.Sprint("text ", i)).echoes(fmt.Sprint("text ", i)) })
	}
}

// The user who will not wait sends the signal twice.
func TestASecondSignalEndsUpAtOnce(t *testing.T) {
	t.Parallel()
	s := startUp(t, "--workers", "1")
	s.awaitWorkers(1)
	workers := s.workers()
	pause(t, workers...)
	s.sendEchoes(1)
	s.awaitHeld(1)
	if err := s.leader.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	s.awaitClosedDoor()
	began := time.Now()
	// One that comes at once is taken for the same signal, so: until it ends.
	eventually(t, patience, func() error {
		select {
		case <-s.leader.Exited():
			return nil
		default:
			return errors.Join(errors.New("still running"), s.leader.Signal(syscall.SIGINT))
		}
	})
	if code := s.leader.ExitCode(); code != config.ExitInterrupted {
		t.Errorf("exit code %d, want %d", code, config.ExitInterrupted)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %s", took)
	}
	s.mustBeGone(workers)
	s.ended = true
}

// However `up` dies, its workers do too, and the next one on its folder finds
// nothing in its way.
func TestUpThatIsKilledLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for _, state := range []string{"idle", "under load", "with paused workers"} {
		t.Run(state, func(t *testing.T) {
			s := startUpOn(t, data)
			s.awaitWorkers(3)
			s.mustEcho("here")
			pids := s.processes()
			if len(pids) < 4 {
				t.Fatalf("processes %v, want up and three workers", pids)
			}
			l := s.startLoad(0, 0)
			switch state {
			case "under load":
				l = s.startLoad(8, 0)
				l.answered(100)
			case "with paused workers":
				pause(t, s.workers()...)
			}
			if err := s.leader.Kill(); err != nil {
				t.Fatal(err)
			}
			s.mustBeGone(pids)
			l.finish()
			for _, wrong := range l.wrong {
				t.Error(wrong)
			}
		})
	}
	s := startUpOn(t, data)
	s.awaitWorkers(3)
	allEchoed(t, s.sendEchoes(30))
	running, err := config.ReadRunning(data)
	if err != nil || running.PID != s.leader.Pid() || running.HTTP != s.url {
		t.Errorf("the note in the data folder says %+v (%v), want process %d at %s", running, err, s.leader.Pid(), s.url)
	}
}

// Sockets whose names would be too long stand in a folder of their own, which
// goes too.
func TestUpInADeepFolderPutsItsSocketsElsewhereAndRemovesThem(t *testing.T) {
	t.Parallel()
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 25))
	s := startUpOn(t, deep)
	running, err := config.ReadRunning(deep)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(strings.TrimPrefix(running.Coordinator, "ipc://"))
	if strings.HasPrefix(folder, deep) {
		t.Fatalf("the sockets are in %s", folder)
	}
	info, err := os.Stat(folder)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, %v; want a folder for this user alone", folder, info, err)
	}
	s.awaitWorkers(3)
	allEchoed(t, s.sendEchoes(10))
	end(t, s.leader, syscall.SIGTERM, config.ExitOK)
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", folder, err)
	}
	mustHaveLeft(t, deep)
}

// A worker that `up` cannot keep is not started in a frenzy, and does not keep
// it from stopping.
func TestUpKeepsReplacingWorkersThatDie(t *testing.T) {
	t.Parallel()
	s := startUp(t, "--workers", "2")
	s.awaitWorkers(2)
	seen := make(map[int]bool)
	for range 3 {
		for _, pid := range s.workers() {
			seen[pid] = true
			kill(t, pid)
		}
		eventually(t, patience, func() error {
			now := s.workers()
			if len(now) != 2 || slices.ContainsFunc(now, func(pid int) bool { return seen[pid] }) {
				return fmt.Errorf("workers are %v, want two new ones", now)
			}
			return nil
		})
	}
	s.awaitWorkers(2)
	allEchoed(t, s.sendEchoes(10))
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := s.stop(ctx); err != nil {
		t.Error(err)
	}
}
