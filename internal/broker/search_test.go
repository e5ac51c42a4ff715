package broker

import (
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

// resend has the frontend send job n as one that another broker had.
func (p *peer) resend(n int) {
	m := request(n, 10, time.Hour)
	m.Flags = wire.FlagResent
	p.Link().Send(p.s.now, m)
}

func (p *peer) have(n int, code wire.Code) {
	p.say(wire.Header{Type: wire.TypeHave, Job: jobID(n), Code: code}, wire.Meta{})
}

func TestAJobThatAnotherBrokerHadIsAskedForAndGoesOnWhereItIs(t *testing.T) {
	s := newStage(t)
	f, a, b := s.frontend("f1", 20), s.queue("queueA", 10), s.queue("queueB", 11)
	f.give(1, 2)
	if n := len(a.took(wire.TypeAsk)) + len(b.took(wire.TypeAsk)); n != 0 {
		t.Errorf("a job that is new is asked for %d times", n)
	}
	f.resend(5)
	for _, q := range []*peer{a, b} {
		asked, given := 0, 0
		for _, m := range q.got {
			switch m.Type {
			case wire.TypeAsk:
				asked++
			case wire.TypeJob:
				given++
			}
		}
		if q.took(wire.TypeAsk); asked != 1 || given != 0 {
			t.Errorf("%s is asked %d times and given %d jobs, want asked once", q.member.Name, asked, given)
		}
	}
	a.have(5, wire.CodeNoJob)
	if n := len(b.took(wire.TypeJob)); n != 0 {
		t.Error("it is given to a queue that has not answered")
	}
	b.have(5, wire.CodeOK)
	if got := b.took(wire.TypeJob); len(got) != 1 || got[0].Job != jobID(5) || got[0].Flags&wire.FlagResent == 0 {
		t.Errorf("the queue that has it is told %+v", got)
	}
	a.have(5, wire.CodeOK) // too late, and it has changed its mind
	if n := len(a.took(wire.TypeJob)); n != 0 || len(s.m.searches) != 0 {
		t.Errorf("another is given it too; %d searches are left", len(s.m.searches))
	}
	s.consistent()
}

func TestAJobThatNobodyHasIsGivenToAnyQueue(t *testing.T) {
	for name, answer := range map[string]func(s *stage, a, b *peer){
		"all say no": func(s *stage, a, b *peer) { a.have(5, wire.CodeNoJob); b.have(5, wire.CodeNoJob) },
		"one does not answer": func(s *stage, a, b *peer) {
			a.have(5, wire.CodeNoJob)
			s.run(900 * ms)
			if len(s.m.searches) != 1 {
				t.Error("given up before its second is over")
			}
			s.run(200 * ms)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			f, a, b := s.frontend("f1", 20), s.queue("queueA", 10), s.queue("queueB", 11)
			s.run(knowsAll)
			f.resend(5)
			answer(s, a, b)
			got := append(a.took(wire.TypeJob), b.took(wire.TypeJob)...)
			if len(got) != 1 || len(s.m.searches) != 0 {
				t.Fatalf("given %d times, %d searches are left", len(got), len(s.m.searches))
			}
			// A queue that does not answer may have begun to run it.
			want := [2]uint8{0, 3}
			if name == "one does not answer" {
				want = [2]uint8{1, 4}
			}
			if is := [2]uint8{got[0].Attempt, got[0].AttemptLimit}; is != want {
				t.Errorf("given after attempt %d of %d, want %v", is[0], is[1], want)
			}
			s.consistent()
		})
	}
}

// A queue that is lost, or that this broker has never met, may have begun to run a
// job: the next run gets a number of its own.
func TestARunAtAQueueThatIsLostMayHaveItsNumber(t *testing.T) {
	for name, lose := range map[string]func(s *stage, a *peer){
		"it was lost after the job came":    func(s *stage, a *peer) { a.silent = true; s.run(3200 * ms) },
		"it was lost long before":           func(s *stage, a *peer) { a.silent = true; s.run(20 * time.Second) },
		"nobody knows what was before this": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			f, a, b := s.frontend("f1", 20), s.queue("queueA", 10), s.queue("queueB", 11)
			want := uint8(1)
			m := request(5, 10, time.Hour)
			m.Flags, m.Waited = wire.FlagResent, 4000
			if lose == nil {
				a.silent = true
				s.run(50 * ms) // this broker has just begun, the job is older
				want = 2       // queueA was given it by this broker too
			} else if lose(s, a); name == "it was lost long before" {
				want = 0
			}
			f.Link().Send(s.now, m)
			b.have(5, wire.CodeNoJob)
			s.run(knowsAll + searchFor)
			if got := b.took(wire.TypeJob); len(got) != 1 || got[0].Attempt != want {
				t.Fatalf("given as %+v, want one after attempt %d", got, want)
			}
		})
	}
}

// A broker that has just begun does not know all queues yet.
func TestAYoungBrokerLooksForAJobAtQueuesThatComeLater(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	f.resend(5)
	a := s.queue("queueA", 10)
	if n := len(a.took(wire.TypeAsk)); n != 1 {
		t.Fatalf("the first queue is asked %d times", n)
	}
	a.have(5, wire.CodeNoJob)
	b := s.queue("queueB", 11)
	if n := len(b.took(wire.TypeAsk)); n != 1 || len(a.took(wire.TypeJob)) != 0 {
		t.Fatalf("the second queue is asked %d times", n)
	}
	b.have(5, wire.CodeOK)
	if n := len(b.took(wire.TypeJob)); n != 1 || len(s.m.searches) != 0 {
		t.Errorf("it goes on %d times where it is; %d searches are left", n, len(s.m.searches))
	}
	f.resend(6)
	a.have(6, wire.CodeNoJob)
	b.have(6, wire.CodeNoJob)
	if s.run(900 * ms); len(a.took(wire.TypeJob))+len(b.took(wire.TypeJob)) != 0 {
		t.Error("a job is given up while queues may still come")
	}
	if s.run(knowsAll - 900*ms); len(a.took(wire.TypeJob))+len(b.took(wire.TypeJob)) != 1 {
		t.Error("a job that nobody has is not given to any queue once all are known")
	}
	s.consistent()
}

// A queue that says it has a job runs it, or will. It may be full all the same, or
// about to stop.
func TestAJobThatIsFoundWaitsForTheQueueThatHasIt(t *testing.T) {
	t.Run("a full one", func(t *testing.T) {
		s := newStage(t)
		f, a := s.frontend("f1", 20), s.queueWith("queueA", 10, job.Window{Count: 1, Bytes: 1 << 20})
		s.run(knowsAll)
		f.give(1, 2)
		given := a.took(wire.TypeJob)
		b := s.queue("queueB", 11)
		f.resend(5)
		a.have(5, wire.CodeOK)
		b.have(5, wire.CodeNoJob)
		s.run(3 * searchFor)
		if n := len(b.took(wire.TypeJob)); n != 0 || len(s.m.searches) != 1 {
			t.Fatalf("it is given to another queue %d times; %d searches are left", n, len(s.m.searches))
		}
		s.consistent()
		a.Link().Settle(given[0].Size())
		a.say(wire.Header{Type: wire.TypeResult, Job: given[0].Job, Assignment: given[0].Assignment}, wire.Meta{})
		if got := a.took(wire.TypeJob); len(got) != 1 || got[0].Job != jobID(5) {
			t.Errorf("once it has room it is told %+v", got)
		}
		s.consistent()
	})
	t.Run("a draining one", func(t *testing.T) {
		s := newStage(t)
		f, a, b := s.frontend("f1", 20), s.queue("queueA", 10), s.queue("queueB", 11)
		s.run(knowsAll)
		a.Drain(s.now)
		s.run(200 * ms)
		f.resend(5)
		b.have(5, wire.CodeNoJob)
		a.have(5, wire.CodeOK)
		if got := a.took(wire.TypeJob); len(got) != 1 || len(b.took(wire.TypeJob)) != 0 {
			t.Errorf("the queue that has it is told %+v", got)
		}
		s.consistent()
	})
	t.Run("until that is lost", func(t *testing.T) {
		s := newStage(t)
		f, a := s.frontend("f1", 20), s.queueWith("queueA", 10, job.Window{Count: 1, Bytes: 1 << 20})
		f.give(1, 2)
		b := s.queue("queueB", 11)
		f.resend(5)
		a.have(5, wire.CodeOK)
		a.Farewell(s.now, "bye")
		s.pump()
		got := b.took(wire.TypeJob)
		if len(got) != 2 || len(s.m.searches) != 0 {
			t.Fatalf("%d jobs go to the queue that is left; %d searches", len(got), len(s.m.searches))
		}
		s.consistent()
	})
	t.Run("until its time is out", func(t *testing.T) {
		s := newStage(t)
		f, a := s.frontend("f1", 20), s.queueWith("queueA", 10, job.Window{Count: 1, Bytes: 1 << 20})
		f.give(1, 2)
		m := request(5, 10, 4*time.Second)
		m.Flags = wire.FlagResent
		f.Link().Send(s.now, m)
		a.have(5, wire.CodeOK)
		s.run(3900 * ms)
		if len(s.m.jobs) != 2 {
			t.Fatalf("%d jobs before its time is out", len(s.m.jobs))
		}
		if s.run(200 * ms); len(s.m.jobs) != 1 || len(s.m.searches) != 0 {
			t.Errorf("%d jobs, %d searches afterwards", len(s.m.jobs), len(s.m.searches))
		}
		s.consistent()
	})
}

// What a queue said, or was asked, by a link that is over holds no more.
func TestAQueueThatBeginsAnewIsAskedAnew(t *testing.T) {
	for _, said := range []wire.Code{wire.CodeNoJob, wire.CodeOK} {
		s := newStage(t)
		f, a := s.frontend("f1", 20), s.queueWith("queueA", 10, job.Window{Count: 1, Bytes: 1 << 20})
		f.give(1, 2)
		b := s.queue("queueB", 11)
		f.resend(5)
		a.have(5, said)
		a.got = nil
		a.Initiator = job.NewInitiator(10, &a.epochs, wide, a.announce, a.send)
		s.run(200 * ms)
		if n := len(a.took(wire.TypeAsk)); n != 1 {
			t.Errorf("after %v it is asked again %d times, want once", said, n)
		}
		b.got = nil
		b.have(5, wire.CodeNoJob)
		a.have(5, wire.CodeOK)
		if got := a.took(wire.TypeJob); len(got) == 0 || got[len(got)-1].Job != jobID(5) || len(s.m.searches) != 0 {
			t.Errorf("after %v the queue that has it is told %+v; %d searches", said, got, len(s.m.searches))
		}
		s.consistent()
	}
}

func TestAJobThatIsCancelledWhileItIsLookedForIsForgotten(t *testing.T) {
	s := newStage(t)
	f, a := s.frontend("f1", 20), s.queue("queueA", 10)
	f.resend(5)
	f.say(wire.Header{Type: wire.TypeCancel, Job: jobID(5), Origin: 20, OriginSeq: 5}, wire.Meta{})
	a.have(5, wire.CodeOK)
	s.run(2 * time.Second)
	if n := len(a.took(wire.TypeJob)); n != 0 || len(s.m.jobs)+len(s.m.searches) != 0 {
		t.Errorf("it is given out %d times; %d jobs and %d searches are left", n, len(s.m.jobs), len(s.m.searches))
	}
	s.consistent()
}

func TestAttemptsArePassedOnAndSurviveALostQueue(t *testing.T) {
	s := newStage(t)
	f, a := s.frontend("f1", 20), s.queue("queueA", 10)
	f.give(1, 3)
	in := a.took(wire.TypeJob)
	a.say(wire.Header{Type: wire.TypeAttempt, Job: jobID(1), Assignment: in[0].Assignment, Attempt: 2, AttemptLimit: 4, Flags: wire.FlagAlone}, wire.Meta{})
	got := f.took(wire.TypeAttempt)
	if len(got) != 1 || got[0].Job != jobID(1) || got[0].Attempt != 2 || got[0].AttemptLimit != 4 || got[0].Origin != 20 || got[0].OriginSeq != 1 || got[0].Flags&wire.FlagAlone == 0 {
		t.Errorf("the frontend is told %+v", got)
	}
	b := s.queue("queueB", 11)
	a.Farewell(s.now, "it is gone")
	s.pump()
	attempts := make(map[wire.JobID]*wire.Message)
	for _, m := range b.took(wire.TypeJob) {
		attempts[m.Job] = m
	}
	// Whatever was running is not counted: it was not lost alone. The report of one
	// more run may have been lost with the queue.
	if m := attempts[jobID(1)]; m == nil || m.Attempt != 3 || m.AttemptLimit != 5 || m.Flags&wire.FlagAlone == 0 {
		t.Errorf("the job whose attempts are known goes on as %+v", m)
	}
	// The other may have been started once; that run has its number, and costs nothing.
	if m := attempts[jobID(2)]; m == nil || m.Attempt != 1 || m.AttemptLimit != 4 {
		t.Errorf("the job of which nothing is known goes on as %+v", m)
	}
	s.consistent()
}
