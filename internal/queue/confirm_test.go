package queue

import (
	"testing"
	"time"
)

// What a broker says shows that it lives, not that it has heard this queue: it
// may be about to give the queue up, and its jobs to others.
func TestAJobIsStartedOnlyWhileItsBrokerHasHeardThisQueueLately(t *testing.T) {
	s := newStage(t, 2)
	b := s.brokers[0]
	s.m.brokers[0].Announce(s.now)
	s.pump()
	b.deaf = true
	s.run(confirmedFor + 40*ms) // it says something all the while
	s.give(1, 3)
	w := s.worker(50, here, 8)
	if n := len(w.jobs()); n != 0 {
		t.Fatalf("%d jobs are started of a broker that may have given this queue up", n)
	}
	s.brokers[1].Link().Send(s.now, request(5))
	if n := len(w.jobs()); n != 1 {
		t.Errorf("%d jobs are started of the broker that hears this queue, want one", n)
	}
	b.deaf = false
	s.m.brokers[0].Announce(s.now)
	s.run(2 * time.Second)
	if n := len(w.jobs()); n != 2 {
		t.Errorf("%d jobs are started once the broker has heard this queue again, want both", n)
	}
	s.consistent()
}
