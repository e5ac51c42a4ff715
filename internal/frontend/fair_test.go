package frontend

import (
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

// flood asks until the function is refused, and returns how many were accepted.
func (s *stage) flood(function string) (accepted int) {
	for s.askWith(Request{Function: function, Timeout: time.Minute}).why == Accepted {
		accepted++
	}
	return accepted
}

func TestOneFunctionsFloodLeavesRoomForOthers(t *testing.T) {
	s := newStageWith(t, 2, job.Window{Count: 60, Bytes: 1 << 20})
	s.hear(1)
	if n := s.flood("echo"); n != 60 {
		t.Errorf("one function alone was given %d of 120", n)
	}
	if n := s.flood("upper"); n != 30 {
		t.Errorf("another beside it was given %d, want half of what was left", n)
	}
	// What the first gets back, it does not get again before the second has as much.
	for _, b := range s.brokers {
		for _, m := range b.took(wire.TypeJob)[:10] {
			b.answer(m, nil)
		}
	}
	s.run(time.Second)
	if n := s.flood("upper"); n != 10 {
		t.Errorf("the second was given %d more, want 10: each has a third then", n)
	}
	if n := s.flood("echo"); n != 0 {
		t.Errorf("the first was given %d more than its share", n)
	}
}

func TestALostBrokersFloodDoesNotHoldUpOthers(t *testing.T) {
	s := newStageWith(t, 2, job.Window{Count: 40, Bytes: 1 << 20})
	s.hear(1)
	s.flood("echo")
	c := s.askWith(Request{Function: "upper", Timeout: time.Minute})
	lost := s.brokers[0]
	if s.m.open[c.number].broker.key != lost.key {
		lost = s.brokers[1]
	}
	other := s.brokers[0]
	if other == lost {
		other = s.brokers[1]
	}
	other.took(wire.TypeJob)
	lost.silent = true
	s.run(4 * time.Second)
	jobs := other.took(wire.TypeJob)
	if len(jobs) == 0 || jobs[len(jobs)-1].Meta.Function != "upper" {
		t.Errorf("of the lost broker's jobs %d went to the other, want the one behind the flood among them", len(jobs))
	}
	if s.m.homeless.Len() == 0 {
		t.Error("the flood has found room; the test shows nothing")
	}
}
