package cluster

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// command gives the agent a command, and returns the replies published and how
// often do was called.
func (m *member) command(c wire.Command) (replies []wire.Reply, done int) {
	m.t.Helper()
	ok, err := m.Command(wire.EncodeBus(wire.CommandTopic(me), c), func(c *wire.Command) wire.Reply {
		done++
		return wire.Reply{OK: true, Text: c.Verb}
	})
	if !ok || err != nil {
		m.t.Fatalf("the command is refused: %t, %v", ok, err)
	}
	for _, e := range m.take() {
		var r wire.Reply
		if err := wire.DecodeBus(e.Frames, &r); err != nil || string(e.Frames[0]) != wire.ReplyTopic(c.ReplyTo) {
			m.t.Fatalf("answered on %s: %v", e.Frames[0], err)
		}
		replies = append(replies, r)
	}
	return replies, done
}

func TestACommandIsCarriedOutOnceHoweverOftenItComes(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.join(0)
	c := wire.Command{ID: 7, ReplyTo: 8, Verb: "first"}
	for i := range 3 {
		replies, done := m.command(c)
		if want := 1 - min(i, 1); done != want {
			t.Errorf("time %d: carried out %d times, want %d", i+1, done, want)
		}
		if len(replies) != 2 { // at each coordinator
			t.Fatalf("time %d: %d replies, want one by each coordinator", i+1, len(replies))
		}
		for _, r := range replies {
			if r.Command != 7 || !r.OK || r.Text != "first" {
				t.Errorf("time %d: answered %+v", i+1, r)
			}
		}
		c.Verb, c.ReplyTo = "other", 9 // the id counts; whoever asks is answered
	}
	if _, done := m.command(wire.Command{ID: 6, ReplyTo: 8}); done != 1 {
		t.Errorf("another command is carried out %d times", done)
	}
}

func TestTheMemoryOfRepliesIsBounded(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	for id := range wire.Incarnation(3 * maxReplies) {
		if _, done := m.command(wire.Command{ID: id + 1, ReplyTo: 8}); done != 1 {
			t.Fatalf("command %d is carried out %d times", id+1, done)
		}
	}
	if a, b := len(m.replies.byID), len(m.replies.order); a != maxReplies || b != maxReplies {
		t.Errorf("%d and %d replies are kept, want %d", a, b, maxReplies)
	}
	const last = 3 * maxReplies
	for _, c := range []struct {
		id   wire.Incarnation
		done int
	}{{last, 0}, {last - maxReplies + 1, 0}, {last - maxReplies, 1}} {
		if _, done := m.command(wire.Command{ID: c.id, ReplyTo: 8}); done != c.done {
			t.Errorf("command %d of %d is carried out %d times more, want %d", c.id, last, done, c.done)
		}
	}
}

func TestWhatIsNoCommandForThisMemberIsNotCarriedOut(t *testing.T) {
	good := wire.Command{ID: 7, ReplyTo: 8}
	for _, c := range []struct {
		name   string
		frames [][]byte
		ok     bool
		err    bool
	}{
		{"of another", wire.EncodeBus(wire.CommandTopic(me+1), good), false, false},
		{"no command at all", wire.EncodeBus(wire.TakeTopic(me), good), false, false},
		{"a longer topic", wire.EncodeBus(wire.CommandTopic(me)+"x", good), false, false},
		{"no JSON", [][]byte{[]byte(wire.CommandTopic(me)), []byte("{")}, true, true},
		{"no value", [][]byte{[]byte(wire.CommandTopic(me))}, true, true},
		{"without id", wire.EncodeBus(wire.CommandTopic(me), wire.Command{ReplyTo: 8}), true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMember(t, nil)
			m.join(0)
			ok, err := m.Command(c.frames, func(*wire.Command) wire.Reply {
				t.Error("it is carried out")
				return wire.Reply{}
			})
			if ok != c.ok || (err != nil) != c.err || err != nil && !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("got %t, %v", ok, err)
			}
			m.expectSent()
		})
	}
}

func TestACommandLineAnswersAsAnAgentDoes(t *testing.T) {
	var l CommandLine
	done := 0
	do := func(c *wire.Command) wire.Reply {
		done++
		return wire.Reply{OK: true, Text: c.Verb}
	}
	for range 2 {
		frames, err := l.Answer(time.Time{}, wire.EncodeBus(wire.CommandTopic(me), wire.Command{ID: 7, ReplyTo: 8, Verb: "v"}), do)
		if err != nil || string(frames[0]) != wire.ReplyTopic(8) {
			t.Fatalf("answered on %q, %v", frames, err)
		}
		var r wire.Reply
		if err := wire.DecodeBus(frames, &r); err != nil || r != (wire.Reply{Command: 7, OK: true, Text: "v"}) {
			t.Errorf("answered %+v, %v", r, err)
		}
	}
	frames, err := l.Answer(time.Time{}, wire.EncodeBus("t", wire.Command{}), do)
	if !errors.Is(err, wire.ErrMalformed) || frames != nil {
		t.Errorf("nonsense is answered by %q, %v", frames, err)
	}
	if done != 1 {
		t.Errorf("carried out %d times", done)
	}
}

func TestACrashComesAfterTheReplyIsOutAndNotBefore(t *testing.T) {
	var none, c Crash
	var timer role.Timer
	timer.Reset(second)
	if none.Due(time.Hour, &timer) {
		t.Error("a crash that nobody has asked for is due")
	}
	if timer.At() < time.Hour {
		t.Errorf("a crash that nobody has asked for wants to be looked at at %v", timer.At())
	}
	c.Ask(second, &timer)
	if timer.At() != second+crashAfter {
		t.Errorf("looked at at %v, want after %v", timer.At()-second, crashAfter)
	}
	timer.Reset(second + crashAfter - 1)
	if c.Due(second+crashAfter-1, &timer) {
		t.Error("due before its time")
	}
	if timer.At() > second+2*crashAfter {
		t.Errorf("looked at again at %v", timer.At())
	}
	if !c.Due(second+crashAfter, &timer) {
		t.Error("not due at its time")
	}
}

// watchedEvents makes an agent whose events are wanted, and a way to take those published.
func watchedEvents(t *testing.T) (m *member, events func() []wire.Event) {
	m = newMember(t, nil)
	m.join(0)
	m.wanted(0, "coordinator0", 1, wire.TopicEvent)
	return m, func() (list []wire.Event) {
		for _, e := range m.take() {
			var v wire.Event
			if err := wire.DecodeBus(e.Frames, &v); err != nil {
				t.Fatal(err)
			}
			list = append(list, v)
		}
		return list
	}
}

func TestEventsAreNumberedAndSayWhoseTheyAre(t *testing.T) {
	m, events := watchedEvents(t)
	for range 3 {
		m.Event(second, wire.Event{Role: wire.RoleQueue, Name: "me", From: 99, Number: 99})
	}
	for i, e := range events() {
		if e.From != me || e.Number != uint64(i+1) {
			t.Errorf("event %d comes from %v as number %d", i+1, e.From, e.Number)
		}
	}
	m.wanted(second, "coordinator0", 0, wire.TopicEvent)
	m.Event(second, wire.Event{})
	m.wanted(second, "coordinator0", 1, wire.TopicEvent)
	m.Event(second, wire.Event{})
	if got := events(); len(got) != 1 || got[0].Number != 4 {
		t.Errorf("got %+v, want number 4: one that nobody wanted has none", got)
	}
}

func TestFiftyEventsASecondAndTheNumberLeftOut(t *testing.T) {
	m, events := watchedEvents(t)
	for range 2 * eventsPerSecond {
		m.Event(10*second, wire.Event{Text: "text"})
	}
	if got := events(); len(got) != 50 {
		t.Errorf("%d events at once, want 50", len(got))
	}
	m.Event(11*second-1, wire.Event{Text: "text"})
	if got := events(); len(got) != 0 {
		t.Errorf("%d events more within the second", len(got))
	}
	m.Event(11*second, wire.Event{Text: "text"})
	m.Event(11*second, wire.Event{Text: "text"})
	got := events()
	if len(got) != 2 {
		t.Fatalf("%d events in the next second", len(got))
	}
	if want := "text (51 events before this one were left out)"; got[0].Text != want || got[1].Text != "text" {
		t.Errorf("texts %q and %q, want %q and then nothing more of it", got[0].Text, got[1].Text, want)
	}
	if got[0].Number != 51 {
		t.Errorf("number %d: those left out have none", got[0].Number)
	}
	for range 2 * eventsPerSecond { // a second from the first of it, not from the last
		m.Event(11*second, wire.Event{})
	}
	if n := len(events()); n != 48 {
		t.Errorf("%d more events in that second, want 48", n)
	}
}

func TestDetailThatDiffersIsPublishedSoonIfWatched(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	m.wanted(0, "coordinator0", 1, wire.TopicDetail)
	m.Tick(10 * second)
	m.take()
	m.DetailChanged()
	due := 10*second + publishGap
	if m.Wake() != due {
		t.Errorf("awake at %v, want %v", m.Wake(), due)
	}
	m.Tick(due - 1)
	m.expectSent()
	m.Tick(due)
	m.expectSent("state to coordinator0", "detail to coordinator0")
	m.Tick(due + publishGap)
	m.expectSent() // once
	if want := due + publishEvery; m.Wake() != want {
		t.Errorf("awake at %v, want %v", m.Wake(), want)
	}
	m.Changed()
	m.Tick(due + 2*publishGap)
	m.expectSent("state to coordinator0") // numbers alone can wait

	m.wanted(20*second, "coordinator0", 0, wire.TopicDetail)
	m.DetailChanged()
	m.Tick(30 * second)
	m.expectSent("state to coordinator0")
}

func TestHeardIsTheVeryTopic(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.join(0)
	topic := wire.CommandTopic(7)
	if m.Heard(topic) {
		t.Error("heard before anybody has subscribed")
	}
	m.wanted(0, "coordinator1", 1, wire.CommandTopic(8))
	if m.Heard(topic) || !m.Watched(wire.TopicCommand) {
		t.Error("another's topic is taken for it")
	}
	m.wanted(0, "coordinator1", 1, topic)
	if !m.Heard(topic) {
		t.Error("not heard by the second coordinator")
	}
	m.wanted(0, "coordinator1", 0, topic)
	if m.Heard(topic) {
		t.Error("heard after the subscription has ended")
	}
}

func TestReachablePicksTheTransport(t *testing.T) {
	m := &wire.Member{Endpoints: map[string]string{"publish": "inproc://p", "publish-tcp": "tcp://p", "publish-ipc": "ipc://p"}}
	for at, want := range map[string]string{
		"tcp://c": "tcp://p", "ipc://c": "ipc://p", "inproc://c": "inproc://p", "ws://c": "inproc://p", "": "inproc://p",
	} {
		if got := reachable(m, "publish", at); got != want {
			t.Errorf("from %q: %q, want %q", at, got, want)
		}
	}
	if got := reachable(&wire.Member{}, "publish", "tcp://c"); got != "" {
		t.Errorf("of one that says nothing: %q", got)
	}
}

func TestTheCoordinatorIsPublishedToByItsOwnTransport(t *testing.T) {
	m := newMember(t, nil)
	m.Start(0)
	m.take()
	s := snapshotOf(0)
	s.Coordinator = wire.Member{Role: wire.RoleCoordinator, Endpoints: map[string]string{"publish": "inproc://p", "publish-tcp": "tcp://p:1"}}
	if _, err := m.hear(0, "coordinator0", wire.SnapshotTopic(m.coordinators[0].token), s); err != nil {
		t.Fatal(err)
	}
	got := m.take()
	if len(got) != 1 || got[0].Op != role.OpDial || got[0].Endpoint != "tcp://p:1" {
		t.Errorf("effects %+v, want a call to tcp://p:1", got)
	}
}

func operatorOf(t *testing.T) *member {
	m := newMember(t, func(c *AgentConfig) {
		twoCoordinators(c)
		c.State, c.Detail = nil, nil
	})
	m.Start(0)
	m.take()
	return m
}

func TestAnOperatorKnowsWhomEachCoordinatorKnows(t *testing.T) {
	m := operatorOf(t)
	if got := m.Seen(); len(got) != 0 {
		t.Errorf("%+v are seen before they have answered", got)
	}
	peer := wire.State{Member: wire.Member{Role: wire.RoleCoordinator, Name: "c", Incarnation: 9}, Sequence: 1}
	m.snapshot(0, "coordinator1", "tcp://c1:5556", queueState("q", 1, 1), peer)
	s := queueState("r", 2, 1)
	if _, err := m.hear(0, "coordinator1", s.Topic(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := m.hear(0, "coordinator0", s.Topic(), s); err != nil { // has not sent its snapshot yet
		t.Fatal(err)
	}
	got := m.Seen()
	if len(got) != 1 || got[0].Endpoint != "tcp://c1:5555" || got[0].Self.Name != "coordinator1" {
		t.Fatalf("seen %+v, want the second", got)
	}
	if want := map[wire.Incarnation]struct{}{1: {}, 2: {}}; fmt.Sprint(got[0].Members) != fmt.Sprint(want) {
		t.Errorf("it knows %v, want queues 1 and 2, no coordinator", got[0].Members)
	}
}

func TestWhatIsRememberedOfWhomACoordinatorKnowsIsBoundedAndForOperators(t *testing.T) {
	operator, plain := operatorOf(t), newMember(t, twoCoordinators)
	plain.join(0)
	for _, m := range []*member{operator, plain} {
		c := m.coordinators[0]
		for i := range wire.Incarnation(maxNoted + 10) {
			m.note(c, &wire.State{Member: wire.Member{Role: wire.RoleQueue, Incarnation: i}})
		}
	}
	if n := len(operator.coordinators[0].members); n != maxNoted {
		t.Errorf("%d are remembered, want %d", n, maxNoted)
	}
	if n := len(plain.coordinators[0].members); n != 0 {
		t.Errorf("a member remembers %d", n)
	}
}

func TestAnOperatorPublishesNoStateEvenIfItIsWanted(t *testing.T) {
	m := operatorOf(t)
	m.snapshot(0, "coordinator0", "tcp://c0:5556")
	m.take()
	m.wanted(0, "coordinator0", 1, wire.TopicState)
	m.wanted(0, "coordinator0", 1, wire.TopicDetail)
	m.Changed()
	m.DetailChanged()
	m.Tick(second)
	m.expectSent()
	if m.Wake() != role.Never {
		t.Errorf("awake at %v, want never", m.Wake())
	}
	m.Send(wire.EncodeBus(wire.CommandTopic(1), wire.Command{}))
	m.expectSent("command to coordinator0")
}

func TestDetailsWithTooManyJobsAreRefused(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	m.snapshot(0, "coordinator0", "tcp://c0:5556", queueState("q", 7, 1))
	d := wire.Detail{Role: wire.RoleQueue, Name: "q", Incarnation: 7, Sequence: 1, Jobs: make([]wire.JobDetail, wire.MaxJobs+1)}
	if _, err := m.hear(0, "coordinator0", d.Topic(), d); !errors.Is(err, wire.ErrMalformed) || m.View.Get(7).Detail != nil {
		t.Errorf("%v, want it refused", err)
	}
	d.Jobs = d.Jobs[1:]
	if _, err := m.hear(0, "coordinator0", d.Topic(), d); err != nil || m.View.Get(7).Detail == nil {
		t.Errorf("%v, want it taken", err)
	}
}
