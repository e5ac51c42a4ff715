package main

import (
	"fmt"
	"testing"
	"time"
)

func TestEveryAnswerNamesItsJobAttemptQueueAndWorker(t *testing.T) {
	inBothModes(t, func(t *testing.T, s *system) {
		jobs, queues, workers := make(tally), make(tally), make(tally)
		for i := range 30 {
			a := s.mustEcho(fmt.Sprint("text ", i))
			if id := a.header.Get("X-Faasd-Job"); len(id) != 26 || jobs[id] > 0 {
				t.Errorf("job %q: want a new ULID", id)
			}
			jobs[a.header.Get("X-Faasd-Job")]++
			queues[a.queue()]++
			workers[a.worker()]++
			if a.header.Get("X-Faasd-Attempt") != "1" {
				t.Errorf("attempt %s, want the first", a.header.Get("X-Faasd-Attempt"))
			}
		}
		if len(queues) != 3 || len(workers) != 3 {
			t.Errorf("answers name the queues %s and the workers %s, want three of each", queues, workers)
		}
		if s.apart == nil {
			return
		}
		for name := range workers {
			s.part(name) // the process of that name
		}
		for name := range queues {
			s.part(name)
		}
	})
}

// No answer comes from anywhere but a worker: nothing between the client and
// the workers knows what an echo is.
func TestNothingIsAnsweredWhileAllWorkersArePaused(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, s *system) {
		t.Run("shorter than their leases", func(t *testing.T) {
			workers := s.workers()
			pause(t, workers...)
			sent := s.sendEchoes(8)
			noneAnswered(t, sent, 1500*time.Millisecond)
			resume(t, workers...)
			allEchoed(t, sent)
		})
		t.Run("so long that they are given up and join again", func(t *testing.T) {
			workers := s.workers()
			pause(t, workers...)
			sent := s.sendEchoes(8)
			s.awaitWorkers(0)
			noneAnswered(t, sent, time.Second)
			resume(t, workers...)
			allEchoed(t, sent)
			s.awaitWorkers(3)
			allEchoed(t, s.sendEchoes(30))
		})
	})
}
