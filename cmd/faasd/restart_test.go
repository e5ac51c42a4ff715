package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"faasd/internal/proc"
)

// The parts stand in an order in which nobody finds whom it looks for, twice.
func TestRolesMayBeStartedInAnyOrder(t *testing.T) {
	t.Parallel()
	s := startReport(t, proc.Layout{})
	for _, order := range []string{
		"worker1 worker2 worker3 queueC queueB queueA frontend1 broker1 coordinator1",
		"frontend1 coordinator1 queueB worker2 broker1 worker1 queueA worker3 queueC",
	} {
		t.Run(strings.Fields(order)[0]+" first", func(t *testing.T) {
			for _, name := range s.apart.Names() {
				if err := s.part(name).Stop(deadline(t, stopWithin)); err != nil {
					t.Fatal(err)
				}
			}
			frontend := make(chan error, 1)
			for _, name := range strings.Fields(order) {
				if name == "frontend1" { // ready, but not serving before there is a broker
					go func() {
						_, err := s.apart.Start(deadline(t, 2*patience), name)
						frontend <- err
					}()
					continue
				}
				if _, err := s.apart.Start(deadline(t, patience), name); err != nil {
					t.Fatal(err)
				}
			}
			if err := <-frontend; err != nil {
				t.Fatal(err)
			}
			w := s.watch()
			w.awaitQueues(3)
			s.awaitWorkers(3)
			allEchoed(t, s.sendEchoes(30))
		})
	}
}

// Each role goes and comes back while clients send. Nobody hangs, nobody gets
// what is not theirs, and what runs without the role does not fail at all.
func TestEachRoleCanBeRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	s := startReport(t, proc.Layout{})
	stop := func(name string) error { return s.part(name).Stop(deadline(t, stopWithin)) }
	crash := func(name string) error { return s.part(name).Kill() }
	for _, how := range []struct {
		name string
		end  func(string) error
	}{{"SIGTERM", stop}, {"SIGKILL", crash}} {
		for _, part := range []string{"coordinator1", "worker2", "queueB", "broker1", "frontend1"} {
			t.Run(how.name+" of "+part, func(t *testing.T) {
				s := s.as(t)
				l := s.startLoad(4, 2*time.Millisecond)
				l.answered(50)
				if err := how.end(part); err != nil {
					t.Fatal(err)
				}
				switch part {
				case "coordinator1", "worker2", "queueB":
					l.answered(50) // meanwhile
				}
				if _, err := s.apart.Start(deadline(t, patience), part); err != nil {
					t.Fatal(err)
				}
				l.answered(200)
				w := s.watch()
				w.awaitQueues(3)
				if part == "queueB" { // its worker has gone to another queue, and comes back
					if _, err := s.apart.Restart(deadline(t, patience), "worker2"); err != nil {
						t.Fatal(err)
					}
				}
				w.awaitWorkers("queueA 1, queueB 1, queueC 1")
				l.finish()
				t.Logf("%d requests: %s; the slowest took %s", l.sent, l.status, l.worst)
				for _, wrong := range l.wrong {
					t.Error(wrong)
				}
				switch {
				case part == "frontend1": // its clients see it go
				case part == "broker1":
					if n := l.status["200"] + l.status["503 no-broker"]; n != l.sent {
						t.Errorf("%d requests had neither an answer nor a 503 while the only broker was away", l.sent-n)
					}
				case l.failed() > 0:
					t.Errorf("%d requests failed", l.failed())
				}
				allEchoed(t, s.sendEchoes(30))
			})
		}
	}
}

// as is the same system, for a part of the test.
func (s *system) as(t *testing.T) *system {
	other := *s
	other.t = t
	return &other
}

// The promise of a second broker: with one of two away nobody notices.
func TestWithTwoBrokersOneMayGo(t *testing.T) {
	t.Parallel()
	s := startApart(t, proc.Layout{Coordinators: 2, Brokers: 2, Queues: 3, Workers: 3, Frontends: 1})
	s.awaitWorkers(3)
	w := s.watch()
	w.awaitQueues(3)
	l := s.startLoad(4, 2*time.Millisecond)
	l.answered(50)
	for _, part := range []string{"broker1", "coordinator1"} {
		if err := s.part(part).Kill(); err != nil {
			t.Fatal(err)
		}
		l.answered(100)
		if _, err := s.apart.Start(deadline(t, patience), part); err != nil {
			t.Fatal(err)
		}
		l.answered(100)
	}
	w = s.watch()
	eventually(t, patience, func() error {
		if b := w.all("broker")["broker1"].Broker; b == nil || b.Accepted == 0 {
			return fmt.Errorf("broker1 is not given jobs again: %+v", b)
		}
		return nil
	})
	if err := s.part("broker2").Stop(deadline(t, stopWithin)); err != nil {
		t.Fatal(err)
	}
	l.answered(200)
	l.mustHaveLostNothing()
}

// A request that waits outlives the restart of what it waits in.
func TestWaitingRequestsOutliveTheRestartOfAQueueAndOfTheBroker(t *testing.T) {
	t.Parallel()
	s := startApart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 2, Frontends: 1})
	s.watch().awaitQueues(2)
	sent := s.sendEchoes(6)
	s.awaitHeld(6)
	for _, part := range []string{"queueA", "broker1", "queueB", "coordinator1"} {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		_ = s.part(part).Kill()
		_, err := s.apart.Start(ctx, part)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	noneAnswered(t, sent, time.Millisecond)
	s.addWorker()
	for _, a := range allEchoed(t, sent) {
		// None has begun, but a queue and the only broker are new: who gives it out now cannot know, and passes a number over.
		if n := a.header.Get("X-Faasd-Attempt"); n != "1" && n != "2" {
			t.Errorf("attempt %s, though none had begun", n)
		}
	}
}
