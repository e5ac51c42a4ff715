package frontend

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"faasd/internal/wire"
)

// A broker that DNS does not name any more is used as long as it answers.
func TestABrokerThatIsNoLongerNamedIsUsedUntilItIsGone(t *testing.T) {
	s := newStage(t, 2)
	s.brokers = append(s.brokers, &theBroker{s: s, key: "broker2", inc: 300, window: wide})
	s.m.BrokersAt(s.now, []string{"at broker1", "at broker2"})
	s.run(500 * ms)
	for range 6 {
		s.ask()
	}
	for i, b := range s.brokers {
		if n := len(b.took(wire.TypeJob)); n != 2 {
			t.Errorf("broker %d was given %d of 6 requests", i, n)
		}
	}
	s.brokers[0].Farewell(s.now, "bye")
	s.brokers[0].silent = true
	s.pump()
	if n := len(s.m.brokers); n != 2 {
		t.Errorf("%d brokers are kept, want 2", n)
	}
	again := 0
	for _, b := range s.brokers {
		again += len(b.took(wire.TypeJob))
	}
	if again != 2 {
		t.Errorf("%d of the 2 requests of the broker that has gone came to others", again)
	}
	s.m.BrokersAt(s.now, []string{"at broker0", "at broker1", "at broker2"})
	s.run(time.Second)
	if n := len(s.m.brokers); n != 3 {
		t.Errorf("%d brokers once it is named again, want 3", n)
	}
}

func TestABrokerWithTwoAddressesGetsEachRequestOnceByOneLink(t *testing.T) {
	s := newStage(t, 1)
	b := s.brokers[0]
	s.m.BrokersAt(s.now, []string{"at broker0", "at broker0 too"})
	s.alias = map[string]string{"broker1": "broker0"}
	s.run(10 * time.Second)
	var calls []*call
	for range 4 {
		calls = append(calls, s.ask())
	}
	jobs := b.took(wire.TypeJob)
	if len(jobs) != 4 || s.m.ring.Len() != 1 {
		t.Fatalf("it was given %d of 4 requests, and stands %d times in the ring", len(jobs), s.m.ring.Len())
	}
	// The address by which it was reached first is lost: by the other, it has the rest.
	s.m.BrokersAt(s.now, []string{"at broker0 too"})
	s.alias["broker0"] = "nobody"
	s.run(10 * time.Second)
	if s.m.ring.Len() != 1 || len(s.m.brokers) != 1 || s.m.brokers[0].endpoint != "at broker0 too" {
		t.Fatalf("brokers %v", s.m.brokerEndpoints())
	}
	for _, m := range slices.Concat(jobs, b.took(wire.TypeJob)) {
		if l := b.Link(); l != nil && m.LinkEpoch == l.Epoch {
			b.answer(m, nil)
		}
	}
	for i, c := range calls {
		if len(c.answers) != 1 {
			t.Errorf("request %d has %d answers", i, len(c.answers))
		}
	}
}

func TestAFrontendWaitsToBeToldWhereBrokersAre(t *testing.T) {
	s := newStage(t, 0)
	if c := s.ask(); c.why != NoBroker {
		t.Errorf("refused for %d, want %d", c.why, NoBroker)
	}
	s.brokers = append(s.brokers, &theBroker{s: s, key: "broker0", inc: 100, window: wide})
	s.m.BrokersAt(s.now, []string{"here"})
	s.run(100 * ms)
	if c := s.ask(); c.why != Accepted {
		t.Errorf("refused for %d", c.why)
	}
	if got := fmt.Sprint(s.m.brokerEndpoints()); got != "[here]" {
		t.Errorf("brokers %s", got)
	}
}
