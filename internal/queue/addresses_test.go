package queue

import (
	"testing"
	"time"

	"faasd/internal/wire"
)

// A broker that DNS does not name any more is served as long as it answers.
func TestABrokerThatIsNoLongerNamedIsServedUntilItIsGone(t *testing.T) {
	s := newStage(t, 1)
	s.brokers = append(s.brokers, &theBroker{key: "broker1", inc: 300})
	s.m.BrokersAt(s.now, []BrokerEndpoints{{"jobs9", "responses9"}})
	s.run(500 * ms)
	w := s.worker(50, here, 8)
	s.give(1, 3)
	s.brokers[1].Link().Send(s.now, request(3))
	jobs := w.jobs()
	if len(jobs) != 3 {
		t.Fatalf("%d of 3 jobs are started", len(jobs))
	}
	for _, m := range jobs {
		w.answer(m)
	}
	if a, b := len(s.brokers[0].results()), len(s.brokers[1].results()); a != 2 || b != 1 {
		t.Errorf("%d and %d results came back, want 2 and 1", a, b)
	}
	s.brokers[0].Farewell(s.now, "bye")
	s.brokers[0].silent = true
	s.pump()
	if len(s.m.brokers) != 1 || s.m.brokers[0].at.Jobs != "jobs9" {
		t.Errorf("brokers %v", s.m.brokerEndpoints())
	}
	s.consistent()
}

// Both addresses are subscribed to for a moment: what the broker publishes comes
// twice then.
func TestABrokerWithTwoAddressesHasOneLink(t *testing.T) {
	s := newStage(t, 1)
	s.alias = map[string]string{"broker1": "broker0"}
	s.m.BrokersAt(s.now, []BrokerEndpoints{{"jobs0", "responses0"}, {"jobs9", "responses9"}})
	w := s.worker(50, here, 8)
	up := s.m.brokers[0].Link()
	s.run(20 * time.Second)
	if s.m.brokers[0].Link() != up || s.m.brokers[1].Link() != nil || len(s.m.peers) != 1 {
		t.Fatal("the link was disturbed by the other address")
	}
	s.give(1, 5)
	if n := len(w.jobs()); n != 4 {
		t.Errorf("%d of 4 jobs are started", n)
	}
	if n := len(take(&s.brokers[0].got, wire.TypeMove)); n != 0 {
		t.Errorf("%d jobs are to be moved", n)
	}
	s.consistent()
}
