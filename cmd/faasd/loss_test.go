package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"faasd/internal/proc"
)

func TestAWorkerThatIsKilledWhileIdleIsNoticed(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, s *system) {
		w := s.watch()
		w.awaitWorkers("queueA 1, queueB 1, queueC 1")
		victim := s.workers()[0]
		kill(t, victim)
		killed := time.Now()
		if s.leader != nil {
			eventually(t, patience, func() error {
				if now := s.workers(); len(now) != 3 || slices.Contains(now, victim) {
					return fmt.Errorf("workers are %v, want three without the one killed, %d", now, victim)
				}
				return nil
			})
		} else {
			eventually(t, patience, func() error {
				state, err := s.echoState()
				if err == nil && state.Workers != 2 {
					err = fmt.Errorf("%d workers", state.Workers)
				}
				return err
			})
			took := time.Since(killed)
			t.Logf("an idle worker's death was known everywhere after %s", took)
			if took > 3*time.Second {
				t.Errorf("it took %s to notice", took)
			}
		}
		allEchoed(t, s.sendEchoes(30))
	})
}

// A job that is sent to a worker which has just died is what tells that it has.
func TestAJobForAWorkerThatHasJustDiedGoesToAnotherAtOnce(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, s *system) {
		s.watch().awaitWorkers("queueA 1, queueB 1, queueC 1")
		kill(t, s.workers()[1])
		worst := time.Duration(0)
		for _, a := range allEchoed(t, s.sendEchoes(12)) {
			worst = max(worst, a.took)
		}
		t.Logf("the slowest of 12 requests just after the death took %s", worst)
		if worst > time.Second {
			t.Errorf("a request took %s, want at once", worst)
		}
	})
}

func TestTheJobOfAWorkerThatIsKilledIsRunByAnother(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, s *system) {
		s.watch().awaitWorkers("queueA 1, queueB 1, queueC 1")
		victim := s.workers()[0]
		pause(t, victim)
		// One of three requests that go round the queues is the victim's.
		sent := s.sendEchoes(3)
		var its []pending
		var others []reply
		eventually(t, patience, func() error {
			its = its[:0]
			for _, p := range sent {
				if len(p.answer) == 0 {
					its = append(its, p)
				}
			}
			if len(its) != 1 {
				return fmt.Errorf("%d requests of 3 are not answered, want the one that the paused worker has", len(its))
			}
			return nil
		})
		s.awaitHeld(1)
		noneAnswered(t, its, 300*time.Millisecond)
		for _, p := range sent {
			if p.answer != its[0].answer {
				others = append(others, allEchoed(t, []pending{p})...)
			}
		}

		killed := time.Now()
		kill(t, victim)
		a := allEchoed(t, its)[0]
		t.Logf("the job of the killed worker was answered %s after its death, by %s", time.Since(killed), a.worker())
		if took := time.Since(killed); took > 3*time.Second {
			t.Errorf("it took %s to give the job to another worker", took)
		}
		if a.header.Get("X-Faasd-Attempt") != "2" {
			t.Errorf("attempt %s, want the second", a.header.Get("X-Faasd-Attempt"))
		}
		if s.leader != nil {
			s.awaitWorkers(3) // it has been replaced
		} else if a.worker() != others[0].worker() && a.worker() != others[1].worker() {
			t.Errorf("answered by %s, and %s and %s are left", a.worker(), others[0].worker(), others[1].worker())
		}
	})
}

// Three runs may be started. The client of a job that has cost three workers
// their lives is told so.
func TestAJobThatHasCostThreeWorkersIsGivenUp(t *testing.T) {
	t.Parallel()
	s := startApart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 1, Frontends: 1})
	queue := s.apart.Endpoints("queue", "workers")[0]
	p := s.sendEcho("poison")
	for n := range 3 {
		worker, err := meet(queue, "REQ")
		if err != nil {
			t.Fatal(err)
		}
		if err := worker.send(nil, []byte("READY"), fmt.Appendf(nil, "mortal%d", n), []byte("echo")); err != nil {
			t.Fatal(err)
		}
		for job := ""; job != "JOB"; { // it may be greeted with a ping
			if err := worker.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			frames, err := worker.receive()
			if err != nil {
				t.Fatal(err)
			}
			if job = string(frames[1]); job == "PING" {
				if err := worker.send(nil, []byte("PONG")); err != nil {
					t.Fatal(err)
				}
			}
		}
		noneAnswered(t, []pending{p}, time.Millisecond)
		worker.Close()
	}
	a := <-p.answer
	got := a.mustBeProblem(t, 502, "workers-lost")
	if a.header.Get("X-Faasd-Attempt") != "3" || got.Job == "" || got.Job != a.header.Get("X-Faasd-Job") {
		t.Errorf("attempt %s of job %q, want the third, and the job's id: %s", a.header.Get("X-Faasd-Attempt"), got.Job, a.body)
	}
	s.addWorker()
	allEchoed(t, s.sendEchoes(10))
}

func TestAQueueThatIsKilledUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	s := startReport(t, proc.Layout{})
	w := s.watch()
	l := s.startLoad(16, 0)
	l.answered(500)
	if err := s.part("queueB").Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	l.answered(500)
	// Its worker finds another queue by itself, and is told to by nobody.
	eventually(t, patience, func() error {
		if got := w.workers(); got["queueA"]+got["queueC"] != 3 {
			return fmt.Errorf("workers are %s, want queueB's elsewhere", got)
		}
		return nil
	})
	t.Logf("the dead queue's worker was at another %s after the death", time.Since(killed))
	s.awaitWorkers(3) // the dead queue's are not counted twice
	l.answered(1000)
	// It comes back, empty, and takes part again.
	if _, err := s.apart.Start(deadline(t, patience), "queueB"); err != nil {
		t.Fatal(err)
	}
	w.awaitQueues(3)
	l.answered(500)
	l.mustHaveLostNothing()
}

func (l *load) mustHaveLostNothing() {
	l.s.t.Helper()
	l.finish()
	l.s.t.Logf("%d requests: %s; the slowest took %s", l.sent, l.status, l.worst)
	for i, wrong := range l.wrong {
		if l.s.t.Error(wrong); i == 10 {
			break
		}
	}
	if l.failed() > 0 {
		l.s.t.Errorf("%d of %d requests failed", l.failed(), l.sent)
	}
}
