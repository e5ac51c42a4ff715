package queue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// command has an operator say something, and returns the one answer.
func (s *stage) command(c wire.Command) wire.Reply {
	s.t.Helper()
	c.ID, c.ReplyTo, c.By = wire.NewIncarnation(), 900, "somebody"
	return s.repeat(c)
}

// repeat sends a command as it is.
func (s *stage) repeat(c wire.Command) (r wire.Reply) {
	s.t.Helper()
	s.published = nil
	s.hear(wire.CommandTopic(10), c)
	got := s.sentOn(wire.ReplyTopic(c.ReplyTo))
	if len(got) != 1 || json.Unmarshal(got[0], &r) != nil {
		s.t.Fatalf("%s is answered by %s, want one reply", c.Verb, got)
	}
	if r.Command != c.ID || r.Role != wire.RoleQueue || r.Name != "queueA" {
		s.t.Errorf("the reply %+v is not to this command, or not of this queue", r)
	}
	return r
}

// order gives a command about a native worker.
func (s *stage) order(verb string, w *theWorker) wire.Reply {
	s.t.Helper()
	return s.command(wire.Command{Verb: verb, Worker: w.member.Incarnation.String()})
}

func (w *theWorker) told(kind wire.Type) int { return len(take(&w.got, kind)) }

// shown returns a worker as operators see it, by name.
func (s *stage) shown(name string) wire.WorkerDetail {
	s.t.Helper()
	for _, d := range s.m.detail().Workers {
		if d.Name == name {
			return d
		}
	}
	s.t.Fatalf("no worker %s is shown", name)
	return wire.WorkerDetail{}
}

func TestCommandsThatMakeNoSenseAreAnsweredNo(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.run(100 * ms)
	id := w.member.Incarnation.String()
	for _, c := range []wire.Command{
		{Verb: "novelty", Worker: id}, {Verb: "", Worker: id}, {Verb: wire.VerbScale, Count: 3}, {Verb: wire.VerbHold},
		{Verb: wire.VerbKill}, {Verb: wire.VerbKill, Worker: "req-1"}, {Verb: wire.VerbDrain, Worker: "w50"},
		{Verb: wire.VerbUndrain, Worker: wire.Incarnation(51).String()},
		{Verb: wire.VerbJob}, {Verb: wire.VerbJob, Job: "nonsense"}, {Verb: wire.VerbJob, Job: jobID(1).String()},
	} {
		if r := s.command(c); r.OK || r.Text == "" || r.Job != nil {
			t.Errorf("%+v is answered %+v", c, r)
		}
	}
	if w.told(wire.TypeKill)+w.told(wire.TypeDrain) != 0 || s.shown("w50").State != wire.WorkerUp {
		t.Error("something has been done all the same")
	}
	before := s.m.MalformedCount()
	s.hear(wire.CommandTopic(10), wire.Command{Verb: wire.VerbCrash})
	s.hear(wire.CommandTopic(11), wire.Command{ID: 1, ReplyTo: 2, Verb: wire.VerbCrash})
	if n := s.m.MalformedCount() - before; n < 1 {
		t.Errorf("%d are counted as malformed", n)
	}
}

func TestAJobIsToldOfInEveryState(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.other("queueB", 11, 1, wire.FunctionState{})
	s.run(100 * ms)
	s.give(1, 4)
	s.run(100 * ms)
	running := w.jobs()
	s.takeBy(1, 1)
	ask := func(n int) wire.Reply {
		return s.command(wire.Command{Verb: wire.VerbJob, Job: jobID(n).String()})
	}
	for _, c := range []struct {
		n       int
		state   string
		attempt int
		worker  string
	}{{1, wire.JobRunning, 1, "w50"}, {2, wire.JobMoving, 0, ""}, {3, wire.JobWaiting, 0, ""}} {
		r := ask(c.n)
		if !r.OK || r.Job == nil {
			t.Fatalf("job %d: answered %+v", c.n, r)
		}
		j := r.Job
		if j.ID != jobID(c.n).String() || j.State != c.state || j.Attempt != c.attempt || j.Worker != c.worker || j.Queue != "queueA" {
			t.Errorf("job %d is told of as %+v, want %s at %q", c.n, j, c.state, c.worker)
		}
		if j.Function != "echo" || j.AttemptLimit != 3 || j.Bytes != len("body 1") || j.AgeMillis < 60 || j.AgeMillis > 200 ||
			j.LeftMillis < 59_000 || j.LeftMillis >= 60_000 || (j.RunMillis > 0) != (c.state == wire.JobRunning) {
			t.Errorf("job %d is told of as %+v", c.n, j)
		}
		if p := r.Request; p == nil || string(p.Start) != fmt.Sprintf("body %d", c.n) || p.Bytes != 6 || p.ContentType != "text/x" {
			t.Errorf("job %d has the request %+v", c.n, r.Request)
		}
	}
	w.answer(running[0])
	r := ask(1)
	if !r.OK || r.Job == nil || r.Job.State != wire.JobDone || r.Job.Worker != "w50" || r.Job.Function != "echo" || r.Job.Attempt != 1 {
		t.Errorf("a job that is done is told of as %+v, %+v", r, r.Job)
	}
	if r := ask(99); r.OK || r.Job != nil || r.Text != "is not at queueA" {
		t.Errorf("an unknown job is told of as %+v", r)
	}
}

func TestAtMostTwoHundredJobsAreListedTheOldestFirst(t *testing.T) {
	s := newStage(t, 1)
	s.other("queueB", 11, 1, wire.FunctionState{})
	for n := 0; n < 240; n += 60 {
		s.give(240-n-60+1, 240-n+1) // so that ids and ages are in unlike order
		s.run(20 * ms)
	}
	jobs := s.m.detail().Jobs
	if len(jobs) != wire.MaxJobs || wire.MaxJobs != 200 {
		t.Fatalf("%d jobs are listed", len(jobs))
	}
	if !slices.IsSortedFunc(jobs, func(a, b wire.JobDetail) int { return int(b.AgeMillis - a.AgeMillis) }) {
		t.Error("they are not in order of age")
	}
	seen := make(map[string]bool)
	for _, j := range jobs {
		seen[j.ID] = true
	}
	for n := 61; n <= 240; n++ {
		if !seen[jobID(n).String()] {
			t.Fatalf("job %d of the older ones is not listed", n)
		}
	}
	if empty := newStage(t, 1).m.detail(); empty.Jobs == nil || empty.Workers == nil {
		t.Error("lists that are empty are null in JSON")
	}
}

func TestAQueueCrashesOnceItsAnswerIsOut(t *testing.T) {
	s := newStage(t, 1)
	crashed := func() bool {
		return slices.ContainsFunc(s.m.Effects(), func(e role.Effect) bool { return e.Op == role.OpCrash })
	}
	s.run(100 * ms)
	if r := s.command(wire.Command{Verb: wire.VerbCrash}); !r.OK {
		t.Errorf("answered %+v", r)
	}
	asked := s.now
	for s.now = asked + 10*ms; s.now < asked+50*ms; s.now += 10 * ms {
		s.m.Tick(s.now)
		if crashed() {
			t.Fatalf("crashes %v after it was asked to; the answer may not be out", s.now-asked)
		}
	}
	if s.m.Wake() > asked+70*ms {
		t.Errorf("the next tick is wanted at +%v", s.m.Wake()-asked)
	}
	s.now = asked + 50*ms
	s.m.Tick(s.now)
	if !crashed() {
		t.Error("does not crash")
	}
}

func TestWhatAnOperatorAsksIsAnEvent(t *testing.T) {
	s := newStage(t, 1)
	s.receive(role.Packet{Link: LinkPublish, Peer: "coordinator0", Frames: [][]byte{[]byte("\x01event/")}})
	w := s.worker(50, here, 1)
	s.run(200 * ms)
	var kinds []string
	ask := func(verb string) {
		s.published = nil
		s.hear(wire.CommandTopic(10), wire.Command{
			ID: wire.NewIncarnation(), ReplyTo: 900, By: "somebody", Verb: verb, Worker: w.member.Incarnation.String(),
		})
		for _, b := range s.sentOn(wire.TopicEvent) {
			var e wire.Event
			if err := json.Unmarshal(b, &e); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(e.Text, "by somebody") {
				t.Errorf("%s does not say who has asked", e.Text)
			}
			kinds = append(kinds, fmt.Sprint(e.Kind, " ", e.Worker))
		}
	}
	for _, verb := range []string{wire.VerbDrain, wire.VerbUndrain, wire.VerbKill, wire.VerbCrash} {
		ask(verb)
	}
	want := []string{"worker-drain-asked w50", "worker-undrain-asked w50", "worker-kill-asked w50", "queue-killed "}
	if !slices.Equal(kinds, want) {
		t.Errorf("events %q, want %q", kinds, want)
	}
}
