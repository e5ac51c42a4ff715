package worker

import (
	"slices"
	"testing"
	"time"

	"faasd/internal/wire"
)

// order has the queue send a message that is no job.
func (s *stage) order(t wire.Type) {
	m := &wire.Message{Header: wire.Header{Type: t}}
	m.SetBody(nil)
	s.give(m)
}

func TestAKilledWorkerEndsAtOnce(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.starts()
	s.order(wire.TypeKill)
	if s.crashes != 1 || s.exits != 0 {
		t.Errorf("crashes %d times and exits %d times, want one crash", s.crashes, s.exits)
	}
}

func TestADrainedWorkerFinishesAndEndsOnceItsResultHasArrived(t *testing.T) {
	s := atQueue(t, 1)
	for n := 1; n <= 3; n++ {
		s.give(request(n, time.Minute))
	}
	s.starts()
	s.order(wire.TypeDrain)
	var returned []wire.JobID
	for _, m := range s.took(wire.TypeReturn) {
		returned = append(returned, m.Job)
	}
	if !slices.Equal(returned, []wire.JobID{jobID(2), jobID(3)}) {
		t.Errorf("returned %v, want jobs 2 and 3", returned)
	}
	s.run(time.Second)
	if s.flags&wire.FlagDraining == 0 {
		t.Error("the queue is not told that it drains")
	}
	if s.exits != 0 {
		t.Fatal("ends while a job runs")
	}
	s.order(wire.TypeDrain) // again, by another command
	s.cut = true            // and the result gets lost
	s.finish(1, Outcome{Body: []byte("out")})
	s.run(time.Second)
	if s.exits != 0 {
		t.Fatal("ends before the queue has the result")
	}
	s.cut = false
	s.run(3 * time.Second)
	if n := len(s.took(wire.TypeResult)); n != 1 {
		t.Errorf("the queue has got %d results", n)
	}
	if s.exits != 1 || s.crashes != 0 {
		t.Errorf("exits %d times and crashes %d times, want one exit", s.exits, s.crashes)
	}
}

func TestAnIdleWorkerThatIsDrainedEndsSoon(t *testing.T) {
	s := atQueue(t, 1)
	s.order(wire.TypeDrain)
	s.run(2 * time.Second)
	if s.exits != 1 {
		t.Errorf("exits %d times, want once", s.exits)
	}
}

func TestADrainIsTakenBackWhileAJobRuns(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.starts()
	s.order(wire.TypeDrain)
	s.run(500 * ms)
	s.order(wire.TypeUndrain)
	s.run(500 * ms)
	if s.flags&wire.FlagDraining != 0 {
		t.Error("the queue is told that it drains")
	}
	s.finish(1, Outcome{})
	s.run(2 * time.Second)
	if s.exits != 0 {
		t.Error("it ends although that was taken back")
	}
	s.give(request(2, time.Minute))
	if got := s.starts(); len(got) != 1 {
		t.Errorf("it starts %q, want the next job", got)
	}
}

func TestADrainThatWasTakenBackIsForgottenAtTheNextQueueToo(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.starts()
	s.order(wire.TypeDrain)
	s.order(wire.TypeUndrain)
	s.queue.Farewell(s.now, "another queue has fewer workers")
	s.pump()
	s.queue, s.inc, s.flags = nil, 11, 0
	s.run(20 * ms)
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueB", Endpoint: "qB"})
	s.run(200 * ms)
	if s.m.Joined() != "queueB" || s.flags&wire.FlagDraining != 0 {
		t.Errorf("it is at %q with flags %d", s.m.Joined(), s.flags)
	}
}

func TestAStopInOrderIsNotTakenBack(t *testing.T) {
	stop := func(s *stage) {
		s.m.Drain(s.now)
		s.pump()
	}
	for name, stops := range map[string]func(*stage){
		"alone":                    stop,
		"after an operator's":      func(s *stage) { s.order(wire.TypeDrain); stop(s) },
		"and an operator's behind": func(s *stage) { stop(s); s.order(wire.TypeDrain) },
	} {
		t.Run(name, func(t *testing.T) {
			s := atQueue(t, 1)
			s.give(request(1, time.Minute))
			s.starts()
			stops(s)
			s.order(wire.TypeUndrain)
			s.run(time.Second)
			if s.flags&wire.FlagDraining == 0 {
				t.Error("it tells the queue that it stays")
			}
			s.finish(1, Outcome{})
			s.run(2 * time.Second)
			if !s.m.Drained() {
				t.Error("not drained")
			}
			if s.exits != 0 {
				t.Errorf("exits %d times; whoever stops it ends it", s.exits)
			}
		})
	}
}

func TestAnUndrainWithoutADrainChangesNothing(t *testing.T) {
	s := atQueue(t, 1)
	s.order(wire.TypeUndrain)
	s.run(time.Second)
	if s.flags&wire.FlagDraining != 0 || s.exits != 0 || s.m.MalformedCount() != 0 {
		t.Errorf("flags %d, %d exits, %d malformed", s.flags, s.exits, s.m.MalformedCount())
	}
}

func TestADrainedWorkerWhoseQueueIsLostDoesNotStayForEver(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.starts()
	s.order(wire.TypeDrain)
	s.cut = true
	s.run(4 * time.Second)
	if s.exits != 0 {
		t.Error("it ends while a job runs")
	}
	s.finish(1, Outcome{})
	s.run(2 * time.Second)
	if s.exits != 1 {
		t.Errorf("exits %d times, want once: it drains, runs nothing, and has no queue", s.exits)
	}
}
