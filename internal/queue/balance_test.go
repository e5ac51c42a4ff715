package queue

import (
	"testing"

	"faasd/internal/wire"
)

// crowd joins n workers.
func (s *stage) crowd(n int) {
	for i := range n {
		s.worker(wire.Incarnation(50+i), here, 1)
	}
	s.run(100 * ms)
}

// sentAway counts the workers that were sent to another queue.
func (s *stage) sentAway() (n int) {
	for _, w := range s.workers {
		if w.sentAway {
			n++
		}
	}
	return n
}

func TestAQueueWithTwoWorkersMoreThanAnotherSendsOneAway(t *testing.T) {
	for _, c := range []struct {
		name         string
		mine, theirs int
		change       func(*wire.State)
		wantAway     int
		whileRunning bool
	}{
		{name: "two more", mine: 3, theirs: 1, wantAway: 1},
		{name: "one more", mine: 3, theirs: 2, wantAway: 0},
		{name: "as many", mine: 3, theirs: 3, wantAway: 0},
		{name: "fewer", mine: 2, theirs: 5, wantAway: 0},
		{name: "all of them", mine: 4, theirs: 0, wantAway: 2},
		{name: "only one", mine: 1, theirs: 0, wantAway: 0},
		{name: "the other drains", mine: 4, theirs: 0, wantAway: 0, change: func(s *wire.State) { s.Draining = true }},
		{name: "they all run something", mine: 4, theirs: 0, wantAway: 0, whileRunning: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1)
			s.crowd(c.mine)
			if c.whileRunning {
				s.give(1, 1+c.mine)
			}
			theirs := c.theirs
			for range 8 {
				s.other("queueB", 11, theirs, wire.FunctionState{})
				if c.change != nil {
					c.change(s.states[11])
					s.other("queueB", 11, theirs, wire.FunctionState{})
				}
				s.run(600 * ms)
				theirs = c.theirs + s.sentAway() // they have joined there
			}
			if n := s.sentAway(); n != c.wantAway {
				t.Errorf("%d workers were sent away, want %d", n, c.wantAway)
			}
			s.consistent()
		})
	}
}

func TestWorkersAreNotChasedAboutByAMomentsImbalance(t *testing.T) {
	s := newStage(t, 1)
	s.crowd(3)
	for range 10 {
		s.other("queueB", 11, 0, wire.FunctionState{})
		s.run(500 * ms)
		s.other("queueB", 11, 3, wire.FunctionState{})
		s.run(100 * ms)
	}
	if n := s.sentAway(); n != 0 {
		t.Errorf("%d workers were sent away", n)
	}
}
