package queue

import (
	"testing"
	"time"

	"faasd/internal/wire"
)

func TestAJobIsRunAndItsResultGoesBack(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 2)
	s.give(1, 2)
	got := w.jobs()
	if len(got) != 1 {
		t.Fatalf("the worker has %d jobs", len(got))
	}
	if g := got[0]; g.Job != jobID(1) || g.Attempt != 1 || g.Meta.ContentType != "text/x" || string(g.Body) != "body 1" || g.TTLMillis == 0 {
		t.Errorf("the worker was given %+v", g)
	}
	w.answer(got[0])
	r := s.brokers[0].results()
	if len(r) != 1 {
		t.Fatalf("the broker has %d results", len(r))
	}
	if r := r[0]; r.Job != jobID(1) || r.Code != wire.CodeOK || r.Attempt != 1 || r.Origin != 77 || r.OriginSeq != 1 || r.Owner != 100 ||
		r.Assignment != 1 || r.Meta.Queue != "queueA" || r.Meta.Worker != "w50" || string(r.Body) != "body 1" {
		t.Errorf("the broker was told %+v", r)
	}
	s.consistent()
	if len(s.m.jobs) != 0 || s.m.done != 1 {
		t.Errorf("%d jobs are left, %d done", len(s.m.jobs), s.m.done)
	}
}

func TestJobsWaitInOrderAndWorkersGetNoMoreThanTheirSlots(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 3)
	s.give(1, 11)
	var order []uint64
	for len(order) < 10 {
		got := w.jobs()
		if len(got) == 0 || len(got) > 3 {
			t.Fatalf("%d jobs at a worker with 3 slots, after %v", len(got), order)
		}
		for _, m := range got {
			order = append(order, m.OriginSeq)
			w.answer(m)
		}
		s.consistent()
	}
	for i, n := range order {
		if n != uint64(i+1) {
			t.Fatalf("run in the order %v", order)
		}
	}
}

func TestADuplicateOfAFinishedJobIsAnsweredFromTheResult(t *testing.T) {
	s := newStage(t, 2)
	w := s.worker(50, here, 1)
	s.give(1, 2)
	w.answer(w.jobs()[0])
	again := request(1)
	again.Assignment = 9
	s.brokers[1].Link().Send(s.now, again)
	r := s.brokers[1].results()
	if len(r) != 1 || r[0].Assignment != 9 || r[0].Owner != 101 || string(r[0].Body) != "body 1" {
		t.Errorf("the other broker was told %+v", r)
	}
	if n := len(w.jobs()); n != 0 {
		t.Errorf("the job was run %d times more", n)
	}
}

func TestADuplicateOfARunningJobIsAnsweredToBoth(t *testing.T) {
	s := newStage(t, 2)
	w := s.worker(50, here, 1)
	s.give(1, 2)
	again := request(1)
	again.Assignment = 9
	s.brokers[1].Link().Send(s.now, again)
	got := w.jobs()
	if len(got) != 1 {
		t.Fatalf("the worker was given %d jobs", len(got))
	}
	w.answer(got[0])
	first, second := s.brokers[0].results(), s.brokers[1].results()
	if len(first) != 1 || len(second) != 1 || first[0].Assignment != 1 || second[0].Assignment != 9 {
		t.Errorf("the brokers were told %v and %v", first, second)
	}
}

func TestAJobWhoseTimeRanOutWhileItWaitedIsNotRun(t *testing.T) {
	for _, draining := range []bool{false, true} {
		s := newStage(t, 1)
		if draining {
			s.m.Drain(s.now)
			s.pump()
		}
		m := request(1)
		m.TTLMillis = 0 // it was under way for too long
		s.brokers[0].Link().Send(s.now, m)
		r := s.brokers[0].results()
		if len(r) != 1 || r[0].Code != wire.CodeExpired {
			t.Errorf("draining %t: answered %+v, want that its time ran out", draining, r)
		}
		s.consistent()
	}
}

func TestAJobAtItsAttemptLimitIsGivenUp(t *testing.T) {
	for _, draining := range []bool{false, true} {
		s := newStage(t, 1)
		w := s.worker(50, here, 1)
		if draining {
			s.m.Drain(s.now)
			s.pump()
		}
		m := request(1)
		m.Attempt = 3
		s.brokers[0].Link().Send(s.now, m)
		r := s.brokers[0].results()
		if len(r) != 1 || r[0].Code != wire.CodeWorkersLost || r[0].Attempt != 3 || r[0].Meta.Reason == "" {
			t.Errorf("draining %t: answered %+v, want workers-lost", draining, r)
		}
		if n := len(w.jobs()); n != 0 {
			t.Errorf("it was run %d times more", n)
		}
	}
}

func TestAttemptsAreKnownToTheHighest(t *testing.T) {
	s := newStage(t, 2)
	s.give(1, 2)
	again := request(1)
	again.Attempt = 2 // the other broker knows of two runs
	s.brokers[1].Link().Send(s.now, again)
	w := s.worker(50, here, 1)
	if got := w.jobs(); len(got) != 1 || got[0].Attempt != 3 {
		t.Errorf("run as %+v, want attempt 3", got)
	}
}

func TestACancelIsObeyedForItsAssignmentAlone(t *testing.T) {
	s := newStage(t, 1)
	b := s.brokers[0]
	s.give(1, 2)
	s.say(b.Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 7}, "")
	if len(s.m.jobs) != 1 {
		t.Fatal("a CANCEL of another assignment has dropped the job")
	}
	s.say(b.Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
	s.consistent()
	if len(s.m.jobs) != 0 {
		t.Errorf("%d jobs are left", len(s.m.jobs))
	}
	s.say(b.Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "") // again: nothing happens
}

func TestACancelByOneBrokerLeavesTheJobToTheOther(t *testing.T) {
	s := newStage(t, 2)
	w := s.worker(50, here, 1)
	s.give(1, 2)
	s.brokers[1].Link().Send(s.now, request(1))
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
	got := w.jobs()
	if len(got) != 1 {
		t.Fatalf("the worker was given %d jobs", len(got))
	}
	w.answer(got[0])
	if n, m := len(s.brokers[0].results()), len(s.brokers[1].results()); n != 0 || m != 1 {
		t.Errorf("%d and %d results, want none for who has cancelled", n, m)
	}
}

func TestACancelledJobFreesItsSlotWhenTheWorkerSaysSo(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.give(1, 3)
	w.jobs()
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
	if c := take(&w.got, wire.TypeCancel); len(c) != 1 || c[0].Job != jobID(1) {
		t.Fatalf("the worker was told %+v", c)
	}
	s.run(2 * time.Second)
	if n := len(w.jobs()); n != 0 {
		t.Fatalf("%d jobs were given to a worker whose one slot is taken", n)
	}
	s.say(w.Link(), wire.Header{Type: wire.TypeReturn, Job: jobID(1)}, "")
	if got := w.jobs(); len(got) != 1 || got[0].Job != jobID(2) {
		t.Errorf("with the slot free again the worker has got %+v", got)
	}
	s.consistent()
}

func TestTheResultOfACancelledJobIsDroppedAndFreesItsSlot(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.give(1, 3)
	first := w.jobs()[0]
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
	w.answer(first)
	if n := len(s.brokers[0].results()); n != 0 {
		t.Errorf("%d results of a cancelled job", n)
	}
	if got := w.jobs(); len(got) != 1 || got[0].Job != jobID(2) {
		t.Errorf("the next job was not given: %+v", got)
	}
	if s.m.late != 1 {
		t.Errorf("%d late results were counted", s.m.late)
	}
}

func TestALostBrokersJobsAreDroppedUnlessTheyRun(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.give(1, 4)
	got := w.jobs()
	b := s.brokers[0]
	b.silent = true
	s.run(3200 * ms)
	s.consistent()
	if len(s.m.jobs) != 1 {
		t.Fatalf("%d jobs are left, want the one that runs", len(s.m.jobs))
	}
	w.answer(got[0])
	s.consistent()
	if len(s.m.jobs) != 0 || s.m.results.Get(jobID(1)) == nil {
		t.Errorf("%d jobs are left; the result must be kept for who sends the job again", len(s.m.jobs))
	}
	// A new incarnation of the broker asks for it.
	b.silent, b.Acceptor, b.inc = false, nil, 200
	s.run(500 * ms)
	b.Link().Send(s.now, request(1))
	if r := b.results(); len(r) != 1 || r[0].Owner != 200 {
		t.Errorf("answered %+v, want the result that was kept", r)
	}
}

func TestResultsAreForgottenWhenTheirOriginHasThem(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	for n := 1; n <= 100; n++ {
		m := request(n)
		m.OriginOpen = uint64(n) // all before are closed
		s.brokers[0].Link().Send(s.now, m)
		w.answer(w.jobs()[0])
	}
	kept := 0
	for n := 1; n <= 100; n++ {
		if s.m.results.Get(jobID(n)) != nil {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("%d results are kept, want the last", kept)
	}
}

func TestCreditComesBackWithEveryJob(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	b := s.brokers[0]
	for n := 1; uint64(n) <= 2*wide.Count; n++ {
		if !b.Link().Room() {
			t.Fatalf("no room for job %d, and nothing is outstanding", n)
		}
		s.give(n, n+1)
		got := w.jobs()
		if n%2 == 0 {
			s.say(b.Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(n), Assignment: uint32(n)}, "")
			s.say(w.Link(), wire.Header{Type: wire.TypeReturn, Job: jobID(n)}, "")
		} else {
			w.answer(got[0])
		}
		s.run(20 * ms)
	}
	s.consistent()
}

func TestTypesThatAPeerMustNotSendAreCounted(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeMove}, "")
	s.say(w.Link(), wire.Header{Type: wire.TypeCancel}, "")
	if s.m.MalformedCount() != 2 {
		t.Errorf("%d were counted, want 2", s.m.MalformedCount())
	}
}
