package coordinator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// A stage is a coordinator and what it has sent.
type stage struct {
	t   *testing.T
	m   *Machine
	now time.Duration
	out []sent
}

type sent struct {
	link role.Link
	text string // frames, joined by a space
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, now: time.Second}
	s.m = New(Config{
		Self: wire.Member{
			Role: wire.RoleCoordinator, Name: "c1", Incarnation: 1, Endpoints: map[string]string{"publish": "p"},
		},
		Log: slog.New(slog.DiscardHandler),
	})
	s.m.Tick(s.now)
	return s
}

// took returns what has been sent on a link since it was last asked for anything.
func (s *stage) took(link role.Link) (texts []string) {
	for _, e := range s.m.Effects() {
		s.out = append(s.out, sent{e.Link, string(bytes.Join(e.Frames, []byte(" ")))})
	}
	for _, o := range s.out {
		if o.link == link {
			texts = append(texts, o.text)
		}
	}
	s.out = nil
	return texts
}

func (s *stage) publish(frames ...[]byte) {
	s.m.Receive(s.now, role.Packet{Link: LinkPublish, Frames: frames})
}

func (s *stage) publishJSON(topic string, v any) {
	f := wire.EncodeBus(topic, v)
	s.publish(f[0], f[1])
}

func (s *stage) subscribe(on byte, topic string) {
	s.m.Receive(s.now, role.Packet{Link: LinkSubscribe, Frames: [][]byte{append([]byte{on}, topic...)}})
}

func state(name string, inc wire.Incarnation, sequence uint64) wire.State {
	return wire.State{Member: wire.Member{Role: wire.RoleQueue, Name: name, Incarnation: inc}, Sequence: sequence, Queue: &wire.QueueState{}}
}

// snapshot asks for one and returns it.
func (s *stage) snapshot() wire.Snapshot {
	s.t.Helper()
	s.took(LinkSubscribe)
	topic := wire.SnapshotTopic(77)
	s.subscribe(1, topic)
	got := s.took(LinkSubscribe)
	var snap wire.Snapshot
	if len(got) != 1 || json.Unmarshal([]byte(got[0][len(topic)+1:]), &snap) != nil {
		s.t.Fatalf("a subscription to a snapshot brings %q", got)
	}
	return snap
}

// names lists the members in a snapshot, but for the coordinator itself.
func names(snap wire.Snapshot) (list []string) {
	for _, st := range snap.States {
		if st.Value.Role != wire.RoleCoordinator {
			list = append(list, fmt.Sprint(st.Value.Name, " ", st.Value.Sequence, " ", st.AgeMillis))
		}
	}
	slices.Sort(list)
	return list
}

func TestWhatIsPublishedIsPassedOnAsItIs(t *testing.T) {
	s := newStage(t)
	s.took(LinkSubscribe)
	st := state("queueA", 10, 1)
	for topic, value := range map[string]string{
		wire.TopicDetail + "queue/queueA/000000000000000a/": `{"role":"queue", "name":"queueA", "incarnation":"000000000000000a", "more":1}`,
		wire.TopicEvent + "queue/queueA/":                   `{"role":"queue", "name":"queueA", "more":1}`,
		wire.TakeTopic(10):                                  `{"any": "thing"}`,
		wire.OfferTopic(10):                                 `{"any": "thing"}`,
		wire.CommandTopic(10):                               `{"any": "thing"}`,
		wire.ReplyTopic(10):                                 `{"any": "thing"}`,
	} {
		s.publish([]byte(topic), []byte(value))
		if got := s.took(LinkSubscribe); !slices.Equal(got, []string{topic + " " + value}) {
			t.Errorf("%s went on as %q", topic, got)
		}
	}
	s.publishJSON(st.Topic(), st)
	want := bytes.Join(wire.EncodeBus(st.Topic(), st), []byte(" "))
	if got := s.took(LinkSubscribe); !slices.Equal(got, []string{string(want)}) {
		t.Errorf("a state went on as %q", got)
	}
}

func TestWhoSubscribesLateHasTheWholePictureAtOnce(t *testing.T) {
	s := newStage(t)
	for _, st := range []wire.State{state("queueA", 10, 1), state("queueA", 10, 2), state("queueB", 11, 5)} {
		s.publishJSON(st.Topic(), st)
	}
	s.now += 300 * time.Millisecond
	st := state("queueB", 11, 6)
	s.publishJSON(st.Topic(), st)
	d := wire.Detail{Role: wire.RoleQueue, Name: "queueA", Incarnation: 10, Sequence: 3}
	s.publishJSON(d.Topic(), d)
	snap := s.snapshot()
	if got := names(snap); !slices.Equal(got, []string{"queueA 2 300", "queueB 6 0"}) {
		t.Errorf("states by name, sequence and age: %q", got)
	}
	if len(snap.Details) != 1 || snap.Details[0].Value.Sequence != 3 {
		t.Errorf("details %+v", snap.Details)
	}
	if snap.Coordinator.Endpoints["publish"] != "p" || len(snap.States) != 3 {
		t.Errorf("of the coordinator itself: %+v among %d states", snap.Coordinator, len(snap.States))
	}
	s.subscribe(0, wire.SnapshotTopic(77))
	if got := s.took(LinkSubscribe); len(got) != 0 {
		t.Errorf("the end of a subscription brings %q", got)
	}
}

func TestWhoHasLeftIsNotInTheSnapshot(t *testing.T) {
	s := newStage(t)
	st := state("queueA", 10, 1)
	s.publishJSON(st.Topic(), st)
	d := wire.Detail{Role: wire.RoleQueue, Name: "queueA", Incarnation: 10}
	s.publishJSON(d.Topic(), d)
	st.Sequence, st.Left = 2, true
	s.took(LinkSubscribe)
	s.publishJSON(st.Topic(), st)
	if got := s.took(LinkSubscribe); len(got) != 1 {
		t.Errorf("the last state went on as %q", got)
	}
	if snap := s.snapshot(); len(names(snap)) != 0 || len(snap.Details) != 0 {
		t.Errorf("states %q, details %+v", names(snap), snap.Details)
	}
}

func TestTheSilentAreForgottenAfterAMinute(t *testing.T) {
	s := newStage(t)
	st := state("queueA", 10, 1)
	s.publishJSON(st.Topic(), st)
	for range 58 {
		s.now += time.Second
		s.m.Tick(s.now)
	}
	if got := names(s.snapshot()); !slices.Equal(got, []string{"queueA 1 58000"}) {
		t.Errorf("after 58 s of silence: %q", got)
	}
	for range 3 {
		s.now += time.Second
		s.m.Tick(s.now)
	}
	if got := names(s.snapshot()); len(got) != 0 {
		t.Errorf("after 61 s of silence: %q", got)
	}
}

func TestSubscriptionsArePassedOnOnce(t *testing.T) {
	s := newStage(t)
	if got := s.took(LinkPublish); !slices.Equal(got, []string{"\x01state/", "\x01catalogue/", "\x01event/", "\x01command/0000000000000001/"}) {
		t.Errorf("at first it wants %q, want every state, catalogue and event, and commands to itself", got)
	}
	for _, step := range []struct {
		on    byte
		topic string
		want  []string
	}{
		{1, "detail/", []string{"\x01detail/"}},
		{1, "detail/", nil},
		{1, "state/queue/", nil}, // comes anyway
		{0, "state/queue/", nil},
		{0, "detail/", nil},
		{0, "detail/", []string{"\x00detail/"}},
		{1, "detail/", []string{"\x01detail/"}},
		{1, "take/x/", []string{"\x01take/x/"}},
	} {
		s.subscribe(step.on, step.topic)
		if got := s.took(LinkPublish); !slices.Equal(got, step.want) {
			t.Errorf("%d %s: publishers are told %q, want %q", step.on, step.topic, got, step.want)
		}
	}
}

func TestWhatMakesNoSenseIsCountedAndNotPassedOn(t *testing.T) {
	s := newStage(t)
	s.took(LinkSubscribe)
	st := state("queueA", 10, 1)
	good := wire.EncodeBus(st.Topic(), st)
	for name, frames := range map[string][][]byte{
		"one frame":            {good[0]},
		"three frames":         {good[0], good[1], good[1]},
		"not JSON":             {good[0], []byte("{")},
		"on another's topic":   {[]byte("state/queue/queueB/000000000000000a/"), good[1]},
		"detail that is none":  {[]byte("detail/x"), []byte("no")},
		"a topic of nobody":    {[]byte("secret/"), good[1]},
		"a snapshot of others": {[]byte(wire.SnapshotTopic(77)), good[1]},
		"no topic":             {{}, good[1]},
	} {
		before := s.m.MalformedCount()
		s.publish(frames...)
		if got := s.took(LinkSubscribe); len(got) != 0 || s.m.MalformedCount() != before+1 {
			t.Errorf("%s: passed on as %q, counted %d times", name, got, s.m.MalformedCount()-before)
		}
	}
	for _, frames := range [][][]byte{{{}}, {{1}}, {{2, 'x'}}, {{1, 'x'}, {}}} {
		before := s.m.MalformedCount()
		s.m.Receive(s.now, role.Packet{Link: LinkSubscribe, Frames: frames})
		if s.m.MalformedCount() != before+1 {
			t.Errorf("subscription %q is not counted", frames)
		}
	}
	s.took(LinkSubscribe)
	s.now += time.Second
	s.m.Tick(s.now)
	var own wire.State
	got := s.took(LinkSubscribe)
	if len(got) != 1 || json.Unmarshal([]byte(got[0][bytes.IndexByte([]byte(got[0]), ' '):]), &own) != nil || own.Malformed != s.m.MalformedCount() {
		t.Errorf("it tells of itself %q, and has counted %d", got, s.m.MalformedCount())
	}
}

func TestAStrangerCannotFillTheMemory(t *testing.T) {
	s := newStage(t)
	for i := range maxKept + 100 {
		st := state("queueA", wire.Incarnation(1000+i), 1)
		s.publishJSON(st.Topic(), st)
		s.subscribe(1, fmt.Sprint("take/", i, "/"))
		if i%1000 == 0 {
			s.took(LinkSubscribe)
		}
	}
	if len(s.m.states) > maxKept || len(s.m.wanted) > maxKept {
		t.Errorf("%d states and %d subscriptions are kept", len(s.m.states), len(s.m.wanted))
	}
	if s.m.MalformedCount() == 0 {
		t.Error("those too many are not counted")
	}
	st := state("queueA", 1000, 2) // one that is known is still heard
	s.publishJSON(st.Topic(), st)
	if got := s.m.states[st.Topic()]; got == nil || !bytes.Contains(got.value, []byte(`"sequence":2`)) {
		t.Error("a publisher that is known is not heard any more")
	}
}

func TestACoordinatorTellsOfItselfEverySecondAndWhenItLeaves(t *testing.T) {
	s := newStage(t)
	s.took(LinkSubscribe)
	for range 5 {
		s.now += time.Second
		if s.m.Wake() > s.now {
			t.Errorf("the next tick is wanted at %v, want by %v", s.m.Wake(), s.now)
		}
		s.m.Tick(s.now)
		s.m.Tick(s.now + time.Millisecond)
		if got := s.took(LinkSubscribe); len(got) != 1 {
			t.Errorf("in a second it tells %q", got)
		}
	}
	s.m.Drain(s.now)
	if !s.m.Drained() {
		t.Error("there is nothing to drain")
	}
	s.m.Leave(s.now)
	if got := s.took(LinkSubscribe); len(got) != 1 || !bytes.Contains([]byte(got[0]), []byte(`"left":true`)) {
		t.Errorf("at last it tells %q", got)
	}
}

func TestLargeValuesOfStrangersCannotFillTheMemory(t *testing.T) {
	s := newStage(t)
	known, more := state("queueA", 1000, 1), state("queueB", 1001, 1)
	s.publishJSON(known.Topic(), known)
	size := s.m.bytes
	s.m.bytes = maxKeptBytes // as if others had published as much
	s.publishJSON(more.Topic(), more)
	if len(s.m.states) != 1 || s.m.MalformedCount() != 1 {
		t.Errorf("%d states are kept beyond the bound, %d counted", len(s.m.states), s.m.MalformedCount())
	}
	known.Sequence++ // as large as before
	s.publishJSON(known.Topic(), known)
	known.Left = true
	s.publishJSON(known.Topic(), known)
	if s.m.bytes != maxKeptBytes-size || s.m.MalformedCount() != 1 {
		t.Errorf("a state of %d bytes has gone, %d of %d are counted", size, s.m.bytes, maxKeptBytes)
	}
}
