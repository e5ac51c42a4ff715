package cluster

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

const (
	linkSubscribe role.Link = 1
	linkPublish   role.Link = 2
	me                      = wire.Incarnation(0xabc0)
)

// A member is an agent, with its effects and what it has to say.
type member struct {
	*Agent
	t       *testing.T
	effects []role.Effect
	asked   int // how often its state was wanted
}

func newMember(t *testing.T, change func(*AgentConfig)) *member {
	m := &member{t: t}
	cfg := AgentConfig{
		Self: me, Coordinators: []string{"tcp://c0:5555"}, Subscribe: linkSubscribe, Publish: linkPublish,
		Topics: []string{wire.TopicState + "queue/", wire.TakeTopic(me)},
		State: func() wire.State {
			m.asked++
			return queueState("me", me, 0)
		},
		Detail: func() wire.Detail { return wire.Detail{Role: wire.RoleQueue, Name: "me", Incarnation: me} },
		Emit:   func(e role.Effect) { m.effects = append(m.effects, e) },
		Wall:   func() time.Time { return time.UnixMilli(1_700_000_000_000) },
	}
	if change != nil {
		change(&cfg)
	}
	m.Agent = NewAgent(cfg)
	return m
}

func twoCoordinators(c *AgentConfig) { c.Coordinators = []string{"tcp://c0:5555", "tcp://c1:5555"} }

// take returns what was asked for since the last call.
func (m *member) take() []role.Effect {
	e := m.effects
	m.effects = nil
	return e
}

// sent returns the topics published since the last call, each with its peer.
func (m *member) sent() []string {
	m.t.Helper()
	var s []string
	for _, e := range m.take() {
		if e.Op != role.OpSend || e.Link != linkPublish || len(e.Frames) != 2 {
			m.t.Fatalf("effect %+v, want something published", e)
		}
		kind, _, _ := strings.Cut(string(e.Frames[0]), "/")
		s = append(s, kind+" to "+e.Peer)
	}
	return s
}

func (m *member) expectSent(want ...string) {
	m.t.Helper()
	if got := m.sent(); !slices.Equal(got, want) {
		m.t.Errorf("published %v, want %v", got, want)
	}
}

// hear gives the agent a message from a coordinator's XPUB.
func (m *member) hear(now role.Time, peer, topic string, v any) (bool, error) {
	return m.Receive(now, role.Packet{Link: linkSubscribe, Peer: peer, Frames: wire.EncodeBus(topic, v)})
}

// wanted gives the agent a subscription (1) from a coordinator's XSUB, or its end (0).
func (m *member) wanted(now role.Time, peer string, on byte, topic string) {
	m.t.Helper()
	rest, err := m.Receive(now, role.Packet{Link: linkPublish, Peer: peer, Frames: [][]byte{append([]byte{on}, topic...)}})
	if rest || err != nil {
		m.t.Fatalf("a subscription is returned: %t, %v", rest, err)
	}
}

// snapshot has a coordinator send the snapshot that the agent has subscribed to.
func (m *member) snapshot(now role.Time, peer, endpoint string, states ...wire.State) {
	m.t.Helper()
	s := snapshotOf(0, states...)
	s.Coordinator = wire.Member{Role: wire.RoleCoordinator, Name: peer, Endpoints: map[string]string{"publish": endpoint}}
	rest, err := m.hear(now, peer, wire.SnapshotTopic(m.find(peer).token), s)
	if rest || err != nil {
		m.t.Fatalf("a snapshot is returned: %t, %v", rest, err)
	}
}

// join brings the agent to where it publishes at all coordinators.
func (m *member) join(now role.Time) {
	m.t.Helper()
	m.Start(now)
	for i, c := range m.coordinators {
		m.snapshot(now, c.key, fmt.Sprintf("tcp://c%d:5556", i))
	}
	m.take()
}

func TestSnapshotIsSubscribedToLast(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.Start(0)
	var want []role.Effect
	tokens := make(map[string]bool)
	for i, c := range m.coordinators {
		to := role.Packet{Link: linkSubscribe, Peer: fmt.Sprint("coordinator", i)}
		want = append(want, role.Effect{Op: role.OpDial, Packet: to, Endpoint: fmt.Sprintf("tcp://c%d:5555", i)})
		for _, topic := range append(slices.Clone(m.Topics), wire.SnapshotTopic(c.token)) {
			want = append(want, role.Effect{Op: role.OpSubscribe, Packet: to, Topic: topic})
		}
		tokens[wire.SnapshotTopic(c.token)] = true
	}
	if got := m.take(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(tokens) != 2 {
		t.Error("both coordinators' snapshots come on one topic")
	}
	if len(m.Topics) != 2 {
		t.Errorf("the topics have become %v", m.Topics)
	}
}

func TestSnapshotFillsTheViewAndSaysWhereToPublish(t *testing.T) {
	m := newMember(t, nil)
	m.Start(0)
	m.take()
	m.Tick(0)
	m.expectSent() // nobody to publish to yet
	m.snapshot(second, "coordinator0", "tcp://c0:5556", queueState("q", 7, 3))
	want := []role.Effect{{Op: role.OpDial, Packet: role.Packet{Link: linkPublish, Peer: "coordinator0"}, Endpoint: "tcp://c0:5556"}}
	if got := m.take(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if e := m.View.Get(7); e == nil || e.State.Name != "q" {
		t.Errorf("the view has %+v", e)
	}
	if len(m.Seen()) != 1 {
		t.Errorf("%d snapshots, want 1", len(m.Seen()))
	}
	m.snapshot(second, "coordinator0", "tcp://c0:5556")
	if got := m.take(); len(got) > 0 || len(m.Seen()) != 1 {
		t.Errorf("the same coordinator's second snapshot brings %+v and a count of %d", got, len(m.Seen()))
	}
	m.snapshot(second, "coordinator0", "")
	if got := m.take(); len(got) > 0 {
		t.Errorf("a snapshot without an endpoint brings %+v", got)
	}
}

func TestStateGoesOutAtMostTwentyTimesASecond(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	last, n := role.Time(-second), 0
	for now := role.Time(0); now < 10*second; now += time.Millisecond {
		m.Changed()
		if m.Wake() > now {
			continue
		}
		m.Tick(now)
		for _, s := range m.sent() {
			if s != "state to coordinator0" {
				t.Fatalf("published %q", s)
			}
			if now-last < publishGap {
				t.Fatalf("states at %v and %v", last, now)
			}
			last = now
			n++
		}
	}
	if n != 200 {
		t.Errorf("%d states in ten seconds of steady change, want 200", n)
	}
}

func TestChangeIsPublishedSoon(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	m.Tick(0)
	m.take()
	if m.Tick(500 * time.Millisecond); len(m.take()) > 0 {
		t.Error("a state was published that is neither new nor due")
	}
	m.Changed()
	if got := m.Wake(); got > 500*time.Millisecond {
		t.Errorf("a change after a quiet while is published at %v, want at once", got)
	}
	m.Tick(500 * time.Millisecond)
	m.expectSent("state to coordinator0")
	m.Changed()
	if got := m.Wake(); got != 550*time.Millisecond {
		t.Errorf("the next change is published at %v, want 550ms", got)
	}
}

func TestIdleMemberPublishesOneStateASecond(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	n, ticks := 0, 0
	for now := role.Time(0); now < time.Minute; ticks++ {
		m.Tick(now)
		for _, s := range m.sent() {
			if s != "state to coordinator0" {
				t.Fatalf("published %q though nobody watches", s)
			}
			n++
		}
		next := m.Wake()
		if next <= now {
			t.Fatalf("at %v the next tick is wanted at %v", now, next)
		}
		now = next
	}
	if n != 60 || ticks > 121 || m.asked != n {
		t.Errorf("%d states in a minute by %d ticks, asked for %d times, want 60", n, ticks, m.asked)
	}
}

func TestStatesAreNumbered(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	for i := range uint64(5) {
		m.Tick(role.Time(i) * second)
		var s wire.State
		if err := wire.DecodeBus(m.take()[0].Frames, &s); err != nil || s.Sequence != i+1 || s.Left {
			t.Errorf("state %d: %+v, %v", i, s, err)
		}
		// A member sees itself too.
		if e := m.View.Get(me); e == nil || e.State.Sequence != i+1 || e.At != role.Time(i)*second {
			t.Errorf("its own view has %+v", e)
		}
	}
	m.Leave(5 * second)
	var s wire.State
	if err := wire.DecodeBus(m.take()[0].Frames, &s); err != nil || s.Sequence != 6 || !s.Left {
		t.Errorf("the last state is %+v, %v", s, err)
	}
}

func TestDetailAndEventsGoOutOnlyWhileSomebodyWatches(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	event := wire.Event{Role: wire.RoleQueue, Name: "me", Kind: "worker-joined"}
	minute := func(from role.Time) (n int) {
		for now := from; now < from+10*second; now = m.Wake() {
			m.Tick(now)
			m.Event(now, event)
			for _, s := range m.sent() {
				if s != "state to coordinator0" {
					n++
				}
			}
		}
		return n
	}
	if n := minute(0); n > 0 {
		t.Errorf("%d details or events while nobody watches", n)
	}
	m.wanted(10*second, "coordinator0", 1, wire.TopicDetail)
	m.expectSent("detail to coordinator0") // whoever watches need not wait a second
	if n := minute(10*second + 1); n < 9 || n > 11 {
		t.Errorf("%d details in ten seconds", n)
	}
	m.Event(20*second, event)
	m.expectSent() // events are wanted apart
	m.wanted(20*second, "coordinator0", 1, wire.TopicEvent+"queue/")
	m.Event(20*second, event)
	frames := m.take()[0].Frames
	var e wire.Event
	if err := wire.DecodeBus(frames, &e); err != nil || e.Millis != 1_700_000_000_000 || string(frames[0]) != e.Topic() {
		t.Errorf("event %+v on %s, %v", e, frames[0], err)
	}
	m.wanted(21*second, "coordinator0", 0, wire.TopicDetail)
	m.wanted(21*second, "coordinator0", 0, wire.TopicEvent+"queue/")
	if n := minute(21 * second); n > 0 {
		t.Errorf("%d details or events after nobody watches any more", n)
	}
}

func TestWatchedComparesPrefixesEitherWay(t *testing.T) {
	for _, c := range []struct {
		topic string
		want  bool
	}{
		{wire.TopicEvent, true}, {wire.TopicEvent + "queue/", true}, {"event", true}, {"", true},
		{wire.TopicDetail, false}, {"events/", false}, {"e/", false},
	} {
		m := newMember(t, nil)
		m.join(0)
		m.wanted(0, "coordinator0", 1, c.topic)
		if got := m.Watched(wire.TopicEvent); got != c.want {
			t.Errorf("subscribed to %q: events watched %t, want %t", c.topic, got, c.want)
		}
	}
}

func TestWhoeverWantsStatesGetsOneAtOnce(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	m.Tick(0)
	m.take()
	m.wanted(10*time.Millisecond, "coordinator0", 1, wire.TopicState)
	m.expectSent("state to coordinator0")
	m.wanted(20*time.Millisecond, "coordinator0", 1, wire.TopicTake)
	m.wanted(20*time.Millisecond, "coordinator0", 0, wire.TopicState)
	m.expectSent()
}

func TestMemberWithoutDetailHasNone(t *testing.T) {
	m := newMember(t, func(c *AgentConfig) { c.Detail = nil })
	m.join(0)
	m.wanted(0, "coordinator0", 1, wire.TopicDetail)
	for now := role.Time(0); now < 5*second; now = m.Wake() {
		m.Tick(now)
	}
	for _, s := range m.sent() {
		if s != "state to coordinator0" {
			t.Errorf("published %q", s)
		}
	}
}

func TestAnOperatorPublishesNothingByItself(t *testing.T) {
	m := newMember(t, func(c *AgentConfig) { c.State, c.Detail = nil, nil })
	m.join(0)
	m.snapshot(0, "coordinator0", "tcp://elsewhere:1", queueState("q", 7, 1))
	m.take() // it dials
	m.wanted(0, "coordinator0", 1, wire.TopicState)
	m.wanted(0, "coordinator0", 1, wire.TopicDetail)
	m.Tick(time.Hour)
	if got := m.take(); len(got) > 0 {
		t.Errorf("effects %+v", got)
	}
	if m.Wake() < 100*365*24*time.Hour {
		t.Errorf("it wants to be woken at %v", m.Wake())
	}
}

func TestTwoCoordinatorsEachGetEverything(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.join(0)
	if len(m.Seen()) != 2 {
		t.Errorf("%d snapshots, want 2", len(m.Seen()))
	}
	m.Tick(0)
	m.expectSent("state to coordinator0", "state to coordinator1")
	m.wanted(0, "coordinator1", 1, wire.TopicEvent) // whoever watches sits at one of them
	m.Event(0, wire.Event{})
	m.expectSent("event to coordinator0", "event to coordinator1")
	m.Leave(0)
	m.expectSent("state to coordinator0", "state to coordinator1")

	// The same state by both counts once.
	for i, peer := range []string{"coordinator0", "coordinator1"} {
		s := queueState("q", 7, 3)
		if rest, err := m.hear(role.Time(i)*second, peer, s.Topic(), s); rest || err != nil {
			t.Fatal(rest, err)
		}
	}
	if e := m.View.Get(7); e.At != 0 {
		t.Errorf("current at %v, want 0s", e.At)
	}
}

func TestOneCoordinatorOfTwoIsEnough(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.Start(0)
	m.snapshot(0, "coordinator1", "tcp://c1:5556")
	m.take()
	m.Tick(0)
	m.expectSent("state to coordinator1")
}

func TestCoordinatorThatCameBackElsewhereIsDialledAnew(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.join(0)
	m.wanted(0, "coordinator0", 1, wire.TopicEvent)
	m.snapshot(second, "coordinator0", "tcp://c0:9999")
	want := []role.Effect{{Op: role.OpDial, Packet: role.Packet{Link: linkPublish, Peer: "coordinator0"}, Endpoint: "tcp://c0:9999"}}
	if got := m.take(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if m.Watched(wire.TopicEvent) {
		t.Error("the subscriptions of the coordinator before are remembered")
	}
	m.wanted(second, "coordinator0", 1, wire.TopicEvent)
	if !m.Watched(wire.TopicEvent) {
		t.Error("those of the new one are not")
	}
}

func TestStatesDetailsAndSnapshotsGoIntoTheViewTheRestToTheRole(t *testing.T) {
	m := newMember(t, nil)
	m.join(0)
	s := queueState("q", 7, 1)
	d := wire.Detail{Role: wire.RoleQueue, Name: "q", Incarnation: 7, Sequence: 1}
	e := wire.Event{Role: wire.RoleQueue, Name: "q"}
	for _, c := range []struct {
		topic string
		v     any
		rest  bool
	}{
		{s.Topic(), s, false}, {d.Topic(), d, false}, {e.Topic(), e, true}, {wire.TakeTopic(me), wire.Take{Taker: 7}, true},
		{wire.SnapshotTopic(me + 99), wire.Snapshot{}, true}, // somebody else's
		{"novelty/", struct{}{}, true},
	} {
		rest, err := m.hear(second, "coordinator0", c.topic, c.v)
		if rest != c.rest || err != nil {
			t.Errorf("%s: for the role %t, %v, want %t", c.topic, rest, err, c.rest)
		}
	}
	if got := m.View.Get(7); got == nil || got.State.Sequence != 1 || got.At != second || got.Detail == nil {
		t.Errorf("the view has %+v", got)
	}
	if len(m.Seen()) != 1 {
		t.Error("somebody else's snapshot was taken for its own")
	}
}

// known copies what a view knows.
func known(v *View) map[wire.Incarnation]Entry {
	k := make(map[wire.Incarnation]Entry)
	for inc, e := range v.entries {
		k[inc] = *e
	}
	return k
}

func TestMalformedPacketsChangeNothing(t *testing.T) {
	m := newMember(t, twoCoordinators)
	m.join(0)
	m.wanted(0, "coordinator0", 1, wire.TopicEvent)
	s := queueState("q", 7, 5)
	if _, err := m.hear(0, "coordinator0", s.Topic(), s); err != nil {
		t.Fatal(err)
	}
	m.take()
	later := queueState("q", 7, 6)
	mine := wire.SnapshotTopic(m.coordinators[0].token)
	text := func(parts ...string) [][]byte {
		var f [][]byte
		for _, p := range parts {
			f = append(f, []byte(p))
		}
		return f
	}
	before := known(&m.View)
	for _, c := range []struct {
		name string
		link role.Link
		peer string
		f    [][]byte
	}{
		{"no frames", linkSubscribe, "coordinator0", nil},
		{"from nowhere", linkSubscribe, "coordinator2", wire.EncodeBus(later.Topic(), later)},
		{"from nobody", linkSubscribe, "", wire.EncodeBus(later.Topic(), later)},
		{"state without a value", linkSubscribe, "coordinator0", text(later.Topic())},
		{"state of three frames", linkSubscribe, "coordinator0", append(wire.EncodeBus(later.Topic(), later), nil)},
		{"state that is no JSON", linkSubscribe, "coordinator0", text(later.Topic(), "{")},
		{"state of somebody else", linkSubscribe, "coordinator0", wire.EncodeBus("state/queue/r/0000000000000007/", later)},
		{"state of another incarnation", linkSubscribe, "coordinator0", wire.EncodeBus("state/queue/q/0000000000000008/", later)},
		{"state on a longer topic", linkSubscribe, "coordinator0", wire.EncodeBus(later.Topic()+"x/", later)},
		{"state without an incarnation", linkSubscribe, "coordinator0", text(later.Topic(), `{"role":"queue","name":"q","sequence":9}`)},
		{"detail that is no JSON", linkSubscribe, "coordinator0", text("detail/queue/q/0000000000000007/", `[]`)},
		{"detail without a value", linkSubscribe, "coordinator0", text("detail/queue/q/0000000000000007/")},
		{"detail of somebody else", linkSubscribe, "coordinator0",
			wire.EncodeBus("detail/queue/r/0000000000000008/", wire.Detail{Role: "queue", Name: "q", Incarnation: 7, Sequence: 9})},
		{"snapshot that is no JSON", linkSubscribe, "coordinator0", text(mine, "snap")},
		{"snapshot without a value", linkSubscribe, "coordinator0", text(mine)},
		{"snapshot with a part of another kind", linkSubscribe, "coordinator0",
			text(mine, `{"coordinator":{"endpoints":{"publish":"tcp://evil:1"}},"states":[{"age_ms":"young"}]}`)},
		{"empty subscription", linkPublish, "coordinator0", text("")},
		{"subscription of two frames", linkPublish, "coordinator0", text("\x01state/", "")},
		{"neither begins nor ends", linkPublish, "coordinator0", text("\x02state/")},
		{"text", linkPublish, "coordinator0", text("state/")},
		{"subscription from nowhere", linkPublish, "coordinator9", text("\x01state/")},
	} {
		t.Run(c.name, func(t *testing.T) {
			rest, err := m.Receive(second, role.Packet{Link: c.link, Peer: c.peer, Frames: c.f})
			if rest || !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("got %t, %v, want %v", rest, err, wire.ErrMalformed)
			}
			if got := m.take(); len(got) > 0 {
				t.Errorf("effects %+v", got)
			}
			if got := known(&m.View); !reflect.DeepEqual(got, before) {
				t.Errorf("the view has become %+v", got)
			}
			if len(m.Seen()) != 2 || m.coordinators[0].publish != "tcp://c0:5556" || !m.Watched(wire.TopicEvent) {
				t.Error("what is known of the coordinators has changed")
			}
		})
	}
}

func FuzzAgentReceive(f *testing.F) {
	s := queueState("q", 7, 5)
	add := func(link byte, frames [][]byte) {
		for len(frames) < 2 {
			frames = append(frames, nil)
		}
		f.Add(link, frames[0], frames[1])
	}
	add(1, wire.EncodeBus(s.Topic(), s))
	add(1, wire.EncodeBus(s.Topic(), left(s)))
	add(1, wire.EncodeBus("detail/queue/q/0000000000000007/", wire.Detail{Role: "queue", Name: "q", Incarnation: 7}))
	snapshot := snapshotOf(100, s)
	snapshot.Coordinator.Advertise("publish", "tcp://c:1")
	snapshot.Details = []wire.Aged[wire.Detail]{{Value: wire.Detail{Incarnation: 7}}}
	add(1, wire.EncodeBus(wire.SnapshotTopic(me), snapshot))
	add(1, [][]byte{[]byte(wire.SnapshotTopic(me)), []byte(`{"states":[{"age_ms":-9223372036854775808,"value":{}}]}`)})
	add(1, [][]byte{[]byte("take/"), []byte(`{}`)})
	add(2, [][]byte{[]byte("\x01detail/")})
	add(2, [][]byte{[]byte("\x00event/")})
	f.Fuzz(func(t *testing.T, link byte, topic, value []byte) {
		m := newMember(t, nil)
		m.join(0)
		m.snapshot(0, "coordinator0", "tcp://c0:5556", queueState("q", 7, 4), queueState("r", 8, 4))
		p := role.Packet{Link: role.Link(link), Peer: "coordinator0", Frames: [][]byte{topic, value}}
		if p.Link == linkPublish {
			p.Frames = p.Frames[:1]
		}
		before := known(&m.View)
		rest, err := m.Receive(second, p)
		if err != nil && (!errors.Is(err, wire.ErrMalformed) || rest) {
			t.Fatalf("got %t, %v", rest, err)
		}
		if (err != nil || rest) && (len(m.effects) > 0 || !reflect.DeepEqual(known(&m.View), before)) {
			t.Fatalf("%v has changed something: %+v", err, m.effects)
		}
		for _, e := range m.View.entries {
			if e.At > second {
				t.Fatalf("%+v is from the future", e)
			}
		}
		m.View.Picture(2 * second)
		m.View.Functions(2 * second)
		m.Tick(2 * second)
		for range m.View.Live(2*second, wire.RoleQueue) {
			m.View.Serves(2*second, "echo")
		}
	})
}
