package frontend

import (
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

func TestARequestGoesToABrokerAndItsAnswerComesBack(t *testing.T) {
	s := newStage(t, 1)
	c := s.askWith(Request{Function: "echo", ContentType: "text/x", Body: []byte("body"), Timeout: 2 * time.Second})
	in := s.brokers[0].took(wire.TypeJob)
	if c.why != Accepted || len(in) != 1 {
		t.Fatalf("refusal %d, the broker has %d jobs", c.why, len(in))
	}
	if m := in[0]; m.Job != c.id || m.Attempt != 0 || m.AttemptLimit != 3 || m.Origin != 7 || m.OriginSeq != c.number || m.OriginOpen != c.number ||
		m.TTLMillis != 2000 || m.Meta.Function != "echo" || m.Meta.ContentType != "text/x" || string(m.Body) != "body" || m.CheckBody() != nil || m.Flags != 0 {
		t.Errorf("the broker was given %+v", m)
	}
	s.brokers[0].answer(in[0], nil)
	a := s.one(c)
	if a.Code != wire.CodeOK || string(a.Body) != "result" || a.ContentType != "text/y" || a.Queue != "queueA" || a.Worker != "w1" || a.Attempt != 1 {
		t.Errorf("answered %+v", a)
	}
	s.empty()
	s.brokers[0].answer(in[0], nil) // another run's
	if len(c.answers) != 1 || s.m.late != 1 {
		t.Errorf("%d answers, %d late results", len(c.answers), s.m.late)
	}
}

func TestAResultOfAnotherJobIsNobodysAnswer(t *testing.T) {
	s := newStage(t, 1)
	c := s.ask()
	in := s.brokers[0].took(wire.TypeJob)[0]
	for _, change := range []func(*wire.Message){
		func(m *wire.Message) { m.Origin = 8 },
		func(m *wire.Message) { m.Job[5]++ },
		func(m *wire.Message) { m.OriginSeq++ },
	} {
		s.brokers[0].answer(in, change)
	}
	if len(c.answers) != 0 || s.m.late != 3 {
		t.Errorf("%d answers, %d late results; want 0 and 3", len(c.answers), s.m.late)
	}
}

func TestAResultThatWasDamagedIsSaidToBe(t *testing.T) {
	s := newStage(t, 1)
	c := s.ask()
	s.brokers[0].answer(s.brokers[0].took(wire.TypeJob)[0], func(m *wire.Message) { m.BodyChecksum++ })
	if a := s.one(c); a.Code != wire.CodeCorrupt || len(a.Body) != 0 || a.Queue != "queueA" {
		t.Errorf("answered %+v, want corrupt and no body", a)
	}
}

func TestRequestsTakeTurnsAmongBrokers(t *testing.T) {
	s := newStage(t, 3)
	for range 9 {
		s.ask()
	}
	for _, b := range s.brokers {
		if n := len(b.took(wire.TypeJob)); n != 3 {
			t.Errorf("%s has got %d of nine jobs", b.key, n)
		}
	}
}

func TestWhatCannotBeTakenIsRefusedBeforeItIsAccepted(t *testing.T) {
	s := newStageWith(t, 2, job.Window{Count: 4, Bytes: 1 << 20}) // of which one function gets half
	if c := s.askWith(Request{Function: "nobody", Timeout: time.Second}); c.why != UnknownFunction {
		t.Errorf("unknown function: refusal %d", c.why)
	}
	var taken []*call
	for range 4 {
		c := s.ask()
		if c.why != Accepted {
			t.Fatalf("refusal %d with room at two brokers", c.why)
		}
		taken = append(taken, c)
	}
	if c := s.ask(); c.why != Full {
		t.Errorf("no room anywhere: refusal %d", c.why)
	}
	s.brokers[1].answer(s.brokers[1].took(wire.TypeJob)[0], nil)
	s.run(1500 * ms)
	c := s.ask()
	if c.why != Accepted || len(s.brokers[1].took(wire.TypeJob)) != 1 {
		t.Errorf("with room at one broker again: refusal %d", c.why)
	}
	if last := taken[3].number; c.number != last+1 {
		t.Errorf("numbers go from %d to %d; refused requests must leave no gap", last, c.number)
	}
	for _, b := range s.brokers {
		b.silent = true
	}
	s.run(4 * time.Second)
	if c := s.ask(); c.why != NoBroker {
		t.Errorf("no broker: refusal %d", c.why)
	}
	s.m.Drain(s.now)
	if c := s.ask(); c.why != Stopping {
		t.Errorf("stopping: refusal %d", c.why)
	}
}

func TestALargeJobFindsTheBrokerThatHasRoomForIt(t *testing.T) {
	s := newStageWith(t, 2, job.Window{Count: 100, Bytes: 10_000})
	s.askWith(Request{Function: "echo", Body: make([]byte, 9000), Timeout: time.Minute})
	for i := range 2 { // the first broker is full, each time
		c := s.askWith(Request{Function: "echo", Body: make([]byte, 2000), Timeout: time.Minute})
		if c.why != Accepted {
			t.Errorf("job %d: refusal %d", i, c.why)
		}
	}
	if n := len(s.brokers[1].took(wire.TypeJob)); n != 2 {
		t.Errorf("the broker with room has got %d jobs, want 2", n)
	}
}

// A job counts with the result that it will bring back, as far as that can be known.
func TestAJobCountsWithTheResultThatIsExpected(t *testing.T) {
	s := newStageWith(t, 1, job.Window{Count: 100, Bytes: 100_000})
	b := s.brokers[0]
	returns := func(n int) *wire.Message {
		s.ask()
		in := b.took(wire.TypeJob)[0]
		b.answer(in, func(m *wire.Message) { m.SetBody(make([]byte, n)) })
		return in
	}
	if in := returns(20_000); in.ResultRoom != 0 {
		t.Errorf("nothing has been returned yet, and room for %d bytes is kept", in.ResultRoom)
	}
	if in := returns(10); in.ResultRoom != 20_000 {
		t.Errorf("after a result of 20,000 bytes room is kept for %d", in.ResultRoom)
	}
	accepted := 0
	for s.ask().why == Accepted {
		accepted++
	}
	if accepted != 2 { // 2 × 20 kB leave as much free as a third would then have
		t.Errorf("%d are accepted, want 2", accepted)
	}
	for _, in := range b.took(wire.TypeJob) {
		b.answer(in, nil)
	}
	for range 400 {
		returns(10)
	}
	if in := returns(10); in.ResultRoom != 10 {
		t.Errorf("a large result of long ago still counts as %d bytes", in.ResultRoom)
	}
	s.empty()
}

func TestTheOldestOpenNumberIsTold(t *testing.T) {
	s := newStage(t, 1)
	b := s.brokers[0]
	for range 3 {
		s.ask()
	}
	jobs := b.took(wire.TypeJob)
	b.answer(jobs[1], nil) // the second
	s.ask()
	if m := b.took(wire.TypeJob)[0]; m.OriginOpen != jobs[0].OriginSeq {
		t.Errorf("oldest open %d, want %d", m.OriginOpen, jobs[0].OriginSeq)
	}
	b.answer(jobs[0], nil)
	s.ask()
	if m := b.took(wire.TypeJob)[0]; m.OriginOpen != jobs[2].OriginSeq {
		t.Errorf("oldest open %d, want %d", m.OriginOpen, jobs[2].OriginSeq)
	}
}

func TestDeadlinesAreKeptInOrder(t *testing.T) {
	s := newStage(t, 1)
	timeouts := []time.Duration{5 * time.Second, time.Second, 3 * time.Second, 2 * time.Second, 4 * time.Second}
	var calls []*call
	for _, d := range timeouts {
		calls = append(calls, s.askWith(Request{Function: "echo", Timeout: d}))
	}
	s.m.Cancel(s.now, calls[2].number)
	began := s.now
	for s.now < began+6*time.Second {
		s.run(20 * ms)
		for i, c := range calls {
			due := s.now >= began+timeouts[i] && i != 2
			if due != (len(c.answers) == 1) {
				t.Fatalf("after %v the request with %v has %d answers", s.now-began, timeouts[i], len(c.answers))
			}
		}
	}
	if a := calls[0].answers[0]; a.Code != wire.CodeExpired {
		t.Errorf("answered %+v, want that its time ran out", a)
	}
	s.empty()
	if n := len(s.brokers[0].took(wire.TypeCancel)); n != 5 {
		t.Errorf("the broker was told of %d cancelled jobs, want all 5", n)
	}
}

func TestACancelledRequestIsNeverAnswered(t *testing.T) {
	s := newStage(t, 1)
	c := s.ask()
	in := s.brokers[0].took(wire.TypeJob)[0]
	s.m.Cancel(s.now, c.number)
	s.pump()
	if got := s.brokers[0].took(wire.TypeCancel); len(got) != 1 || got[0].Job != c.id || got[0].OriginSeq != c.number || got[0].Origin != 7 {
		t.Errorf("the broker was told %+v", got)
	}
	s.brokers[0].answer(in, nil)
	s.m.Cancel(s.now, c.number) // again, and of one that never was
	s.m.Cancel(s.now, 99)
	s.run(2 * time.Minute)
	if len(c.answers) != 0 {
		t.Errorf("answered %+v", c.answers)
	}
	s.empty()
}

func TestACancelledRequestThatHadNotArrivedNeverDoes(t *testing.T) {
	s := newStage(t, 1)
	s.run(time.Second)
	b := s.brokers[0]
	b.silent = true // what is sent now gets lost
	c := s.ask()
	s.run(100 * ms)
	b.silent = false
	s.m.Cancel(s.now, c.number)
	s.pump()
	s.run(3 * time.Second)
	if len(b.got) != 1 || b.got[0].Type != wire.TypeCancel {
		t.Errorf("the broker has got %d messages, want the CANCEL alone", len(b.got))
	}
	for range wide.Count / 2 { // and all of its function's room is there
		if c := s.ask(); c.why != Accepted {
			t.Fatalf("refusal %d", c.why)
		}
	}
}

func TestARequestThatIsSentToAnotherBrokerGoesOnCountingItsAttempts(t *testing.T) {
	s := newStage(t, 2)
	c := s.ask()
	var in *wire.Message
	var first, second *theBroker
	for i, b := range s.brokers {
		if jobs := b.took(wire.TypeJob); len(jobs) == 1 {
			in, first, second = jobs[0], b, s.brokers[1-i]
		}
	}
	for _, origin := range []wire.Incarnation{in.Origin, in.Origin + 1} { // the second is another's
		n := &wire.Message{Header: wire.Header{
			Type: wire.TypeAttempt, Job: in.Job, Origin: origin, OriginSeq: in.OriginSeq, Attempt: 2 + uint8(origin-in.Origin),
			AttemptLimit: 4, Flags: wire.FlagAlone,
		}}
		n.SetBody(nil)
		first.Link().Send(s.now, n)
	}
	s.pump()
	first.silent = true
	s.run(4 * time.Second)
	again := second.took(wire.TypeJob)
	if len(again) != 1 || again[0].Job != in.Job || again[0].Attempt != 2 || again[0].AttemptLimit != 4 || again[0].Flags&wire.FlagAlone == 0 {
		t.Fatalf("the other broker is given %+v", again)
	}
	second.answer(again[0], nil)
	s.one(c)
	s.empty()
}

func TestAFunctionMayHaveAnAttemptLimitOfItsOwn(t *testing.T) {
	s := newStage(t, 1)
	s.hear(1)
	s.m.cfg.Attempts = func(function string) int { return map[string]int{"echo": 3, "upper": 1}[function] }
	for _, fn := range []string{"echo", "upper"} {
		s.askWith(Request{Function: fn, Timeout: time.Minute})
		if m := s.brokers[0].took(wire.TypeJob)[0]; int(m.AttemptLimit) != s.m.cfg.Attempts(fn) {
			t.Errorf("%s: %d attempts", fn, m.AttemptLimit)
		}
	}
}
