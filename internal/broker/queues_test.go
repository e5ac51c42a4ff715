package broker

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/wire"
)

func TestAQueueIsGivenJobsOnlyWhenItIsReachable(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	q := s.queue("queueA", 10)
	if !s.queueState(q).routable {
		t.Fatal("a queue that has announced itself and subscribed is not routable")
	}
	s.subscribe(0, q.topic)
	f.give(1, 2)
	if n := len(q.took(wire.TypeJob)); n != 0 {
		t.Errorf("a queue that is not subscribed was given %d jobs", n)
	}
	s.subscribe(1, q.topic)
	if n := len(q.took(wire.TypeJob)); n != 1 {
		t.Errorf("it was given %d jobs when it had subscribed again, want the one that waited", n)
	}
	q.Drain(s.now)
	f.give(2, 3)
	if n := len(q.took(wire.TypeJob)); n != 0 {
		t.Errorf("a draining queue was given %d jobs", n)
	}
}

func TestASubscriptionThatOverlapsTheLastKeepsAQueueRoutable(t *testing.T) {
	s := newStage(t)
	q := s.queue("queueA", 10)
	s.subscribe(1, q.topic) // its new connection's
	s.subscribe(0, q.topic) // the old one's end is noticed later
	s.run(time.Second)
	if !s.queueState(q).routable {
		t.Error("a queue with a subscription is given no jobs any more")
	}
	s.subscribe(0, q.topic)
	if s.queueState(q).routable || len(s.m.byTopic) != 0 {
		t.Errorf("routable without any subscription; %d topics are known", len(s.m.byTopic))
	}
	s.subscribe(0, q.topic) // one too many
	s.subscribe(1, q.topic)
	if !s.queueState(q).routable {
		t.Error("not routable with a subscription")
	}
}

func TestTheJobsOfALostQueueGoToOthersOnce(t *testing.T) {
	for _, goes := range []struct {
		name string
		how  func(s *stage, q *peer)
	}{
		{"silent", func(s *stage, q *peer) { q.silent = true; s.run(3200 * ms) }},
		{"left", func(s *stage, q *peer) { q.Farewell(s.now, "bye"); q.silent = true; s.run(20 * ms) }},
	} {
		t.Run(goes.name, func(t *testing.T) {
			s := newStage(t)
			f, a, b := s.frontend("f1", 20), s.queue("queueA", 10), s.queue("queueB", 11)
			f.give(1, 101)
			first := a.took(wire.TypeJob)
			b.took(wire.TypeJob)
			goes.how(s, a)
			s.consistent()
			again := b.took(wire.TypeJob)
			if len(first) != 50 || len(again) != 50 {
				t.Fatalf("queueA had %d jobs, queueB has got %d of them", len(first), len(again))
			}
			for _, m := range again {
				i := slices.IndexFunc(first, func(o *wire.Message) bool { return o.Job == m.Job })
				if i < 0 || m.Assignment <= first[i].Assignment || m.Flags&wire.FlagResent == 0 || b.handed[m.Job] != 1 {
					t.Errorf("job %s went on with assignment %d, flags %d, %d times", m.Job, m.Assignment, m.Flags, b.handed[m.Job])
				}
			}
			if len(s.m.queues) != 1 || s.m.requests.Len() != 1 || s.m.places.Len() != 1 {
				t.Errorf("%d queues are left, %d and %d in the rings", len(s.m.queues), s.m.requests.Len(), s.m.places.Len())
			}
		})
	}
}

func TestAQueueThatBeginsAnewGetsItsJobsOnlyOnceItKnowsTheLink(t *testing.T) {
	s := newStage(t)
	f, a := s.frontend("f1", 20), s.queue("queueA", 10)
	s.queue("queueB", 11)
	f.give(1, 201)
	for _, p := range s.peers {
		clear(p.handed)
	}
	// A HELLO with a new epoch, and the queue does not know the broker's answer yet.
	hello := &wire.Message{Header: wire.Header{
		Type: wire.TypeHello, Sender: 10, LinkEpoch: a.Epoch() + 1, CreditCount: 4096, CreditBytes: 1 << 28,
	}}
	hello.SetBody(a.announce())
	a.silent = true
	s.receive(LinkResponses, "", hello.Frames())
	s.consistent()
	if n := len(a.handed); n != 0 {
		t.Errorf("%d jobs were sent on a link that the queue has not confirmed", n)
	}
	for id, n := range s.peers[2].handed {
		if n != 1 {
			t.Errorf("job %s was sent %d times", id, n)
		}
	}
}

func TestMessagesThatAQueueSentBeforeTheBrokerStoppedAreNoReasonToPanic(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queue("queueA", 10)
	var late []struct {
		p      *peer
		frames [][]byte
	}
	for _, p := range []*peer{q, f} {
		m := &wire.Message{Header: wire.Header{
			Type: wire.TypeHello, Sender: p.member.Incarnation, Receiver: 1, LinkEpoch: p.Epoch(), SentMillis: uint64(s.now.Milliseconds()),
		}}
		m.SetBody(p.announce())
		late = append(late, struct {
			p      *peer
			frames [][]byte
		}{p, m.Frames()})
	}
	s.now += 5 * time.Second // the broker has not run
	for _, l := range late {
		s.receive(l.p.link, "", l.frames)
	}
	s.run(5 * time.Second)
	s.consistent()
	f.give(1, 2)
	if n := len(q.took(wire.TypeJob)); n != 1 {
		t.Errorf("the queue was given %d jobs afterwards, want one", n)
	}
}

func TestOneHelloWithAnyNumberCostsNothing(t *testing.T) {
	s := newStage(t)
	for _, seq := range []uint64{1 << 40, 1 << 63, 1<<64 - 1} {
		body, _ := json.Marshal(wire.Member{Role: wire.RoleFrontend, Name: "x", Incarnation: 99, Endpoints: map[string]string{"replies": "x"}})
		m := &wire.Message{Header: wire.Header{Type: wire.TypeHello, Sender: 99, LinkEpoch: 1, LinkSeq: seq}}
		m.SetBody(body)
		s.receive(LinkFrontends, "", m.Frames()) // counting up to that number would not end
	}
	s.run(time.Second)
	if len(s.m.frontends) != 1 {
		t.Errorf("%d frontends", len(s.m.frontends))
	}
}

func TestAHelloThatMakesNoSenseIsRefused(t *testing.T) {
	good := func(link bool) wire.Member {
		if link {
			return wire.Member{Role: wire.RoleQueue, Name: "q", Incarnation: 99, Endpoints: map[string]string{"workers": "w"}}
		}
		return wire.Member{Role: wire.RoleFrontend, Name: "f", Incarnation: 99, Endpoints: map[string]string{"replies": "r"}}
	}
	for _, c := range []struct {
		name   string
		change func(*wire.Member)
	}{
		{"another role", func(m *wire.Member) { m.Role = wire.RoleWorker }},
		{"another's incarnation", func(m *wire.Member) { m.Incarnation = 98 }},
		{"a bad name", func(m *wire.Member) { m.Name = "../x" }},
		{"no name", func(m *wire.Member) { m.Name = "" }},
		{"no endpoint", func(m *wire.Member) { m.Endpoints = nil }},
	} {
		for _, queue := range []bool{false, true} {
			s := newStage(t)
			member := good(queue)
			c.change(&member)
			body, _ := json.Marshal(member)
			hello := &wire.Message{Header: wire.Header{Type: wire.TypeHello, Sender: 99, LinkEpoch: 1}}
			hello.SetBody(body)
			link := LinkFrontends
			if queue {
				link = LinkResponses
			}
			s.sent = nil
			s.receive(link, "", hello.Frames())
			if len(s.m.frontends)+len(s.m.queues) != 0 || s.m.MalformedCount() != 1 || len(s.sent) != 0 {
				t.Errorf("%s (queue: %t): %d frontends, %d queues, %d counted, %d effects",
					c.name, queue, len(s.m.frontends), len(s.m.queues), s.m.MalformedCount(), len(s.sent))
			}
		}
	}
}

func TestTypesThatAPeerMustNotSendAreCounted(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queue("queueA", 10)
	f.say(wire.Header{Type: wire.TypeResult}, wire.Meta{})
	q.say(wire.Header{Type: wire.TypeCancel}, wire.Meta{})
	if s.m.MalformedCount() != 2 {
		t.Errorf("%d were counted, want 2", s.m.MalformedCount())
	}
	for _, frames := range [][][]byte{{{}}, {{2, 'x'}}, {{1}}, {{1, 'x'}}, {[]byte("\x01queueA/xyz/")}, {{1, 'a'}, {}}} {
		before := s.m.MalformedCount()
		s.receive(LinkJobs, "", frames)
		if s.m.MalformedCount() != before+1 {
			t.Errorf("subscription %q is not counted", frames)
		}
	}
	if err := s.m.subscription(s.now, [][]byte{{7}}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a subscription that is none: %v", err)
	}
}

func TestWhatTheBrokerTellsOfItself(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	f.give(1, 3)
	s.queueWith("queueB", 11, job.Window{Count: 1, Bytes: 1 << 20})
	s.queueWith("queueA", 10, job.Window{})
	state := s.m.state()
	b := state.Broker
	if b.Holding != 2 || b.Unrouted != 1 || b.Accepted != 2 || b.Answered != 0 || strings.Join(b.Queues, " ") != "queueA queueB" || state.Draining {
		t.Errorf("state %+v", b)
	}
	if s.m.Drained() {
		t.Error("drained with two jobs open")
	}
	s.m.Drain(s.now)
	s.pump()
	if !s.m.state().Draining {
		t.Error("a draining broker does not say so")
	}
}
