package broker

import (
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

func TestJobsTakeTurnsAmongQueues(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	queues := []*peer{s.queue("queueC", 12), s.queue("queueA", 10), s.queue("queueB", 11)}
	f.give(1, 10)
	for _, q := range queues {
		if n := len(q.took(wire.TypeJob)); n != 3 {
			t.Errorf("%s was given %d jobs of nine, want 3", q.member.Name, n)
		}
	}
	s.consistent()
}

func TestAResultGoesToTheFrontendAndEndsTheJob(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queue("queueA", 10)
	f.give(1, 2)
	in := q.took(wire.TypeJob)[0]
	if in.Owner != 1 || in.Assignment == 0 || in.OriginSeq != 1 || in.Meta.Function != "echo" || in.Flags&wire.FlagResent != 0 {
		t.Errorf("the queue was given %+v", in.Header)
	}
	q.say(wire.Header{Type: wire.TypeResult, Job: in.Job, Attempt: 2, Code: wire.CodeFunctionError, FunctionVersion: 9}, wire.Meta{Queue: "queueA", Worker: "w"})
	out := f.took(wire.TypeResult)
	if len(out) != 1 {
		t.Fatalf("the frontend has %d results", len(out))
	}
	if r := out[0]; r.Job != in.Job || r.Attempt != 2 || r.Code != wire.CodeFunctionError || r.Origin != 20 || r.OriginSeq != 1 ||
		r.FunctionVersion != 9 || r.Meta.Queue != "queueA" || r.Meta.Worker != "w" {
		t.Errorf("the frontend was told %+v %+v", r.Header, r.Meta)
	}
	s.consistent()
	if len(s.m.jobs) != 0 || s.m.answered != 1 {
		t.Errorf("%d jobs are left, %d counted as answered", len(s.m.jobs), s.m.answered)
	}
	q.say(wire.Header{Type: wire.TypeResult, Job: in.Job}, wire.Meta{})
	if n := len(f.took(wire.TypeResult)); n != 0 || s.m.late != 1 {
		t.Errorf("a second result is passed on %d times and counted %d times", n, s.m.late)
	}
}

func TestAResultOfAnEarlierHolderCountsAndStopsTheOther(t *testing.T) {
	s := newStage(t)
	f, a, b := s.frontend("f1", 20), s.queue("queueA", 10), s.queue("queueB", 11)
	f.give(1, 2)
	in := a.took(wire.TypeJob)[0]
	a.say(wire.Header{Type: wire.TypeMove, Job: in.Job, Assignment: in.Assignment}, wire.Meta{})
	again := b.took(wire.TypeJob)
	if len(again) != 1 {
		t.Fatal("the job has not moved to queueB")
	}
	a.say(wire.Header{Type: wire.TypeResult, Job: in.Job}, wire.Meta{})
	if n := len(f.took(wire.TypeResult)); n != 1 {
		t.Fatalf("%d results", n)
	}
	c := b.took(wire.TypeCancel)
	if len(c) != 1 || c[0].Job != in.Job || c[0].Assignment != again[0].Assignment {
		t.Errorf("queueB was told %+v, want to cancel assignment %d", c, again[0].Assignment)
	}
	s.consistent()
}

func TestNoJobOvertakesThoseThatWaitForRoom(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	f.give(1, 6) // there is no queue yet
	if s.m.unrouted.Len() != 5 {
		t.Fatalf("%d jobs wait for a queue, want 5", s.m.unrouted.Len())
	}
	q := s.queueWith("queueA", 10, job.Window{Count: 2, Bytes: 1 << 20})
	f.give(6, 8)
	var order []uint64
	for len(order) < 7 {
		jobs := q.took(wire.TypeJob)
		if len(jobs) == 0 {
			t.Fatalf("only %v have come", order)
		}
		for _, j := range jobs {
			order = append(order, j.OriginSeq)
			q.Link().Settle(j.Size())
			q.say(wire.Header{Type: wire.TypeResult, Job: j.Job}, wire.Meta{})
		}
		s.run(20 * ms)
		s.consistent()
	}
	for i, n := range order {
		if n != uint64(i+1) {
			t.Fatalf("jobs came in the order %v", order)
		}
	}
}

func TestCancelledJobsLeaveTheLineOfThoseThatWait(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	f.give(1, 2) // is in front, and stays
	for round := range 5 {
		for n := 2; n < 100; n++ {
			m := request(n+100*round, 10, time.Hour)
			f.Link().Send(s.now, m)
			id := m.Job
			f.Link().Void(m)
			f.say(wire.Header{Type: wire.TypeCancel, Job: id}, wire.Meta{})
		}
		s.run(20 * ms)
	}
	if len(s.m.jobs) != 1 || s.m.unrouted.Len() != 1 {
		t.Errorf("%d jobs and %d in the line, want one", len(s.m.jobs), s.m.unrouted.Len())
	}
}

func TestAJobWhoseTimeRunsOutWhileItWaitsIsDroppedAndItsRoomReturned(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	f.Link().Send(s.now, request(1, 10, 500*ms))
	s.run(time.Second)
	s.consistent()
	if len(s.m.jobs) != 0 {
		t.Errorf("%d jobs are left; the frontend has answered 504 and need not send a CANCEL", len(s.m.jobs))
	}
	s.run(2 * time.Second) // beacons tell of the credit
	for range wide.Count {
		if !f.Link().Room() {
			t.Fatal("its room has not come back")
		}
		f.Link().Send(s.now, request(2, 10, time.Hour))
	}
}

func TestCancelStopsTheHolder(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queue("queueA", 10)
	f.give(1, 2)
	in := q.took(wire.TypeJob)[0]
	f.say(wire.Header{Type: wire.TypeCancel, Job: in.Job}, wire.Meta{})
	c := q.took(wire.TypeCancel)
	if len(c) != 1 || c[0].Job != in.Job || c[0].Assignment != in.Assignment {
		t.Errorf("the queue was told %+v", c)
	}
	s.consistent()
	if len(s.m.jobs) != 0 {
		t.Errorf("%d jobs are left", len(s.m.jobs))
	}
	f.say(wire.Header{Type: wire.TypeCancel, Job: jobID(99)}, wire.Meta{}) // of no job: nothing happens
	if n := len(q.took(wire.TypeCancel)); n != 0 {
		t.Errorf("%d cancels of an unknown job", n)
	}
}

func TestACancelledJobThatHadNotArrivedNeverDoes(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queue("queueA", 10)
	s.run(time.Second)
	q.silent = true // what is sent now gets lost
	f.give(1, 2)
	s.run(200 * ms)
	q.silent = false
	f.say(wire.Header{Type: wire.TypeCancel, Job: jobID(1)}, wire.Meta{})
	s.run(3 * time.Second)
	if n := len(q.got); n != 1 || q.got[0].Type != wire.TypeCancel {
		t.Errorf("the queue has got %d messages, want the CANCEL alone", n)
	}
	if n := len(s.queueState(q).Link().Unacknowledged()); n != 0 {
		t.Errorf("%d messages are still kept for it", n)
	}
}

func TestAJobThatIsSentAgainByANewLinkIsTheSameJob(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queue("queueA", 10)
	f.give(1, 2)
	// The frontend loses sight of the broker, begins a new link and sends the job again.
	f.Initiator = job.NewInitiator(20, &f.epochs, wide, f.announce, f.send)
	s.run(200 * ms)
	again := request(1, 10, time.Hour)
	again.Flags = wire.FlagResent
	f.Link().Send(s.now, again)
	s.consistent()
	if n := len(q.took(wire.TypeJob)); n != 1 || len(s.m.jobs) != 1 {
		t.Errorf("the queue has got %d jobs, the broker holds %d", n, len(s.m.jobs))
	}
	s.run(5 * time.Second)
	s.consistent()
	if len(s.m.jobs) != 1 {
		t.Error("a job that was claimed again is forgotten")
	}
}

func TestJobsThatAreNotClaimedByTheNextLinkAreDropped(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queue("queueA", 10)
	f.give(1, 3)
	f.Initiator = job.NewInitiator(20, &f.epochs, wide, f.announce, f.send)
	s.run(200 * ms)
	f.give(2, 3) // of two, it still wants this one
	s.run(2500 * ms)
	if len(s.m.jobs) != 2 {
		t.Errorf("%d jobs, 2.7 s after the link began; the frontend may still claim them", len(s.m.jobs))
	}
	s.run(time.Second)
	s.consistent()
	if len(s.m.jobs) != 1 || s.m.jobs[jobID(2)] == nil {
		t.Errorf("%d jobs are left, want number 2", len(s.m.jobs))
	}
	if n := len(q.took(wire.TypeCancel)); n != 1 {
		t.Errorf("the queue was told of %d cancelled jobs, want one", n)
	}
}

func TestTheJobsOfALostFrontendAreCancelled(t *testing.T) {
	for _, goes := range []struct {
		name string
		how  func(s *stage, f *peer)
	}{
		{"silent", func(s *stage, f *peer) { f.silent = true; s.run(3200 * ms) }},
		{"left", func(s *stage, f *peer) { f.Farewell(s.now, "bye"); f.silent = true; s.run(20 * ms) }},
	} {
		t.Run(goes.name, func(t *testing.T) {
			s := newStage(t)
			f, q := s.frontend("f1", 20), s.queue("queueA", 10)
			f.give(1, 4)
			goes.how(s, f)
			s.consistent()
			if len(s.m.jobs) != 0 || len(s.m.frontends) != 0 {
				t.Errorf("%d jobs and %d frontends are left", len(s.m.jobs), len(s.m.frontends))
			}
			if n := len(q.took(wire.TypeCancel)); n != 3 {
				t.Errorf("the queue was told of %d cancelled jobs, want 3", n)
			}
		})
	}
}

// A frontend that begins link after link has a whole window by each.
func TestAFrontendThatNeverClaimsItsJobsIsBounded(t *testing.T) {
	s := newStage(t)
	s.m.cfg.Window = job.Window{Count: 10, Bytes: 1 << 20}
	f := s.frontend("f1", 20)
	for round := range 20 {
		f.give(100*round+1, 100*round+11)
		if n := len(s.m.jobs); n > 30 {
			t.Fatalf("by link %d the broker holds %d jobs, with a window of 10", round+1, n)
		}
		f.Initiator = job.NewInitiator(f.member.Incarnation, &f.epochs, wide, f.announce, f.send)
		f.Poll(s.now)
		s.pump()
		s.consistent()
	}
}
