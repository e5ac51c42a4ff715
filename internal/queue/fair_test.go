package queue

import (
	"testing"
	"time"

	"faasd/internal/wire"
)

// giveFor sends jobs from to-1 of a function to the queue.
func (s *stage) giveFor(function string, from, to int) {
	for n := from; n < to; n++ {
		m := request(n)
		m.Meta.Function = function
		s.brokers[0].Link().Send(s.now, m)
	}
}

// count says how many of the jobs are each function's.
func count(jobs []*wire.Message) map[string]int {
	n := make(map[string]int)
	for _, m := range jobs {
		n[m.Meta.Function]++
	}
	return n
}

func TestAWorkersSlotsAreSharedByItsFunctions(t *testing.T) {
	for _, c := range []struct {
		name      string
		functions []string // as the worker lists them
		flood     string
		others    []string
		slots     int
	}{
		{"the flood is listed first", []string{"a", "b"}, "a", []string{"b"}, 4},
		{"the flood is listed last", []string{"a", "b"}, "b", []string{"a"}, 4},
		{"one slot", []string{"a", "b"}, "a", []string{"b"}, 1},
		{"three functions", []string{"a", "b", "c"}, "a", []string{"b", "c"}, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1)
			w := s.worker(50, here, c.slots, c.functions...)
			s.giveFor(c.flood, 1, 500)
			for i, fn := range c.others {
				s.giveFor(fn, 1000*(i+1), 1000*(i+1)+500)
			}
			got := make(map[string]int)
			for range 60 {
				jobs := w.jobs()
				for fn, n := range count(jobs) {
					got[fn] += n
				}
				for _, j := range jobs {
					w.answer(j)
				}
				s.consistent()
			}
			for _, fn := range c.others {
				if d := got[c.flood] - got[fn]; got[fn] < 20 || d < -2*c.slots || d > 2*c.slots {
					t.Errorf("%v were run, want about as many of each", got)
				}
			}
		})
	}
}

// A function of long jobs gets no more slots than others that have enough to do.
func TestAFunctionOfLongJobsLeavesSlotsToOthers(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 8, "long", "short")
	s.giveFor("short", 1, 9) // all slots
	short := w.jobs()
	s.giveFor("long", 100, 200)
	s.giveFor("short", 1000, 1900)
	for range 100 { // short jobs end, long ones do not
		for _, j := range short {
			w.answer(j)
		}
		short = nil
		for _, j := range w.jobs() {
			if j.Meta.Function == "short" {
				short = append(short, j)
			}
		}
	}
	if n := s.m.functions["long"].running; n != 4 {
		t.Errorf("long jobs hold %d of 8 slots", n)
	}
}

func TestSlotsOfOneFunctionAloneAreItsOwn(t *testing.T) {
	s := newStage(t, 1)
	s.worker(50, here, 4, "a", "b")
	s.worker(51, here, 4, "a")
	s.giveFor("a", 1, 100)
	if n := s.m.functions["a"].running; n != 8 {
		t.Errorf("%d run in 8 slots that nobody else wants", n)
	}
	s.run(time.Second)
	s.consistent()
}

// After a loss many slots are given at once: they are shared too.
func TestSlotsGivenAtOnceAreShared(t *testing.T) {
	s := newStage(t, 1)
	s.giveFor("a", 1, 100)
	s.giveFor("b", 100, 200)
	s.giveFor("c", 200, 201)
	w := s.worker(50, here, 9, "a", "b", "c")
	if n := count(w.jobs()); n["a"] != 4 || n["b"] != 4 || n["c"] != 1 {
		t.Errorf("nine slots went to %v", n)
	}
	s.consistent()
}
