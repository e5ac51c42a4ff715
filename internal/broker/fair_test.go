package broker

import (
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

// giveFor sends jobs from to-1 of a function to the broker.
func (p *peer) giveFor(function string, from, to int) {
	for n := from; n < to; n++ {
		m := request(n, 10, time.Hour)
		m.Meta.Function = function
		p.Link().Send(p.s.now, m)
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

// finish has a queue answer a job and return its room.
func (p *peer) finish(j *wire.Message) {
	p.Link().Settle(j.Size())
	p.say(wire.Header{Type: wire.TypeResult, Job: j.Job}, wire.Meta{})
}

func TestAJobIsRoutedPastAnotherFunctionsFlood(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queueWith("queueA", 10, job.Window{Count: 20, Bytes: 1 << 20})
	f.giveFor("flood", 1, 1000)
	if n := count(q.took(wire.TypeJob))["flood"]; n != 10 {
		t.Fatalf("the flood was given %d of 20", n)
	}
	f.giveFor("quiet", 1000, 1003)
	if n := count(q.took(wire.TypeJob))["quiet"]; n != 3 {
		t.Errorf("%d of 3 jobs went past the flood that waits", n)
	}
	s.consistent()
	for _, e := range s.m.jobs {
		m := &wire.Message{Header: wire.Header{Type: wire.TypeCancel, Job: e.msg.Job}}
		m.SetBody(nil)
		f.Link().Send(s.now, m)
	}
	s.run(20 * ms)
	if n := s.queueState(q).shares.All(); n != (job.Window{}) || s.m.unrouted.Len() != 0 {
		t.Errorf("with no job left %+v is held and %d wait", n, s.m.unrouted.Len())
	}
}

func TestFunctionsThatWaitAreRoutedInTurn(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	f.giveFor("a", 1, 500)
	f.giveFor("b", 500, 1000)
	q := s.queueWith("queueA", 10, job.Window{Count: 30, Bytes: 1 << 20})
	got := make(map[string]int)
	var last uint64
	for range 30 {
		jobs := q.took(wire.TypeJob)
		for _, j := range jobs {
			if j.Meta.Function == "a" {
				if j.OriginSeq < last {
					t.Fatalf("a's job %d came after its job %d", j.OriginSeq, last)
				}
				last = j.OriginSeq
			}
			got[j.Meta.Function]++
			q.finish(j)
		}
		s.run(20 * ms)
		s.consistent()
	}
	if d := got["a"] - got["b"]; got["a"] < 200 || d < -10 || d > 10 {
		t.Errorf("%v were routed, want as many of each", got)
	}
}

func TestALostQueuesJobsGoBeforeWhatWaitsOfTheirFunction(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queueWith("queueA", 10, job.Window{Count: 8, Bytes: 1 << 20})
	f.giveFor("a", 1, 8)
	f.giveFor("b", 8, 12)
	q.silent = true
	s.run(4 * time.Second)
	s.consistent()
	next := make(map[string]uint64)
	for _, j := range s.queue("queueB", 11).took(wire.TypeJob) {
		if j.OriginSeq <= next[j.Meta.Function] {
			t.Errorf("%s's job %d came after its job %d", j.Meta.Function, j.OriginSeq, next[j.Meta.Function])
		}
		next[j.Meta.Function] = j.OriginSeq
	}
	if next["a"] != 7 || next["b"] != 11 {
		t.Errorf("the last jobs that came are %v", next)
	}
}

// A job that a queue has anyway goes on there, whatever its function's share.
func TestAJobThatIsFoundIsNotMeasured(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queueWith("queueA", 10, job.Window{Count: 8, Bytes: 1 << 20})
	f.giveFor("echo", 1, 20)
	q.got = nil
	m := request(50, 10, time.Hour)
	m.Flags |= wire.FlagResent
	f.Link().Send(s.now, m)
	q.say(wire.Header{Type: wire.TypeHave, Job: m.Job}, wire.Meta{})
	if jobs := q.took(wire.TypeJob); len(jobs) != 1 || jobs[0].Job != m.Job {
		t.Errorf("the queue that has the job was given %d", len(jobs))
	}
}

func TestAQueueThatDoesNotAnswerIsGivenLittle(t *testing.T) {
	s := newStage(t)
	f, a, b := s.frontend("f1", 20), s.queue("queueA", 10), s.queue("queueB", 11)
	f.give(1, 9)
	if na, nb := len(a.took(wire.TypeJob)), len(b.got); na != 4 || nb < 4 {
		t.Errorf("of the first eight jobs %d went to the first queue, want every other", na)
	}
	given := 0
	for n := 9; n < 400; n++ {
		f.give(n, n+1)
		given += len(a.took(wire.TypeJob))
		for _, j := range b.took(wire.TypeJob) { // it answers at once
			b.finish(j)
		}
	}
	if given > 2*evenWithin {
		t.Errorf("a queue that answers nothing was given %d of 391 jobs", given)
	}
	for _, j := range s.m.jobs { // it answers after all
		a.finish(j.msg)
	}
	s.pump()
	f.give(400, 420)
	if n := len(a.took(wire.TypeJob)); n != 10 {
		t.Errorf("once it answers it is given %d of 20 jobs, want every other", n)
	}
	s.consistent()
}
