package coordinator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

const ms = time.Millisecond

// command has an operator say something to the coordinator, and returns what
// is answered.
func (s *stage) command(c wire.Command) (replies []wire.Reply) {
	s.t.Helper()
	s.took(LinkSubscribe)
	s.publishJSON(wire.CommandTopic(1), c)
	for _, text := range s.took(LinkSubscribe) {
		var r wire.Reply
		if strings.HasPrefix(text, wire.TopicEvent) {
			continue
		}
		value, ok := strings.CutPrefix(text, wire.ReplyTopic(c.ReplyTo)+" ")
		if !ok || json.Unmarshal([]byte(value), &r) != nil {
			s.t.Fatalf("%s is answered by %q", c.Verb, text)
		}
		replies = append(replies, r)
	}
	return replies
}

func TestACoordinatorCrashesOnceItsAnswerIsOut(t *testing.T) {
	s := newStage(t)
	crashed := func() bool {
		return slices.ContainsFunc(s.m.Effects(), func(e role.Effect) bool { return e.Op == role.OpCrash })
	}
	c := wire.Command{ID: 5, ReplyTo: 900, Verb: wire.VerbCrash, By: "somebody"}
	want := wire.Reply{Command: 5, Role: wire.RoleCoordinator, Name: "c1", OK: true, Text: "coordinator c1 dies"}
	if r := s.command(c); !slices.Equal(r, []wire.Reply{want}) {
		t.Errorf("answered %+v, want %+v", r, want)
	}
	asked := s.now
	if s.m.Tick(asked + 40*ms); crashed() {
		t.Error("crashes before the answer can be out")
	}
	s.now += 40 * ms
	if r := s.command(c); !slices.Equal(r, []wire.Reply{want}) {
		t.Errorf("asked again it answers %+v", r)
	}
	if s.m.Wake() > asked+60*ms {
		t.Errorf("the next tick is wanted at +%v", s.m.Wake()-asked)
	}
	if s.m.Tick(asked + 50*ms); !crashed() {
		t.Error("does not crash; being asked again must not put it off")
	}
}

func TestACoordinatorKeepsCommandsToItselfAndPassesOthersOn(t *testing.T) {
	s := newStage(t)
	for _, c := range []wire.Command{{ID: 5, ReplyTo: 900, Verb: wire.VerbJob}, {ID: 6, ReplyTo: 900, Verb: "novelty"}} {
		if r := s.command(c); len(r) != 1 || r[0].OK || !strings.Contains(r[0].Text, "a coordinator cannot") {
			t.Errorf("%s is answered %+v", c.Verb, r)
		}
	}
	before := s.m.MalformedCount()
	s.publishJSON(wire.CommandTopic(1), wire.Command{Verb: wire.VerbCrash})
	s.publish([]byte(wire.CommandTopic(1)), []byte("{"))
	if got := s.took(LinkSubscribe); len(got) != 0 || s.m.MalformedCount() != before+2 {
		t.Errorf("nonsense brings %q, %d are counted", got, s.m.MalformedCount()-before)
	}
	for _, topic := range []string{wire.CommandTopic(2), wire.ReplyTopic(900)} {
		s.publish([]byte(topic), []byte(`{"any": "thing"}`))
		if got := s.took(LinkSubscribe); !slices.Equal(got, []string{topic + ` {"any": "thing"}`}) {
			t.Errorf("%s went on as %q", topic, got)
		}
	}
}

// history asks for the past and returns the numbers of the events in it.
func (s *stage) history() (numbers []uint64) {
	s.t.Helper()
	s.took(LinkSubscribe)
	topic := wire.HistoryTopic(77)
	s.subscribe(1, topic)
	got := s.took(LinkSubscribe)
	var h wire.History
	if len(got) != 1 || json.Unmarshal([]byte(strings.TrimPrefix(got[0], topic+" ")), &h) != nil || h.Events == nil {
		s.t.Fatalf("a subscription to the past brings %q", got)
	}
	for _, text := range h.Events {
		var e wire.Event
		if err := json.Unmarshal(text, &e); err != nil {
			s.t.Fatal(err)
		}
		numbers = append(numbers, e.Number)
	}
	return numbers
}

func TestThePastIsTheLastThousandEvents(t *testing.T) {
	s := newStage(t)
	if h := s.history(); len(h) != 0 {
		t.Errorf("at first the past has %v", h)
	}
	e := wire.Event{Role: wire.RoleQueue, Name: "queueA"}
	for e.Number = 1; e.Number <= 1500; e.Number++ {
		s.publishJSON(e.Topic(), e)
	}
	h := s.history()
	if len(h) != 1000 || h[0] != 501 || h[999] != 1500 || !slices.IsSorted(h) {
		t.Errorf("the past has %d events, from %v on", len(h), h[:min(len(h), 3)])
	}
	s.took(LinkSubscribe)
	s.subscribe(0, wire.HistoryTopic(77))
	if got := s.took(LinkSubscribe); len(got) != 0 {
		t.Errorf("the end of a subscription brings %q", got)
	}
	if got := s.took(LinkPublish); len(got) != 0 {
		t.Errorf("publishers are asked for the past: %q", got)
	}
}

func TestEventsThatAreTooLongOrNoJSONAreNeitherKeptNorPassedOn(t *testing.T) {
	s := newStage(t)
	long := func(n int) []byte {
		const frame = `{"role":"queue","name":"queueA","text":"%s"}`
		return fmt.Appendf(nil, frame, strings.Repeat("x", n-len(frame)+len("%s")))
	}
	topic := []byte(wire.TopicEvent + "queue/queueA/")
	for _, c := range []struct {
		name  string
		value []byte
		kept  int
	}{
		{"no JSON", []byte("no"), 0}, {"a number", []byte("1"), 0}, {"of another queue", []byte(`{"role":"queue","name":"queueB"}`), 0}, {"empty", nil, 0}, {"too long", long(wire.MaxEvent + 1), 0}, {"as long as may be", long(wire.MaxEvent), 1},
	} {
		s.took(LinkSubscribe)
		before := s.m.MalformedCount()
		s.publish(topic, c.value)
		passed, malformed := len(s.took(LinkSubscribe)), int(s.m.MalformedCount()-before)
		if n := len(s.m.history); n != c.kept || passed != c.kept || malformed != 1-c.kept {
			t.Errorf("%s: %d kept, %d passed on, %d counted", c.name, n, passed, malformed)
		}
	}
}
