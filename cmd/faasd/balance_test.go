package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/proc"
)

// spread sends n requests one after the other and counts them by queue.
func (s *system) spread(n int) tally {
	s.t.Helper()
	counts := make(tally)
	for i := range n {
		counts[s.mustEcho(fmt.Sprint("text ", i)).queue()]++
	}
	return counts
}

func (s *system) mustSpread(n int, want string) {
	s.t.Helper()
	if got := s.spread(n).String(); got != want {
		s.t.Errorf("%d requests went to %s, want %s", n, got, want)
	}
}

func TestRequestsGoRoundRobinOverQueues(t *testing.T) {
	inBothModes(t, func(t *testing.T, s *system) {
		s.watch().awaitWorkers("queueA 1, queueB 1, queueC 1")
		s.mustSpread(30, "queueA 10, queueB 10, queueC 10")
	})
}

func TestTheRingOfRequestsFollowsQueuesThatLeaveAndJoin(t *testing.T) {
	t.Parallel()
	s := startReport(t, proc.Layout{})
	w := s.watch()

	if err := s.part("queueB").Stop(deadline(t, stopWithin)); err != nil {
		t.Fatal(err)
	}
	s.mustSpread(20, "queueA 10, queueC 10")
	s.awaitWorkers(3) // queueB's has gone to another

	if _, err := s.apart.Start(deadline(t, patience), "queueB"); err != nil {
		t.Fatal(err)
	}
	w.awaitQueues(3)
	s.addWorker()
	eventually(t, patience, func() error {
		if got := w.workers(); got["queueB"] != 1 {
			return fmt.Errorf("workers are %s: the new one has not gone to the queue without any", got)
		}
		return nil
	})
	s.mustSpread(30, "queueA 10, queueB 10, queueC 10")
}

func TestWorkersThatJoinOneByOneGoRoundRobinOverQueues(t *testing.T) {
	t.Parallel()
	s := startApart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 3, Frontends: 1})
	w := s.watch()
	w.awaitQueues(3)
	for _, want := range []string{
		"queueA 1, queueB 0, queueC 0",
		"queueA 1, queueB 1, queueC 0",
		"queueA 1, queueB 1, queueC 1",
		"queueA 2, queueB 1, queueC 1",
	} {
		s.addWorker()
		w.awaitWorkers(want)
		s.answersFitTheView(want)
	}
	// The ring gives way to the counts: who comes next goes where one is missing.
	for _, worker := range []string{"worker3", "worker2"} {
		if err := s.part(worker).Stop(deadline(t, stopWithin)); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitWorkers("queueA 2, queueB 0, queueC 0")
	s.addWorker()
	s.addWorker()
	w.awaitWorkers("queueA 2, queueB 1, queueC 1")
}

// answersFitTheView fails the test unless the workers that answers name are
// where the coordinator says that they are.
func (s *system) answersFitTheView(want string) {
	s.t.Helper()
	queueOf := make(map[string]string)
	for i := range 24 {
		a := s.mustEcho(fmt.Sprint("text ", i))
		queueOf[a.worker()] = a.queue()
	}
	counts := make(tally)
	for _, queue := range queueOf {
		counts[queue]++
	}
	for part := range strings.SplitSeq(want, ", ") {
		queue, n, _ := strings.Cut(part, " ")
		if fmt.Sprint(counts[queue]) != n {
			s.t.Errorf("by the answers the workers are %s, by the coordinator %s", counts, want)
			return
		}
	}
}

func TestTwoBrokersKeepTheCountsOfWorkersEven(t *testing.T) {
	t.Parallel()
	s := startApart(t, proc.Layout{Coordinators: 1, Brokers: 2, Queues: 3, Frontends: 1})
	w := s.watch()
	w.awaitQueues(3)
	brokers := s.apart.Endpoints("broker", "workers")
	for n := 1; n <= 7; n++ { // by turns they ask one broker first and the other
		brokers[0], brokers[1] = brokers[1], brokers[0]
		s.start("worker", "--name", fmt.Sprintf("turn%d", n), "--broker", strings.Join(brokers, ","))
		w.awaitEven(n, 1)
	}
	s.mustSpread(30, "queueA 10, queueB 10, queueC 10")
}

// awaitEven waits until there are n workers and no queue has more than gap
// more than another.
func (w *watch) awaitEven(n, gap int) {
	w.t.Helper()
	eventually(w.t, patience, func() error {
		var counts []int
		sum := 0
		for _, c := range w.workers() {
			counts = append(counts, c)
			sum += c
		}
		if sum != n || slices.Max(counts)-slices.Min(counts) > gap {
			return fmt.Errorf("workers are %s, want %d, evenly", w.workers(), n)
		}
		return nil
	})
}

// Workers that start at the same moment are all on their way when the next
// asks.
func TestWorkersThatJoinAtOnceAreSpreadEvenly(t *testing.T) {
	t.Parallel()
	for _, brokers := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d brokers", brokers), func(t *testing.T) {
			s := startApart(t, proc.Layout{Coordinators: 1, Brokers: brokers, Queues: 3, Workers: 0, Frontends: 1})
			w := s.watch()
			w.awaitQueues(3)
			joined := make(chan struct{})
			for range 6 {
				go func() {
					defer func() { joined <- struct{}{} }()
					if _, err := s.apart.AddWorker(deadline(t, patience)); err != nil {
						t.Error(err)
					}
				}()
			}
			for range 6 {
				<-joined
			}
			w.awaitEven(6, 0)
		})
	}
}

func TestAQueueWithoutAFreeWorkerHandsOver(t *testing.T) {
	t.Parallel()
	inMode := func(name string, s func(t *testing.T) *system) {
		t.Run(name, func(t *testing.T) {
			s := s(t)
			s.addWorker()
			s.awaitWorkers(1)
			where := s.mustEcho("where").queue()
			var times []time.Duration
			for i := range 30 {
				a := s.mustEcho(fmt.Sprint("text ", i))
				if a.queue() != where {
					t.Errorf("answered through %s, and the one worker is at %s", a.queue(), where)
				}
				times = append(times, a.took)
			}
			slices.SortFunc(times, func(a, b time.Duration) int { return cmp.Compare(a, b) })
			t.Logf("of 30 requests, 20 of them for queues without a worker, half took less than %s, one %s", times[15], times[29])
		})
	}
	inMode("up", func(t *testing.T) *system { return startUp(t, "--workers", "0") })
	inMode("apart", func(t *testing.T) *system {
		return startApart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 3, Frontends: 1})
	})
}

func TestWithoutAnyWorkerRequestsWaitUntilOneJoins(t *testing.T) {
	t.Parallel()
	inMode := func(name string, s func(t *testing.T) *system) {
		t.Run(name, func(t *testing.T) {
			s := s(t)
			const n = 9 // three at every queue
			var lines []*line
			for i := range n {
				l := s.connect()
				if err := l.sayEcho(fmt.Sprint("early ", i)); err != nil {
					t.Fatal(err)
				}
				lines = append(lines, l)
			}
			s.awaitHeld(n)
			worker := s.addWorker()
			for i, l := range lines {
				a := l.hear(patience)
				if err := a.echoes(fmt.Sprint("early ", i)); err != nil {
					t.Error(err)
				}
			}
			// And again after the only worker has gone.
			if err := worker.Stop(deadline(t, stopWithin)); err != nil {
				t.Fatal(err)
			}
			s.awaitWorkers(0)
			sent := s.sendEchoes(n)
			s.awaitHeld(n)
			s.addWorker()
			allEchoed(t, sent)
		})
	}
	inMode("up", func(t *testing.T) *system { return startUp(t, "--workers", "0") })
	inMode("apart", func(t *testing.T) *system {
		return startApart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 3, Frontends: 1})
	})
}
