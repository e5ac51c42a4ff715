package broker

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

// onBus makes a stage whose broker has a coordinator that wants its events.
func onBus(t *testing.T) *stage {
	t.Helper()
	s := newStageWith(t, "c")
	s.receive(LinkSubscribe, "coordinator0", wire.EncodeBus(wire.SnapshotTopic(1), wire.Snapshot{
		Coordinator: wire.Member{Endpoints: map[string]string{"publish": "p"}},
	}))
	s.receive(LinkPublish, "coordinator0", [][]byte{[]byte("\x01event/")})
	s.sent = nil
	return s
}

// published returns the values published on topics of a kind since it was last
// asked, and forgets all else that went to nobody.
func published[T any](s *stage, kind string) (values []T) {
	s.t.Helper()
	for _, e := range s.sent {
		if e.Op != role.OpSend || e.Link != LinkPublish || !strings.HasPrefix(string(e.Frames[0]), kind) {
			continue
		}
		var v T
		if err := json.Unmarshal(e.Frames[1], &v); err != nil {
			s.t.Fatal(err)
		}
		values = append(values, v)
	}
	s.sent = nil
	return values
}

// command has an operator say something, and returns the one answer.
func (s *stage) command(c wire.Command) wire.Reply {
	s.t.Helper()
	c.ID, c.ReplyTo, c.By = wire.NewIncarnation(), 900, "somebody"
	s.sent = nil
	s.receive(LinkSubscribe, "coordinator0", wire.EncodeBus(wire.CommandTopic(1), c))
	var events []role.Effect
	for _, e := range s.sent {
		if e.Op == role.OpSend && strings.HasPrefix(string(e.Frames[0]), wire.TopicEvent) {
			events = append(events, e)
		}
	}
	got := published[wire.Reply](s, wire.ReplyTopic(900))
	s.sent = events
	if len(got) != 1 || got[0].Command != c.ID || got[0].Role != wire.RoleBroker || got[0].Name != "b1" {
		s.t.Fatalf("%s is answered by %+v, want one reply of this broker", c.Verb, got)
	}
	return got[0]
}

func (s *stage) events() (list []string) {
	s.t.Helper()
	for _, e := range published[wire.Event](s, wire.TopicEvent) {
		if e.Role != wire.RoleBroker || e.Name != "b1" || e.From != 1 {
			s.t.Errorf("event %+v is not of this broker", e)
		}
		list = append(list, fmt.Sprint(e.Level, " ", e.Kind, " ", e.Text))
	}
	return list
}

func TestABrokerCrashesOnceItsAnswerIsOut(t *testing.T) {
	s := onBus(t)
	f := s.frontend("f1", 20)
	f.give(1, 4)
	if r := s.command(wire.Command{Verb: wire.VerbCrash}); !r.OK || !strings.Contains(r.Text, "3 jobs") {
		t.Errorf("answered %+v", r)
	}
	if e := s.events(); !slices.Equal(e, []string{"warn broker-killed killed by somebody"}) {
		t.Errorf("events %q", e)
	}
	asked := s.now
	crashed := func() bool {
		return slices.ContainsFunc(s.m.Effects(), func(e role.Effect) bool { return e.Op == role.OpCrash })
	}
	for s.now = asked + 10*ms; s.now < asked+50*ms; s.now += 10 * ms {
		if s.m.Tick(s.now); crashed() {
			t.Fatalf("crashes %v after it was asked to; the answer may not be out", s.now-asked)
		}
	}
	if s.m.Wake() > asked+70*ms {
		t.Errorf("the next tick is wanted at +%v", s.m.Wake()-asked)
	}
	if s.m.Tick(asked + 50*ms); !crashed() {
		t.Error("does not crash")
	}
}

func TestABrokerTellsWhoHoldsAJob(t *testing.T) {
	s := onBus(t)
	f := s.frontend("f1", 20)
	f.give(1, 2)
	s.run(time.Second)
	ask := func(n int) wire.Reply {
		return s.command(wire.Command{Verb: wire.VerbJob, Job: jobID(n).String()})
	}
	r := ask(1)
	if !r.OK || r.Job == nil || r.Job.Queue != "" || r.Job.State != wire.JobWaiting || !strings.Contains(r.Text, "waits for room") {
		t.Fatalf("a job that no queue has is told of as %+v, %+v", r, r.Job)
	}
	j := r.Job
	if j.ID != jobID(1).String() || j.Function != "echo" || j.AttemptLimit != 3 || j.Bytes != 10 || j.Attempt != 0 ||
		j.AgeMillis < 980 || j.AgeMillis > 1100 || j.LeftMillis > 3_599_100 || j.LeftMillis < 3_598_000 {
		t.Errorf("it is told of as %+v", j)
	}
	if p := r.Request; p == nil || len(p.Start) != 10 || p.Bytes != 10 {
		t.Errorf("its request is told of as %+v", r.Request)
	}
	q := s.queue("queueA", 10)
	if r := ask(1); !r.OK || r.Job == nil || r.Job.Queue != "queueA" || r.Text != "was given to queueA" {
		t.Errorf("a job that a queue has is told of as %+v, %+v", r, r.Job)
	}
	for _, m := range q.took(wire.TypeJob) {
		q.say(wire.Header{Type: wire.TypeResult, Job: m.Job}, wire.Meta{})
	}
	s.run(time.Second)
	for _, n := range []int{1, 99} {
		if r := ask(n); r.OK || r.Job != nil || r.Text != "is not at b1" {
			t.Errorf("job %d, which is not here, is told of as %+v", n, r)
		}
	}
}

func TestCommandsThatABrokerCannotDoAreAnsweredNo(t *testing.T) {
	s := onBus(t)
	for _, c := range []wire.Command{
		{Verb: "novelty"}, {Verb: wire.VerbKill, Worker: "req-1"}, {Verb: wire.VerbScale}, {Verb: wire.VerbJob, Job: "nonsense"},
	} {
		if r := s.command(c); r.OK || r.Text == "" || r.Job != nil {
			t.Errorf("%+v is answered %+v", c, r)
		}
	}
	before := s.m.MalformedCount()
	s.receive(LinkSubscribe, "coordinator0", wire.EncodeBus(wire.CommandTopic(2), wire.Command{ID: 1, ReplyTo: 900}))
	s.receive(LinkSubscribe, "coordinator0", wire.EncodeBus(wire.CommandTopic(1), wire.Command{ReplyTo: 900}))
	if n := s.m.MalformedCount() - before; n != 2 {
		t.Errorf("%d are counted as malformed, want the one for another and the one without id", n)
	}
	if got := published[wire.Reply](s, wire.TopicReply); len(got) != 0 {
		t.Errorf("they are answered by %+v", got)
	}
}

func TestQueuesThatComeAndGoAreEvents(t *testing.T) {
	s := onBus(t)
	f := s.frontend("f1", 20)
	a, b := s.queue("queueA", 10), s.queue("queueB", 11)
	want := []string{"info queue-joined queueA takes jobs", "info queue-joined queueB takes jobs"}
	if e := s.events(); !slices.Equal(e, want) {
		t.Errorf("events %q, want %q", e, want)
	}
	f.give(1, 5)
	b.Farewell(s.now, "bye")
	b.silent = true
	s.run(20 * ms)
	if e := s.events(); !slices.Equal(e, []string{"info queue-left queueB left; 2 jobs given to others"}) {
		t.Errorf("events %q", e)
	}
	a.silent = true
	s.run(3200 * ms)
	if e := s.events(); !slices.Equal(e, []string{"warn queue-lost queueA lost (silent for 3 s); 4 jobs given to others"}) {
		t.Errorf("events %q", e)
	}
}
