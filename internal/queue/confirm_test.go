package queue

import (
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

// What a broker says shows that it lives, not that it has heard this queue: it
// may be about to give the queue up, and its jobs to others.
func TestAJobIsStartedOnlyWhileItsBrokerHasHeardThisQueueLately(t *testing.T) {
	s := newStage(t, 2)
	b := s.brokers[0]
	s.m.brokers[0].Announce(s.now)
	s.pump()
	b.deaf = true
	s.run(job.TrustedFor + 40*ms) // it says something all the while
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

// A process that the machine had no time for reads what has come before it ticks.
func TestWhatIsReadBeforeTheNextTickStartsNothingInDoubt(t *testing.T) {
	s := newStage(t, 1)
	s.m.brokers[0].Announce(s.now)
	s.pump()
	s.brokers[0].deaf = true
	s.run(job.TrustedFor - 100*ms)
	s.give(1, 2)
	s.now += 400 * ms
	if n := len(s.worker(50, here, 1).jobs()); n != 0 {
		t.Error("a job is started of a broker that may have given this queue up")
	}
}

func TestAJobWhoseOnlyBrokerThatHearsIsGoneIsHeld(t *testing.T) {
	s := newStage(t, 2)
	s.m.brokers[0].Announce(s.now)
	s.pump()
	s.brokers[0].deaf = true
	s.give(1, 2)
	s.brokers[1].Link().Send(s.now, request(1))
	s.run(job.TrustedFor + 20*ms)
	c := &wire.Message{Header: wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}}
	c.SetBody(nil)
	s.brokers[1].Link().Send(s.now, c)
	if n := len(s.worker(50, here, 1).jobs()); n != 0 {
		t.Error("a job is started of a broker that may have given this queue up")
	}
	s.consistent()
}

// What a broker says once it has heard this queue may be that a job is to be dropped.
func TestWhatABrokerSaysIsDoneBeforeItsJobsAreStartedAgain(t *testing.T) {
	s := newStage(t, 1)
	s.m.brokers[0].Announce(s.now)
	s.pump()
	b := s.brokers[0]
	b.deaf = true
	s.give(1, 2)
	w := s.worker(50, here, 1)
	w.jobs()
	s.run(job.TrustedFor + 20*ms)
	w.Farewell(s.now, "bye") // the job is held now
	s.pump()
	w = s.worker(51, here, 1)
	if n := len(w.jobs()); n != 0 || s.m.jobs[jobID(1)].state != held {
		t.Fatalf("started %d times, state %d", n, s.m.jobs[jobID(1)].state)
	}
	b.deaf = false
	starts := s.m.starts
	s.m.brokers[0].Announce(s.now) // it hears this, and the next that it says shows it
	s.pump()
	s.say(b.Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
	if n := s.m.starts - starts; n != 0 || len(s.m.jobs) != 0 {
		t.Errorf("a job that nobody waits for is started %d times; %d jobs are left", n, len(s.m.jobs))
	}
}

// Jobs that may be another queue's now take no slot here: others are asked for.
func TestHeldJobsDoNotKeepAQueueFromAskingForOthers(t *testing.T) {
	s := newStage(t, 2)
	s.m.brokers[0].Announce(s.now)
	s.pump()
	s.brokers[0].deaf = true
	s.worker(50, here, 2)
	s.run(job.TrustedFor + 40*ms)
	s.give(1, 2)
	if f := s.m.functions["echo"]; f.held.Len() != 1 {
		t.Fatalf("%d jobs are held, want 1", f.held.Len())
	}
	if st := s.m.state().Queue.Functions["echo"]; st.Waiting != 0 || st.Oldest != 0 {
		t.Errorf("published as %+v: others would ask for them in vain", st)
	}
	s.takes()
	s.other("queueB", 11, 2, wire.FunctionState{Waiting: 3})
	if got := s.takes(); len(got) != 1 || got[0].Count != 2 {
		t.Errorf("it asks for %+v, want two jobs", got)
	}
	s.consistent()
}

// Once its broker has heard this queue a held job goes on at once: to a free
// worker, or, while the queue drains, to another queue.
func TestAHeldJobGoesOnOnceItsBrokerHasHeardThisQueue(t *testing.T) {
	for _, drains := range []bool{false, true} {
		s := newStage(t, 1)
		s.m.brokers[0].Announce(s.now)
		s.pump()
		b := s.brokers[0]
		b.deaf = true
		s.run(job.TrustedFor + 20*ms)
		if drains {
			s.m.Drain(s.now)
		}
		s.give(1, 2)
		w := s.worker(50, here, 1)
		if e := s.m.jobs[jobID(1)]; e == nil || e.state != held {
			t.Fatalf("the job is %+v", e)
		}
		b.deaf = false
		b.movesAsked()
		s.m.brokers[0].Announce(s.now)
		s.pump()
		s.brokers[0].Link().Beacon(s.now) // says that it has heard
		s.pump()
		started, moved := len(w.jobs()), len(b.movesAsked())
		if want := map[bool][2]int{false: {1, 0}, true: {0, 1}}[drains]; [2]int{started, moved} != want {
			t.Errorf("draining %t: started %d and moved %d times, want %v", drains, started, moved, want)
		}
		s.consistent()
	}
}
