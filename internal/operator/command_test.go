package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"faasd/internal/wire"
)

func TestACommandIsRepeatedUntilItIsAnswered(t *testing.T) {
	cl := newCluster(t, []wire.Incarnation{10}, queue("queueA", 10, 0))
	cl.turn(func() {
		cl.answer = func(to wire.Incarnation, c wire.Command) *wire.Reply {
			if len(cl.heard[to]) < 3 {
				return nil
			}
			return &wire.Reply{OK: true, Text: "yes"}
		}
	})
	o := open(t, cl.endpoint)
	await(t, o)
	reply, err := o.ask(context.Background(), "queueA", 10, wire.Command{Verb: wire.VerbDrain, Worker: "req-1"})
	if err != nil || reply.Text != "yes" {
		t.Errorf("%+v, %v", reply, err)
	}
	heard := cl.commands(10)
	if len(heard) != 3 {
		t.Fatalf("heard %d times", len(heard))
	}
	for i, c := range heard {
		if left := time.Until(time.UnixMilli(c.Expires)); i == len(heard)-1 && (left > repeatEvery || left < -time.Second) {
			t.Errorf("it expires in %v, want when it is said again", left)
		}
		c.Expires = heard[0].Expires
		if c != heard[0] || c.Verb != wire.VerbDrain || c.Worker != "req-1" || c.By == "" || c.ID == 0 {
			t.Errorf("repeated as %+v, want %+v", c, heard[0])
		}
	}
	if _, err := o.ask(context.Background(), "queueA", 10, wire.Command{Verb: wire.VerbDrain}); err != nil {
		t.Error(err)
	}
	if heard := cl.commands(10); heard[3].ID == heard[0].ID {
		t.Error("two commands have one id")
	}
}

func TestARefusalIsAnErrorThatSaysWhy(t *testing.T) {
	cl := newCluster(t, []wire.Incarnation{10}, queue("queueA", 10, 0))
	cl.turn(func() {
		cl.answer = func(wire.Incarnation, wire.Command) *wire.Reply { return &wire.Reply{Text: "not today"} }
	})
	o := open(t, cl.endpoint)
	await(t, o)
	_, err := o.ask(context.Background(), "queueA", 10, wire.Command{})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "queueA") || !strings.Contains(err.Error(), "not today") {
		t.Errorf("%v", err)
	}
}

func TestACommandWithoutAnAnswerSaysHowFarItCame(t *testing.T) {
	cl := newCluster(t, []wire.Incarnation{10}, queue("queueA", 10, 0), queue("queueB", 11, 0))
	cl.turn(func() { cl.answer = func(wire.Incarnation, wire.Command) *wire.Reply { return nil } })
	o := open(t, cl.endpoint)
	await(t, o)
	for _, c := range []struct {
		name string
		inc  wire.Incarnation
		want string
	}{{"queueA", 10, "queueA has not acknowledged"}, {"queueB", 11, "no coordinator passes commands on to queueB"}} {
		ctx, cancel := context.WithTimeout(context.Background(), brief)
		_, err := o.ask(ctx, c.name, c.inc, wire.Command{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if n := len(cl.commands(11)); n != 0 {
		t.Errorf("what nobody passes on is sent %d times", n)
	}
}

// A reply comes by each coordinator, and may come after nobody waits any more.
func TestRepliesThatNobodyWaitsForAreNotKept(t *testing.T) {
	cl := newCluster(t, []wire.Incarnation{10}, queue("queueA", 10, 0))
	cl.turn(func() {
		cl.answer = func(to wire.Incarnation, c wire.Command) *wire.Reply {
			for _, old := range cl.heard[to] { // those before it, once more
				if old.ID != c.ID {
					cl.publish(wire.ReplyTopic(c.ReplyTo), wire.Reply{Command: old.ID, OK: true})
				}
			}
			cl.heard[to] = cl.heard[to][max(0, len(cl.heard[to])-20):]
			return &wire.Reply{OK: true}
		}
	})
	o := open(t, cl.endpoint)
	await(t, o)
	for i := range 50 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := o.ask(ctx, "queueA", 10, wire.Command{})
		cancel()
		if err != nil {
			t.Fatalf("command %d: %v", i+1, err)
		}
	}
	within(t, "nothing is kept", func() (none bool) {
		o.turn(func(time.Duration) { none = len(o.watcher.replies) == 0 })
		return none
	})
}

func up(id string) wire.WorkerDetail {
	pid, _ := strconv.Atoi(id)
	return wire.WorkerDetail{ID: id, Name: "w" + id, Kind: "native", Host: "h", PID: pid, State: wire.WorkerUp}
}

func TestKillAndDrainEndWhenTheQueueCountsTheWorkerNoMore(t *testing.T) {
	lost := up("1")
	lost.State, lost.Reason = wire.WorkerLost, "killed by an operator"
	for _, c := range []struct {
		name string
		verb string
		run  func(*Operator, context.Context, Worker, func(Progress)) error
		left []wire.WorkerDetail // what the queue lists in the end
		want []Stage
		text string
	}{
		{"killed", wire.VerbKill, (*Operator).Kill, []wire.WorkerDetail{lost, up("2")}, []Stage{Asked, Acknowledged, Gone}, "lost (killed by an operator)"},
		{"drained", wire.VerbDrain, func(o *Operator, ctx context.Context, w Worker, tell func(Progress)) error {
			return o.Drain(ctx, w, true, tell)
		}, []wire.WorkerDetail{up("2")}, []Stage{Asked, Acknowledged, Gone}, "left"},
		{"drained without waiting", wire.VerbDrain, func(o *Operator, ctx context.Context, w Worker, tell func(Progress)) error {
			return o.Drain(ctx, w, false, tell)
		}, nil, []Stage{Asked, Acknowledged}, "as you wish"},
		{"undrained", wire.VerbUndrain, (*Operator).Undrain, nil, []Stage{Asked, Acknowledged, Done}, "it takes jobs again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := newCluster(t, []wire.Incarnation{10}, queue("queueA", 10, 2))
			o := open(t, cl.endpoint)
			cl.turn(func() { cl.say("queueA", 10, 2, up("1"), up("2")) })
			within(t, "both workers are known", func() bool {
				cl.turn(func() { cl.say("queueA", 10, 2, up("1"), up("2")) })
				return len(o.Picture().Workers) == 2
			})
			cl.turn(func() {
				cl.answer = func(_ wire.Incarnation, cmd wire.Command) *wire.Reply {
					if c.left != nil {
						cl.say("queueA", 10, 3, c.left...)
					}
					return &wire.Reply{OK: true, Text: "as you wish"}
				}
			})
			var texts []string
			var got []Stage
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			err := c.run(o, ctx, o.Picture().Workers[0], func(p Progress) {
				got, texts = append(got, p.Stage), append(texts, p.Text)
			})
			if err != nil || !slices.Equal(got, c.want) || texts[len(texts)-1] != c.text {
				t.Errorf("%v; stages %q, %q", err, got, texts)
			}
			if heard := cl.commands(10); len(heard) != 1 || heard[0].Verb != c.verb || heard[0].Worker != "1" {
				t.Errorf("heard %+v", heard)
			}
		})
	}
}

func TestAWorkerThatDoesNotGoIsAnErrorThatSaysSo(t *testing.T) {
	cl := newCluster(t, []wire.Incarnation{10}, queue("queueA", 10, 1))
	cl.turn(func() {
		cl.answer = func(wire.Incarnation, wire.Command) *wire.Reply { return &wire.Reply{OK: true} }
	})
	o := open(t, cl.endpoint)
	within(t, "the worker is known", func() bool {
		cl.turn(func() { cl.say("queueA", 10, 2, up("1")) })
		return len(o.Picture().Workers) == 1
	})
	w := o.Picture().Workers[0]
	for want, run := range map[string]func(ctx context.Context, tell func(Progress)) error{
		"is not known to be gone": func(ctx context.Context, tell func(Progress)) error { return o.Kill(ctx, w, tell) },
		"it may still run jobs":   func(ctx context.Context, tell func(Progress)) error { return o.Drain(ctx, w, true, tell) },
	} {
		var got []Stage
		ctx, cancel := context.WithTimeout(context.Background(), brief)
		err := run(ctx, stages(&got))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) || !slices.Equal(got, []Stage{Asked, Acknowledged}) {
			t.Errorf("%v after %q, want %q", err, got, want)
		}
	}
}

func TestACrashEndsWhenThatIncarnationIsGone(t *testing.T) {
	cl := newCluster(t, []wire.Incarnation{10}, queue("queueA", 10, 0))
	o := open(t, cl.endpoint)
	p := await(t, o)
	cl.turn(func() {
		cl.answer = func(wire.Incarnation, wire.Command) *wire.Reply {
			cl.say("queueA", 12, 1) // its successor is there while it is not silent yet
			return &wire.Reply{OK: true}
		}
	})
	var got []Progress
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() { // the successor goes on telling of itself
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for n := uint64(2); ; n++ {
			select {
			case <-tick.C:
				cl.turn(func() { cl.say("queueA", 12, n) })
			case <-stop:
				return
			}
		}
	}()
	err := o.Crash(ctx, p.Queues[0].Part, func(p Progress) { got = append(got, p) })
	close(stop)
	<-ended
	if err != nil || len(got) != 3 || got[2].Stage != Gone || !strings.Contains(got[2].Text, wire.Incarnation(12).String()) {
		t.Errorf("%v; %+v", err, got)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("gone after %v, though its successor was there at once", took)
	}
}

// supervisor has workers whose process ids are 1, 2 and so on.
func supervisor(inc wire.Incarnation, running int, sequence uint64) wire.State {
	s := &wire.SupervisorState{Wanted: running}
	for i := range running {
		s.PIDs = append(s.PIDs, i+1)
	}
	return wire.State{
		Member: wire.Member{Role: wire.RoleSupervisor, Name: "up", Incarnation: inc, Host: "h"}, Sequence: sequence, Supervisor: s,
	}
}

func TestAScaleEndsWhenAsManyRunAndHaveJoined(t *testing.T) {
	cl := newCluster(t, []wire.Incarnation{20}, queue("queueA", 10, 0), supervisor(20, 0, 1))
	o := open(t, cl.endpoint)
	p := await(t, o)
	cl.turn(func() {
		cl.answer = func(_ wire.Incarnation, c wire.Command) *wire.Reply {
			s := supervisor(20, c.Count, 2)
			cl.publish(s.Topic(), s)
			return &wire.Reply{OK: true, Text: "scaled"}
		}
	})
	var got []Stage
	ctx, cancel := context.WithTimeout(context.Background(), brief)
	err := o.Scale(ctx, p.Supervisors[0], 2, stages(&got))
	cancel()
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 workers there, of which joined: 0; wanted: 2") || slices.Contains(got, Done) {
		t.Errorf("%v after %q: they run and have not joined", err, got)
	}
	cl.turn(func() { cl.say("queueA", 10, 2, up("1"), up("2")) })
	got = nil
	ctx, cancel = context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := o.Scale(ctx, p.Supervisors[0], 2, stages(&got)); err != nil || !slices.Equal(got, []Stage{Asked, Acknowledged, Done}) {
		t.Errorf("%v after %q", err, got)
	}
	if err := o.Hold(ctx, p.Supervisors[0], 1500*time.Millisecond); err != nil {
		t.Error(err)
	}
	heard := cl.commands(20)
	if last := heard[len(heard)-1]; last.Verb != wire.VerbHold || last.Millis != 1500 || heard[0].Verb != wire.VerbScale || heard[0].Count != 2 {
		t.Errorf("heard %+v", heard)
	}
}

func TestAJobIsAskedForEverywhere(t *testing.T) {
	b := wire.State{Member: wire.Member{Role: wire.RoleBroker, Name: "b1", Incarnation: 30}, Sequence: 1, Broker: &wire.BrokerState{}}
	cl := newCluster(t, []wire.Incarnation{10, 11, 12, 30}, queue("queueA", 10, 0), queue("queueB", 11, 0), queue("queueC", 12, 0), b)
	o := open(t, cl.endpoint)
	await(t, o)
	const id = "01JQXM7C2N8RZ5V0T4W6Y3HGKE"
	hung := false
	cl.turn(func() {
		cl.answer = func(to wire.Incarnation, c wire.Command) *wire.Reply {
			switch {
			case c.Verb != wire.VerbJob || c.Job != id:
				t.Errorf("asked %+v", c)
			case to == 30:
				return &wire.Reply{Role: wire.RoleBroker, Name: "b1", OK: true, Text: "was given to queueA", Job: &wire.JobDetail{ID: id}}
			case to == 10:
				return &wire.Reply{Role: wire.RoleQueue, Name: "queueA", OK: true, Text: "is at queueA", Job: &wire.JobDetail{ID: id, State: wire.JobRunning}, Request: &wire.Preview{Start: []byte("{"), Bytes: 24}}
			case to == 12 && hung:
				return nil
			}
			return &wire.Reply{Text: "is not here"}
		}
	})
	names := func(list []JobAt) (n []string) {
		for _, a := range list {
			n = append(n, a.Role+" "+a.Name+" "+a.Text)
		}
		return n
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	want := []string{"broker b1 was given to queueA", "queue queueA is at queueA"}
	if got, err := o.Job(ctx, id); err != nil || !slices.Equal(names(got), want) || got[1].Job.State != wire.JobRunning || got[0].Request != nil || got[1].Request.Bytes != 24 {
		t.Errorf("%q, %v, want %q", names(got), err, want)
	}
	cl.turn(func() { hung = true })
	ctx, cancel = context.WithTimeout(context.Background(), brief)
	defer cancel()
	got, err := o.Job(ctx, id)
	if err == nil || !strings.Contains(err.Error(), "queueC") || strings.Contains(err.Error(), "queueB") || !slices.Equal(names(got), want) {
		t.Errorf("%q, %v, want what the others say and an error about queueC", names(got), err)
	}
	if _, err := o.Job(ctx, "nonsense"); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("nonsense is asked for: %v", err)
	}
}

func event(from wire.Incarnation, number uint64, millis int64) wire.Event {
	return wire.Event{From: from, Number: number, Millis: millis, Role: wire.RoleQueue, Name: "q", Text: fmt.Sprint(from, "/", number)}
}

func TestEventsBeginWithThePastAndComeOnce(t *testing.T) {
	c := newCoordinator(t, queue("queueA", 10, 0))
	c.turn(func() { c.past = []wire.Event{event(1, 1, 100), event(2, 1, 200), event(1, 2, 300)} })
	o := open(t, c.endpoint)
	await(t, o)
	list, next := o.Events(0)
	if len(list) != 3 || next != 3 || list[0].Millis != 100 || list[2].Millis != 300 {
		t.Fatalf("%+v, and then %d", list, next)
	}
	e := event(1, 3, 400)
	c.turn(func() {
		c.publish(list[2].Topic(), list[2]) // by another coordinator
		c.publish(e.Topic(), e)
	})
	within(t, "the new one has come", func() bool { _, n := o.Events(next); return n == 4 })
	if list, _ := o.Events(next); len(list) != 1 || list[0] != e {
		t.Errorf("then come %+v", list)
	}
	if list, n := o.Events(99); len(list) != 0 || n != 4 {
		t.Errorf("from beyond the end come %+v, and then %d", list, n)
	}
}

func TestEventsAreForgottenFromTheFront(t *testing.T) {
	w := newWatcher([]string{"tcp://c0"})
	for n := range uint64(maxEvents + 100) {
		w.event(event(1, n+1, int64(n)))
	}
	if len(w.events) != maxEvents || w.dropped != 100 || w.events[0].Number != 101 || len(w.seen) != maxEvents {
		t.Errorf("%d events and %d keys are kept, %d dropped", len(w.events), len(w.seen), w.dropped)
	}
}
