package frontend

import (
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

func TestTheRequestsOfALostBrokerGoThroughAnother(t *testing.T) {
	for _, goes := range []struct {
		name string
		how  func(s *stage, b *theBroker)
	}{
		{"silent", func(s *stage, b *theBroker) { b.silent = true; s.run(3200 * ms) }},
		{"left", func(s *stage, b *theBroker) { b.Farewell(s.now, "bye"); b.silent = true; s.pump() }},
	} {
		t.Run(goes.name, func(t *testing.T) {
			s := newStage(t, 2)
			var calls []*call
			for range 6 {
				calls = append(calls, s.ask())
			}
			first := s.brokers[0].took(wire.TypeJob)
			s.brokers[1].took(wire.TypeJob)
			goes.how(s, s.brokers[0])
			again := s.brokers[1].took(wire.TypeJob)
			if len(first) != 3 || len(again) != 3 {
				t.Fatalf("%d jobs were at the lost broker, %d of them came to the other", len(first), len(again))
			}
			for _, m := range again {
				if m.Flags&wire.FlagResent == 0 || m.TTLMillis == 0 {
					t.Errorf("sent again as %+v", m.Header)
				}
				s.brokers[1].answer(m, nil)
			}
			answered := 0
			for _, c := range calls {
				answered += len(c.answers)
			}
			if answered != 3 {
				t.Errorf("%d answers", answered)
			}
		})
	}
}

func TestABrokerThatComesBackGetsTheOpenRequestsWithTheTimeTheyHaveLeft(t *testing.T) {
	s := newStage(t, 1)
	c := s.askWith(Request{Function: "echo", Timeout: 20 * time.Second})
	b := s.brokers[0]
	b.silent = true
	s.run(8 * time.Second)
	b.restart()
	s.run(time.Second)
	again := b.took(wire.TypeJob)
	if len(again) != 1 || again[0].Job != c.id || again[0].Flags&wire.FlagResent == 0 {
		t.Fatalf("the broker has got %+v", again)
	}
	if ttl := again[0].TTLMillis; ttl < 10_000 || ttl > 12_000 {
		t.Errorf("it has %d ms, want some 11,000", ttl)
	}
	b.answer(again[0], nil)
	s.one(c)
	s.empty()
}

func TestHomelessRequestsWaitForRoomUntilTheirTimeIsOut(t *testing.T) {
	s := newStage(t, 1)
	short := s.askWith(Request{Function: "echo", Timeout: 5 * time.Second})
	long := s.askWith(Request{Function: "echo", Timeout: 30 * time.Second})
	gone := s.ask()
	b := s.brokers[0]
	b.silent = true
	s.run(4 * time.Second)
	s.m.Cancel(s.now, gone.number)
	s.run(2 * time.Second)
	if a := s.one(short); a.Code != wire.CodeExpired {
		t.Errorf("answered %+v", a)
	}
	b.restart()
	s.run(time.Second)
	if got := b.took(wire.TypeJob); len(got) != 1 || got[0].Job != long.id {
		t.Errorf("the broker has got %+v, want the one that somebody waits for", got)
	}
}

func TestADrainingBrokerGetsNoRequests(t *testing.T) {
	s := newStage(t, 2)
	s.brokers[0].Drain(s.now)
	s.pump()
	for range 4 {
		s.ask()
	}
	if n, m := len(s.brokers[0].took(wire.TypeJob)), len(s.brokers[1].took(wire.TypeJob)); n != 0 || m != 4 {
		t.Errorf("they have got %d and %d jobs", n, m)
	}
	// What it has it may finish.
	s2 := newStage(t, 1)
	c := s2.ask()
	s2.brokers[0].Drain(s2.now)
	s2.pump()
	if s2.m.Ready() || s2.ask().why != NoBroker {
		t.Error("ready, and the one broker drains")
	}
	s2.brokers[0].answer(s2.brokers[0].took(wire.TypeJob)[0], nil)
	s2.one(c)
}

func TestMessagesOfAnotherLinkAreNotLookedAt(t *testing.T) {
	s := newStage(t, 1)
	c := s.ask()
	in := s.brokers[0].took(wire.TypeJob)[0]
	for _, change := range []func(*wire.Message){
		func(m *wire.Message) { m.LinkEpoch++ },
		func(m *wire.Message) { m.Receiver = 8 },
	} {
		r := &wire.Message{Header: wire.Header{
			Type: wire.TypeResult, Job: in.Job, Origin: in.Origin, OriginSeq: in.OriginSeq, Sender: 100, Receiver: 7,
			LinkEpoch: s.m.brokers[0].Epoch(), LinkSeq: 1,
		}}
		r.SetBody(nil)
		change(r)
		s.brokers[0].send(r.Frames())
		s.pump()
	}
	if len(c.answers) != 0 {
		t.Errorf("answered %+v", c.answers)
	}
}

func TestTypesThatABrokerMustNotSendAreCounted(t *testing.T) {
	s := newStage(t, 1)
	m := &wire.Message{Header: wire.Header{Type: wire.TypeMoved}}
	m.SetBody(nil)
	s.brokers[0].Link().Send(s.now, m)
	s.pump()
	if s.m.MalformedCount() != 1 || s.m.state().Malformed != 1 {
		t.Errorf("%d were counted, %d are told of", s.m.MalformedCount(), s.m.state().Malformed)
	}
}

func TestALeavingFrontendAnswersWhatIsOpenAndSaysGoodbye(t *testing.T) {
	s := newStage(t, 1)
	calls := []*call{s.ask(), s.ask()}
	s.m.Drain(s.now)
	if s.m.Drained() || !s.m.state().Draining {
		t.Error("drained with two requests open, or not said to be draining")
	}
	s.m.Leave(s.now)
	s.pump()
	for _, c := range calls {
		if a := s.one(c); a.Code != wire.CodeLeaving {
			t.Errorf("answered %+v", a)
		}
	}
	s.empty()
	if s.brokers[0].Link() != nil {
		t.Error("the broker does not know that it leaves")
	}
	if n := len(s.brokers[0].took(wire.TypeCancel)); n != 2 {
		t.Errorf("the broker was told of %d cancelled jobs", n)
	}
}

func TestWhatTheFrontendTellsOfItself(t *testing.T) {
	s := newStage(t, 1)
	c := s.ask()
	s.ask()
	s.brokers[0].answer(s.brokers[0].took(wire.TypeJob)[0], nil)
	s.one(c)
	st := s.m.state()
	if f := st.Frontend; f.Open != 1 || f.Accepted != 2 || f.Answered != 1 || f.Failed != 0 || f.HTTP != "http" || st.Endpoints["replies"] != "r" {
		t.Errorf("state %+v of %+v", st.Frontend, st.Member)
	}
}

func TestWhatFailsIsCounted(t *testing.T) {
	s := newStage(t, 1)
	for range 3 {
		s.ask()
	}
	s.askWith(Request{Function: "echo", Timeout: time.Second})
	gone := s.ask()
	jobs := s.brokers[0].took(wire.TypeJob)
	s.brokers[0].answer(jobs[0], nil)
	s.brokers[0].answer(jobs[1], func(m *wire.Message) { m.Code = wire.CodeFunctionError })
	s.brokers[0].answer(jobs[2], func(m *wire.Message) { m.BodyChecksum++ })
	s.m.Cancel(s.now, gone.number) // its client has gone: nobody was answered
	s.run(2 * time.Second)         // and the time of one runs out here
	if f := s.m.state().Frontend; f.Open != 0 || f.Answered != 3 || f.Failed != 3 || f.Errors != 1 || f.Expired != 1 {
		t.Errorf("%+v, want 3 answered, and 3 failed with the one that was not: 1 by itself, 1 corrupt, 1 past its deadline", f)
	}
}

// Brokers give a frontend up that was stopped for a while. They say so when it is
// back, and what comes before the new links have begun is not refused.
func TestWhatComesWhileLinksBeginAnewWaitsForThem(t *testing.T) {
	s := newStage(t, 2)
	for _, b := range s.brokers {
		b.Acceptor = nil
	}
	open := s.ask()
	forgotten := func() {
		for i, b := range s.brokers {
			b.say(wire.TypeGoodbye, wire.CodeUnknownLink, s.m.brokers[i].Epoch())
		}
	}
	silent := func(yes bool) {
		for _, b := range s.brokers {
			b.silent = yes
		}
	}
	silent(true)
	forgotten()
	if s.m.Ready() {
		t.Fatal("ready without a link")
	}
	meanwhile := s.ask()
	if meanwhile.why != Accepted {
		t.Fatalf("refusal %d", meanwhile.why)
	}
	if why, err := s.gateway(nil).Refusal(t.Context(), Request{Function: "echo"}); why.Why != Accepted || err != nil {
		t.Errorf("a large one: refusal %d, %v", why, err)
	}
	silent(false)
	s.run(200 * ms)
	for _, b := range s.brokers {
		for _, m := range b.took(wire.TypeJob) {
			b.answer(m, nil)
		}
	}
	for _, c := range []*call{open, meanwhile} {
		if a := s.one(c); a.Code != wire.CodeOK {
			t.Errorf("answered %+v", a)
		}
	}
	s.empty()

	silent(true)
	forgotten()
	s.run(renewWithin + 100*ms)
	if c := s.ask(); c.why != NoBroker {
		t.Errorf("no broker began anew within %s: refusal %d", renewWithin, c.why)
	}
}

// On a busy machine connections take longer to come back than links to be given up.
func TestAFrontendThatWasStoppedWaitsForItsBrokers(t *testing.T) {
	s := newStage(t, 2)
	for _, b := range s.brokers {
		b.silent, b.Acceptor = true, nil
	}
	s.now += 5 * time.Second
	s.run(3500 * ms)
	if s.m.Ready() {
		t.Fatal("ready without a link")
	}
	var calls []*call
	for range wide.Count { // one function's share of what both have room for
		c := s.ask()
		if c.why != Accepted {
			t.Fatalf("refusal %d of request %d", c.why, len(calls))
		}
		calls = append(calls, c)
	}
	if c := s.ask(); c.why != NoBroker {
		t.Errorf("more than its share: refusal %d", c.why)
	}
	for _, b := range s.brokers {
		b.silent = false
	}
	s.run(200 * ms)
	for _, b := range s.brokers {
		for _, m := range b.took(wire.TypeJob) {
			b.answer(m, nil)
		}
	}
	for _, c := range calls {
		if a := s.one(c); a.Code != wire.CodeOK {
			t.Errorf("answered %+v", a)
		}
	}
}

// The first broker that is back has room for less than what comes until the
// others are.
func TestWhatTheFirstBrokerThatIsBackHasNoRoomForWaitsForTheOthers(t *testing.T) {
	s := newStage(t, 2)
	for _, b := range s.brokers {
		b.silent, b.Acceptor = true, nil
	}
	s.now += 5 * time.Second
	s.run(3500 * ms)
	s.brokers[0].silent = false
	s.run(200 * ms)
	var calls []*call
	for range wide.Count { // one function's share of what both have room for
		calls = append(calls, s.ask())
	}
	if got := len(s.brokers[0].took(wire.TypeJob)); got == 0 || got >= len(calls) {
		t.Fatalf("the first broker has got %d of %d", got, len(calls))
	}
	for i, c := range calls {
		if c.why != Accepted {
			t.Fatalf("refusal %d of request %d", c.why, i)
		}
	}
	s.brokers[1].silent = false
	s.run(200 * ms)
	if waits := s.m.homeless.Len(); waits != 0 {
		t.Errorf("%d wait still", waits)
	}
}

// A flow that nothing could answer, because no broker was there, is not slow.
func TestWhatHungWithoutABrokerKeepsNobodyOut(t *testing.T) {
	p := newPond(t, 1000)
	p.pour(2*time.Second, 900, patient)
	p.rate = 0
	p.pour(500*ms, 1000, patient)
	p.brokers[0].silent = true
	p.run(4 * time.Second)
	if p.m.Ready() || p.opened() <= alwaysOpen {
		t.Fatalf("ready %t, %d open", p.m.Ready(), p.opened())
	}
	p.line, p.owed, p.rate = nil, 0, 1500
	p.brokers[0].restart()
	p.run(200 * ms)
	if _, refused := p.pour(2*time.Second, 900, patient); refused > 0 {
		t.Errorf("%d were refused after the broker was back", refused)
	}
}

// say has the frontend hear a message of a link with a broker.
func (b *theBroker) say(kind wire.Type, code wire.Code, epoch uint32) {
	m := &wire.Message{Header: wire.Header{
		Type: kind, Code: code, Sender: b.inc, Receiver: b.s.m.me, LinkEpoch: epoch, SentMillis: uint64(b.s.now.Milliseconds()),
	}}
	m.SetBody(nil)
	b.s.m.Receive(b.s.now, role.Packet{Link: LinkReplies, Frames: m.Frames()})
	b.s.pump()
}
