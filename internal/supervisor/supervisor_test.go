package supervisor

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/bus"
	"faasd/internal/role"
	"faasd/internal/wire"
)

const ms = time.Millisecond

// A stage is a supervisor of three workers with a coordinator that wants its
// states and events, in virtual time.
type stage struct {
	t   *testing.T
	m   *Machine
	now time.Duration
	out []role.Effect
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, now: time.Second}
	s.m = New(Config{
		Self:         wire.Member{Role: wire.RoleSupervisor, Name: "up", Incarnation: 1},
		Coordinators: []string{"c"}, Workers: 3, Log: slog.New(slog.DiscardHandler), Wall: func() time.Time { return time.UnixMilli(0) },
	})
	s.m.Tick(s.now)
	s.receive(LinkSubscribe, wire.EncodeBus(wire.SnapshotTopic(1), wire.Snapshot{
		Coordinator: wire.Member{Endpoints: map[string]string{"publish": "p"}},
	}))
	s.receive(LinkPublish, [][]byte{[]byte("\x01state/")})
	s.receive(LinkPublish, [][]byte{[]byte("\x01event/")})
	s.take()
	return s
}

func (s *stage) receive(link role.Link, frames [][]byte) {
	s.m.Receive(s.now, role.Packet{Link: link, Peer: "coordinator0", Frames: frames})
}

// take returns what was asked for since the last call.
func (s *stage) take() []role.Effect {
	e := slices.Clone(s.m.Effects())
	all := append(s.out, e...)
	s.out = nil
	return all
}

// published returns the values on topics of a kind, and keeps the others for later.
func published[T any](s *stage, kind string) (values []T) {
	s.t.Helper()
	for _, e := range s.take() {
		if e.Op != role.OpSend || e.Link != LinkPublish {
			s.t.Fatalf("effect %+v", e)
		}
		if !strings.HasPrefix(string(e.Frames[0]), kind) {
			s.out = append(s.out, e)
			continue
		}
		var v T
		if err := json.Unmarshal(e.Frames[1], &v); err != nil {
			s.t.Fatal(err)
		}
		values = append(values, v)
	}
	return values
}

// command has an operator say something, and returns the one answer.
func (s *stage) command(c wire.Command) wire.Reply {
	s.t.Helper()
	if c.ID == 0 {
		c.ID = wire.NewIncarnation()
	}
	c.ReplyTo, c.By = 900, "somebody"
	s.receive(LinkSubscribe, wire.EncodeBus(wire.CommandTopic(1), c))
	got := published[wire.Reply](s, wire.ReplyTopic(900))
	if len(got) != 1 || got[0].Command != c.ID || got[0].Role != wire.RoleSupervisor || got[0].Name != "up" {
		s.t.Fatalf("%s is answered by %+v, want one reply of this supervisor", c.Verb, got)
	}
	return got[0]
}

// told returns what the last state published says; it waits for the next one.
func (s *stage) told() wire.SupervisorState {
	s.t.Helper()
	for range 100 {
		if states := published[wire.State](s, wire.TopicState); len(states) > 0 {
			last := states[len(states)-1]
			if last.Role != wire.RoleSupervisor || last.Supervisor == nil {
				s.t.Fatalf("state %+v", last)
			}
			return *last.Supervisor
		}
		s.now = max(s.now+ms, s.m.Wake())
		s.m.Tick(s.now)
	}
	s.t.Fatal("no state is published")
	return wire.SupervisorState{}
}

func (s *stage) events() (list []string) {
	s.t.Helper()
	for _, e := range published[wire.Event](s, wire.TopicEvent) {
		if e.Role != wire.RoleSupervisor || e.Name != "up" || e.Level != wire.LevelInfo {
			s.t.Errorf("event %+v is not of this supervisor", e)
		}
		list = append(list, fmt.Sprint(e.Kind, ": ", e.Text))
	}
	return list
}

func TestASupervisorKeepsAsManyAsItIsToldAtFirst(t *testing.T) {
	s := newStage(t)
	if s.m.Wanted() != 3 || s.m.Held() {
		t.Errorf("wanted %d, held %t", s.m.Wanted(), s.m.Held())
	}
	if got := s.told(); !reflect.DeepEqual(got, wire.SupervisorState{Wanted: 3}) {
		t.Errorf("it tells %+v", got)
	}
}

func TestAnOperatorScalesTheWorkers(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		count int
		ok    bool
		want  int
		text  string
	}{
		{5, true, 5, "scaled from 3 to 5 workers"},
		{0, true, 0, "scaled from 5 to 0 workers"},
		{MaxWorkers, true, MaxWorkers, "scaled from 0 to 1000 workers"},
		{MaxWorkers + 1, false, MaxWorkers, "1001 workers are too many for one system; at most 1000"},
	} {
		r := s.command(wire.Command{Verb: wire.VerbScale, Count: c.count})
		if r.OK != c.ok || r.Text != c.text || s.m.Wanted() != c.want {
			t.Errorf("scale to %d: %+v, and %d are wanted", c.count, r, s.m.Wanted())
		}
		events := s.events()
		if c.ok && !slices.Equal(events, []string{"scaled: " + c.text + " by somebody"}) || !c.ok && len(events) > 0 {
			t.Errorf("scale to %d: events %q", c.count, events)
		}
		if c.ok {
			asked := s.now
			if got := s.told(); got.Wanted != c.want || s.now-asked > 100*ms {
				t.Errorf("it tells %+v, %v later", got, s.now-asked)
			}
		}
	}
}

func TestAScaleThatComesAgainDoesNotUndoALaterOne(t *testing.T) {
	s := newStage(t)
	first := wire.Command{ID: 5, Verb: wire.VerbScale, Count: 5}
	want := s.command(first)
	s.command(wire.Command{ID: 6, Verb: wire.VerbScale, Count: 7})
	if r := s.command(first); r != want || s.m.Wanted() != 7 {
		t.Errorf("answered %+v and %d are wanted", r, s.m.Wanted())
	}
}

func TestWorkersAreHeldBackUntilTheTimeIsOver(t *testing.T) {
	for _, c := range []struct {
		name   string
		millis int64
		until  time.Duration
	}{
		{"for a while", 500, 500 * ms}, {"for a minute", 60_000, time.Minute}, {"for too long", 3_600_000, time.Minute},
		{"for as long as a number says", 1 << 50, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			asked := s.now
			if r := s.command(wire.Command{Verb: wire.VerbHold, Millis: c.millis}); !r.OK || r.Text != fmt.Sprintf("starts no worker for %s", c.until) {
				t.Errorf("answered %+v", r)
			}
			if e := s.events(); len(e) != 1 || !strings.HasPrefix(e[0], "workers-held: ") || !strings.HasSuffix(e[0], "asked by somebody") {
				t.Errorf("events %q", e)
			}
			if !s.m.Held() {
				t.Fatal("not held")
			}
			if got := s.told(); got.HeldMillis <= 0 || got.HeldMillis > c.until.Milliseconds() {
				t.Errorf("it tells %+v", got)
			}
			s.now = asked + c.until - ms
			s.m.Tick(s.now)
			if !s.m.Held() {
				t.Error("let go too early")
			}
			if s.m.Wake() > asked+c.until+20*ms {
				t.Errorf("the next tick is wanted %v after the hold", s.m.Wake()-asked-c.until)
			}
			s.take()
			s.now = asked + c.until
			s.m.Tick(s.now)
			if s.m.Held() {
				t.Error("still held")
			}
			if got := s.told(); got.HeldMillis != 0 || s.now > asked+c.until+100*ms {
				t.Errorf("it tells %+v, %v after the hold", got, s.now-asked-c.until)
			}
		})
	}
}

func TestAHoldIsEndedByAHoldOfNoTime(t *testing.T) {
	s := newStage(t)
	s.command(wire.Command{Verb: wire.VerbHold, Millis: 60_000})
	s.events()
	if r := s.command(wire.Command{Verb: wire.VerbHold}); !r.OK || s.m.Held() {
		t.Errorf("answered %+v, held %t", r, s.m.Held())
	}
	if e := s.events(); !slices.Equal(e, []string{"workers-released: workers are started again, asked by somebody"}) {
		t.Errorf("events %q", e)
	}
}

func TestHowManyRunIsToldSoon(t *testing.T) {
	s := newStage(t)
	s.told()
	began := s.now
	s.m.Running([]int{71, 72})
	if got := s.told(); !slices.Equal(got.PIDs, []int{71, 72}) || s.now > began+100*ms {
		t.Errorf("it tells %+v, %v later", got, s.now-began)
	}
}

func TestAWorkerProcessIsKilledIfItIsOneOfOurs(t *testing.T) {
	s := newStage(t)
	s.m.Running([]int{71, 72})
	if r := s.command(wire.Command{Verb: wire.VerbKill, PID: 72}); !r.OK || !slices.Equal(s.m.Kills(), []int{72}) {
		t.Errorf("answered %+v", r)
	}
	if r := s.command(wire.Command{Verb: wire.VerbKill, PID: 1}); r.OK || len(s.m.Kills()) > 0 {
		t.Errorf("a process that is not ours: answered %+v", r)
	}
}

func TestCommandsThatASupervisorCannotDoAreAnsweredNo(t *testing.T) {
	s := newStage(t)
	for _, verb := range []string{"novelty", "", wire.VerbCrash, wire.VerbJob} {
		if r := s.command(wire.Command{Verb: verb}); r.OK || !strings.Contains(r.Text, "a supervisor cannot") {
			t.Errorf("%q is answered %+v", verb, r)
		}
	}
	before := s.m.MalformedCount()
	s.receive(LinkSubscribe, wire.EncodeBus(wire.CommandTopic(2), wire.Command{ID: 1, ReplyTo: 900, Verb: wire.VerbScale}))
	s.receive(LinkSubscribe, wire.EncodeBus(wire.CommandTopic(1), wire.Command{ID: 1, ReplyTo: 900, Verb: wire.VerbScale, Count: -1}))
	s.receive(LinkSubscribe, wire.EncodeBus(wire.CommandTopic(1), wire.Command{ID: 1, ReplyTo: 900, Verb: wire.VerbHold, Millis: -1}))
	s.receive(LinkSubscribe, [][]byte{[]byte(wire.CommandTopic(1)), []byte("{")})
	s.receive(LinkPublish, [][]byte{[]byte("\x02x")})
	if n := s.m.MalformedCount() - before; n != 5 || s.m.Wanted() != 3 || s.m.Held() {
		t.Errorf("%d are counted as malformed; %d workers are wanted, held %t", n, s.m.Wanted(), s.m.Held())
	}
	if got := published[wire.Reply](s, wire.TopicReply); len(got) != 0 {
		t.Errorf("they are answered by %+v", got)
	}
	s.now += 2 * time.Second
	s.m.Tick(s.now)
	if got := published[wire.State](s, wire.TopicState); len(got) == 0 || got[len(got)-1].Malformed != before+5 {
		t.Errorf("it tells of them in %+v", got)
	}
}

func TestASupervisorStopsAtOnceAndSaysSo(t *testing.T) {
	s := newStage(t)
	s.m.Drain(s.now)
	if !s.m.Drained() {
		t.Error("there is nothing to drain")
	}
	s.m.Leave(s.now)
	if got := published[wire.State](s, wire.TopicState); len(got) != 1 || !got[0].Left {
		t.Errorf("at last it tells %+v", got)
	}
}

func TestASupervisorDialsItsCoordinatorsAndBindsNothing(t *testing.T) {
	m := New(Config{Self: wire.Member{Incarnation: 1}, Coordinators: []string{"c0", "c1"}, Log: slog.New(slog.DiscardHandler)})
	var dialled, topics []string
	for _, e := range m.Effects() {
		switch e.Op {
		case role.OpDial:
			dialled = append(dialled, e.Endpoint)
		case role.OpSubscribe:
			topics = append(topics, e.Topic)
		default:
			t.Errorf("effect %+v", e)
		}
	}
	if !slices.Equal(dialled, []string{"c0", "c1"}) || !slices.Contains(topics, wire.CommandTopic(1)) || len(topics) != 4 {
		t.Errorf("dials %q and subscribes to %q", dialled, topics)
	}
	links := Links()
	if len(links) != 2 || links[LinkSubscribe].Kind != bus.Sub || links[LinkPublish].Kind != bus.Pub {
		t.Errorf("links %+v", links)
	}
	m.Advertise("x", "y")
	m.Unreachable(0, role.Packet{})
	if len(m.Effects()) != 0 {
		t.Error("something comes of nothing")
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(byte(LinkSubscribe), []byte(wire.CommandTopic(1)), []byte(`{"id":"0000000000000001","reply_to":"0000000000000002","verb":"scale","count":5}`))
	f.Add(byte(LinkSubscribe), []byte(wire.CommandTopic(1)), []byte(`{"id":"0000000000000001","reply_to":"0000000000000002","verb":"hold","millis":1125899906842624}`))
	f.Add(byte(LinkPublish), []byte("\x01event/"), []byte(nil))
	f.Fuzz(func(t *testing.T, link byte, topic, value []byte) {
		s := newStage(t)
		frames := [][]byte{topic, value}
		if role.Link(link) == LinkPublish {
			frames = frames[:1]
		}
		s.receive(role.Link(link), frames)
		s.m.Tick(s.now + time.Second)
		if n := s.m.Wanted(); n < 0 || n > MaxWorkers {
			t.Fatalf("%d workers are wanted", n)
		}
		s.m.Tick(s.now + time.Minute)
		if s.m.Held() {
			t.Fatal("held for more than a minute")
		}
	})
}
