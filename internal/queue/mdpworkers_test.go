package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// What goes between a queue and a worker that speaks MDP, behind the empty frame.
const (
	mdpREADY      = "MDPW01|\x01|echo"
	mdpHEARTBEAT  = "MDPW01|\x04"
	mdpDISCONNECT = "MDPW01|\x05"
)

// mdp has a worker say something, whose frames are joined by "|", and returns what
// it has been told.
func (s *stage) mdp(route, message string) []string {
	return s.req(route, strings.Split(message, "|")...)
}

// mdpJoins joins one that serves echo, which is not answered.
func (s *stage) mdpJoins(route string) {
	s.t.Helper()
	if r := s.mdp(route, mdpREADY); len(r) != 0 {
		s.t.Fatalf("READY is answered by %q", r)
	}
}

func mdpREQUEST(n int) string { return fmt.Sprintf("MDPW01|\x02|%s||body %d", jobID(n), n) }

func mdpREPLY(n int, body string) string { return fmt.Sprintf("MDPW01|\x03|%s||%s", jobID(n), body) }

// beats lets time pass in which a worker does as an idle one must, and returns what
// it hears.
func (s *stage) beats(route string, d time.Duration) (heard []string) {
	for end := s.now + d; s.now < end; {
		s.run(min(heartbeatEvery, end-s.now))
		heard = append(heard, s.mdp(route, mdpHEARTBEAT)...)
	}
	return heard
}

func TestAnMDPWorkerRunsJobs(t *testing.T) {
	s := newStage(t, 1)
	s.mdpJoins("z")
	s.give(1, 3)
	if r := one(t, s.replied("z")); r != mdpREQUEST(1) {
		t.Errorf("it was given %q", r)
	}
	if r := one(t, s.mdp("z", mdpREPLY(1, "done"))); r != mdpREQUEST(2) {
		t.Errorf("REPLY is answered by %q, want the next job", r)
	}
	if r := s.mdp("z", mdpREPLY(2, "in|three| parts")); len(r) != 0 {
		t.Errorf("REPLY is answered by %q, and there is no job", r)
	}
	r := s.brokers[0].results()
	if len(r) != 2 {
		t.Fatalf("%d results", len(r))
	}
	for i, want := range []string{"done", "inthree parts"} {
		if r := r[i]; r.Code != wire.CodeOK || string(r.Body) != want || r.Meta.ContentType != "text/x" || r.Meta.Worker != "mdp-1" || r.Attempt != 1 {
			t.Errorf("REPLY went on as %+v, want %q and the request's content type", r, want)
		}
	}
	if d := s.shown("mdp-1"); d.Kind != "mdp" || d.ID != "mdp-1" || d.Slots != 1 || d.Done != 2 || d.Failed != 0 || !slices.Equal(d.Functions, []string{"echo"}) {
		t.Errorf("shown as %+v", d)
	}
	s.consistent()
}

func TestHeartbeatsGoBothWaysAndASilentIdleMDPWorkerIsLost(t *testing.T) {
	s := newStage(t, 1)
	s.mdpJoins("z")
	if r := s.beats("z", 10*time.Second); len(r) != 4 || slices.ContainsFunc(r, func(r string) bool { return r != mdpHEARTBEAT }) {
		t.Errorf("in 10 s it hears %q, want a HEARTBEAT each 2.5 s", r)
	}
	s.run(heartbeatWithin - 100*ms)
	if len(s.m.workers) != 1 {
		t.Fatal("lost before it has been silent for 7.5 s")
	}
	s.run(200 * ms)
	if len(s.m.workers) != 0 || len(s.m.lost) != 1 {
		t.Errorf("%d workers, %d lost", len(s.m.workers), len(s.m.lost))
	}
	s.replied("z")
	s.run(5 * time.Second)
	if r := s.replied("z"); len(r) != 0 {
		t.Errorf("one that was given up hears %q", r)
	}
	if r := one(t, s.mdp("z", mdpHEARTBEAT)); r != mdpDISCONNECT {
		t.Errorf("its HEARTBEAT is answered by %q, want DISCONNECT", r)
	}
}

func TestABusyMDPWorkerNeedNotSendHeartbeats(t *testing.T) {
	s := newStage(t, 1)
	s.mdpJoins("z")
	s.give(1, 2)
	one(t, s.replied("z"))
	s.run(30 * time.Second)
	if r := s.replied("z"); len(r) != 12 || slices.ContainsFunc(r, func(r string) bool { return r != mdpHEARTBEAT }) {
		t.Errorf("in 30 s it hears %q, want 12 heartbeats", r)
	}
	if r := s.mdp("z", mdpHEARTBEAT); len(r) != 0 { // one that can
		t.Errorf("HEARTBEAT is answered by %q", r)
	}
	s.mdp("z", mdpREPLY(1, "done"))
	if n := len(s.brokers[0].results()); n != 1 {
		t.Errorf("%d results", n)
	}
	if s.beats("z", 10*time.Second); len(s.m.workers) != 1 {
		t.Error("it is lost after its work")
	}
}

func TestAMDPWorkerWhoseConnectionIsGoneIsNoticedByTheNextHeartbeat(t *testing.T) {
	for _, busy := range []bool{false, true} {
		s := newStage(t, 1)
		s.mdpJoins("z")
		if busy {
			s.give(1, 2)
		}
		s.mdpJoins("y")
		s.cutOff["z"] = true
		s.run(heartbeatEvery + 100*ms)
		if d := s.shown("mdp-1"); d.State != wire.WorkerLost || d.Reason != "its connection is gone" {
			t.Errorf("busy %t: shown as %+v", busy, d)
		}
		if r := s.replied("y"); busy && !slices.Contains(r, mdpREQUEST(1)) {
			t.Errorf("the other worker hears %q, want the job", r)
		}
		if e := s.m.jobs[jobID(1)]; busy && e.msg.Attempt != 2 {
			t.Errorf("it is at attempt %d, want 2: the first had begun", e.msg.Attempt)
		}
		s.consistent()
	}
}

func TestDeadMDPWorkersThatNeverGotAJobCostItNoAttempt(t *testing.T) {
	s := newStage(t, 1)
	for _, route := range []string{"d1", "d2", "d3", "ok"} {
		s.mdpJoins(route)
		s.cutOff[route] = route != "ok"
	}
	s.give(1, 2)
	s.run(100 * ms)
	if r := one(t, s.replied("ok")); r != mdpREQUEST(1) {
		t.Fatalf("the living worker hears %q, want the job", r)
	}
	if e := s.m.jobs[jobID(1)]; e.msg.Attempt != 1 {
		t.Errorf("it is at attempt %d", e.msg.Attempt)
	}
}

// RFC 7: what is valid and out of turn is answered by DISCONNECT, what is invalid
// is dropped, and whoever has sent DISCONNECT is sent nothing.
func TestWhatAnMDPWorkerMayNotSay(t *testing.T) {
	joined := func(s *stage) { s.mdpJoins("z") }
	busy := func(s *stage) { s.mdpJoins("z"); s.give(1, 2); s.replied("z") }
	for _, c := range []struct {
		name    string
		before  func(*stage)
		message string
		want    string // the answer, if there is one
		counts  bool   // as unusable
	}{
		{"HEARTBEAT before READY", nil, mdpHEARTBEAT, mdpDISCONNECT, false},
		{"REPLY of a queue before", nil, mdpREPLY(1, "x"), mdpDISCONNECT, false},
		{"a queue's word", nil, mdpREQUEST(1), mdpDISCONNECT, false},
		{"DISCONNECT before READY", nil, mdpDISCONNECT, "", false},
		{"READY for what is no function", nil, "MDPW01|\x01|no/name", "", true},
		{"nonsense before READY", nil, "MDPW01|\x09", "", true},
		{"READY when ready", joined, mdpREADY, mdpDISCONNECT, true},
		{"REPLY when ready", joined, mdpREPLY(1, "x"), mdpDISCONNECT, true},
		{"REQUEST when ready", joined, mdpREQUEST(1), mdpDISCONNECT, true},
		{"DISCONNECT when ready", joined, mdpDISCONNECT, "", false},
		{"nonsense when ready", joined, "MDPW01|?", "", true},
		{"READY when busy", busy, mdpREADY, mdpDISCONNECT, true},
		{"REPLY for another job when busy", busy, mdpREPLY(9, "x"), mdpDISCONNECT, true},
		{"REPLY without a body when busy", busy, "MDPW01|\x03|" + jobID(1).String() + "|", "", true},
		{"DISCONNECT when busy", busy, mdpDISCONNECT, "", false},
		{"nonsense when busy", busy, "MDPW01|", "", true},
		{"the text of REQ when busy", busy, "PONG", "REJOIN|not known here; begin with READY", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1)
			if c.before != nil {
				c.before(s)
			}
			counted := s.m.MalformedCount()
			if r := s.mdp("z", c.message); strings.Join(r, " and ") != c.want {
				t.Errorf("answered %q, want %q", r, c.want)
			}
			if got := s.m.MalformedCount() > counted; got != c.counts {
				t.Errorf("counted as unusable: %t, want %t", got, c.counts)
			}
			s.consistent()
			if len(s.m.workers) != 0 {
				t.Error("it still is a worker")
			}
			for _, e := range s.m.jobs {
				if e.state != waiting || e.msg.Attempt != 1 {
					t.Errorf("its job is in state %d after attempt %d, want waiting after 1", e.state, e.msg.Attempt)
				}
			}
			s.run(8 * time.Second)
			if r := s.replied("z"); len(r) != 0 {
				t.Errorf("then it hears %q", r)
			}
		})
	}
}

func TestAnMDPWorkerMayBeginAnewAfterItWasGivenUp(t *testing.T) {
	s := newStage(t, 1)
	s.mdpJoins("z")
	s.give(1, 2)
	s.replied("z")
	s.mdp("z", "READY|w|echo") // as REQ workers speak
	if r := s.mdp("z", mdpREADY); !slices.Contains(r, mdpREQUEST(1)) || len(s.m.workers) != 1 {
		t.Errorf("hears %q, and there are %d workers", r, len(s.m.workers))
	}
	s.consistent()
}

func TestAnMDPReplyBeyondTheBoundsEndsItsJobAndNotItsWorker(t *testing.T) {
	for _, c := range []struct {
		name   string
		excess role.Excess
		words  []string
		ended  string // the reason of its job; "" if it is to be run again
	}{
		{"too large", role.Excess{Of: role.Bytes, Got: 1033, Limit: 533}, []string{"MDPW01", "\x03", jobID(1).String(), ""}, "the function returned 1000 bytes; at most 500 are taken"},
		{"of many frames", role.Excess{Of: role.Frames, Got: 30, Limit: 16}, []string{"MDPW01", "\x03", jobID(1).String(), "", "x"}, "a body of 25 frames; at most 11"},
		{"of another job", role.Excess{Of: role.Bytes, Got: 1033, Limit: 533}, []string{"MDPW01", "\x03", jobID(2).String(), ""}, ""},
		{"and no REPLY", role.Excess{Of: role.Bytes, Got: 1033, Limit: 533}, []string{"MDPW01", "\x01"}, ""},
		{"in its first frame", role.Excess{Of: role.Bytes, Got: 1033, Limit: 533}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1)
			s.mdpJoins("z")
			s.give(1, 2)
			s.replied("z")
			if r := s.exceed("z", c.excess, c.words...); len(r) != 0 {
				t.Errorf("answered %q", r)
			}
			results := s.brokers[0].results()
			if c.ended == "" {
				if len(results) != 0 || len(s.m.workers) != 0 || len(s.m.jobs) != 1 {
					t.Errorf("results %+v, %d workers, %d jobs", results, len(s.m.workers), len(s.m.jobs))
				}
			} else if len(results) != 1 || results[0].Code != wire.CodeFunctionFailed || !strings.Contains(results[0].Meta.Reason, c.ended) {
				t.Errorf("results %+v, want one of code 3 because %s", results, c.ended)
			} else if d := s.shown("mdp-1"); d.State != wire.WorkerUp || d.Failed != 1 {
				t.Errorf("shown as %+v", d)
			}
			if s.give(2, 3); c.ended != "" {
				if r := one(t, s.replied("z")); r != mdpREQUEST(2) {
					t.Errorf("then it hears %q, want the next job", r)
				}
			}
			s.consistent()
		})
	}
	s := newStage(t, 1)
	if r := s.exceed("nobody", role.Excess{Of: role.Bytes, Got: 2, Limit: 1}, "MDPW01", "\x01"); len(r) != 0 {
		t.Errorf("a stranger is answered %q", r)
	}
}

func TestTheReplyToAJobThatWasCancelledIsDropped(t *testing.T) {
	for _, large := range []bool{false, true} {
		s := newStage(t, 1)
		s.mdpJoins("z")
		s.give(1, 3)
		one(t, s.replied("z"))
		s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
		s.run(100 * ms)
		if r := s.replied("z"); len(r) != 0 {
			t.Fatalf("a busy worker hears %q", r)
		}
		var r []string
		if large {
			r = s.exceed("z", role.Excess{Of: role.Bytes, Got: 2, Limit: 1}, "MDPW01", "\x03", jobID(1).String())
		} else {
			r = s.mdp("z", mdpREPLY(1, "x"))
		}
		if one(t, r) != mdpREQUEST(2) {
			t.Errorf("answered %q, want the next job", r)
		}
		if r := s.brokers[0].results(); len(r) != 0 || s.m.late != 1 {
			t.Errorf("results %+v, %d late", r, s.m.late)
		}
		s.consistent()
	}
}

func TestAStoppingQueueSaysDISCONNECTOnceToItsMDPWorkers(t *testing.T) {
	s := newStage(t, 1)
	s.mdpJoins("busy")
	s.give(1, 2)
	s.mdpJoins("idle")
	s.replied("busy")
	s.m.Drain(s.now)
	s.pump()
	s.mdpJoins("late") // one that was sent away before the queue has ended would be back at once
	if r := slices.Concat(s.replied("busy"), s.replied("idle"), s.replied("late")); len(r) != 0 {
		t.Errorf("while the queue drains they hear %q", r)
	}
	s.mdp("busy", mdpREPLY(1, "done"))
	if n := len(s.brokers[0].results()); n != 1 {
		t.Errorf("%d results", n)
	}
	s.m.Leave(s.now)
	s.pump()
	for _, route := range []string{"busy", "idle", "late"} {
		if r := one(t, s.replied(route)); r != mdpDISCONNECT {
			t.Errorf("%s hears %q, want DISCONNECT", route, r)
		}
	}
}

func TestAQueueWithoutABrokerKeepsItsMDPWorkers(t *testing.T) {
	s := newStage(t, 1)
	s.mdpJoins("z")
	s.ready("y")
	s.brokers[0].silent = true
	for range 20 {
		for _, r := range s.beats("z", time.Second) {
			if r != mdpHEARTBEAT {
				t.Errorf("it hears %q", r)
			}
		}
		if slices.Contains(s.replied("y"), "PING") {
			s.req("y", "PONG")
		}
	}
	if len(s.m.workers) != 1 || s.m.workers[routeKey("z")] == nil {
		t.Errorf("%d workers are left, want the one that knows no other queue", len(s.m.workers))
	}
}

func TestADrainedMDPWorkerIsGivenNothingUntilItsProcessEnds(t *testing.T) {
	s := newStage(t, 1)
	s.mdpJoins("z")
	s.give(1, 3)
	s.replied("z")
	command := func(verb string) wire.Reply { return s.command(wire.Command{Verb: verb, Worker: "mdp-1"}) }
	if r := command(wire.VerbDrain); !r.OK || !r.Foreign || !strings.Contains(r.Text, "finishes 1 job") {
		t.Errorf("answered %+v", r)
	}
	if r := s.mdp("z", mdpREPLY(1, "done")); len(r) != 0 {
		t.Errorf("its REPLY is answered by %q", r)
	}
	if d := s.shown("mdp-1"); d.State != wire.WorkerDraining || d.Done != 1 {
		t.Errorf("shown as %+v", d)
	}
	if r := command(wire.VerbUndrain); !r.OK {
		t.Errorf("answered %+v", r)
	}
	if r := one(t, s.replied("z")); r != mdpREQUEST(2) {
		t.Errorf("after undrain it hears %q, want the job that waits", r)
	}
	command(wire.VerbDrain)
	s.mdp("z", mdpREPLY(2, "done"))
	if r := s.beats("z", 5*time.Second); slices.Contains(r, mdpDISCONNECT) || len(s.m.workers) != 1 {
		t.Errorf("drained it hears %q", r)
	}
	s.cutOff["z"] = true
	s.run(heartbeatEvery + 100*ms)
	if len(s.m.workers) != 0 || len(s.m.lost) != 0 {
		t.Errorf("%d workers, and %d count as lost, though it has ended as it should", len(s.m.workers), len(s.m.lost))
	}
}

func TestAnMDPWorkerThatIsKilledIsDisconnected(t *testing.T) {
	s := newStage(t, 1)
	s.mdpJoins("z")
	s.give(1, 2)
	s.mdpJoins("y")
	s.replied("z")
	if r := s.command(wire.Command{Verb: wire.VerbKill, Worker: "mdp-1"}); !r.OK || !r.Foreign {
		t.Errorf("answered %+v", r)
	}
	if r := one(t, s.replied("z")); r != mdpDISCONNECT {
		t.Errorf("it hears %q", r)
	}
	if r := one(t, s.replied("y")); r != mdpREQUEST(1) {
		t.Errorf("the other hears %q, want its job", r)
	}
	if r := one(t, s.mdp("z", mdpREPLY(1, "late"))); r != mdpDISCONNECT || len(s.brokers[0].results()) != 0 {
		t.Errorf("its REPLY is answered by %q", r)
	}
}

func TestMDPWorkersDriveNoOtherWorkerAway(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 1)
	for i := range 20 {
		s.mdpJoins(fmt.Sprint("z", i))
	}
	s.other("queueB", 11, 1, wire.FunctionState{})
	for range 6 {
		s.other("queueB", 11, 1, wire.FunctionState{})
		s.run(time.Second)
	}
	if w.sentAway {
		t.Error("the native worker is sent to a queue with fewer workers")
	}
	if state := s.m.state(); state.Workers != 21 || state.Pinned != 20 || state.Placed() != 1 {
		t.Errorf("%d workers, %d of them pinned", state.Workers, state.Pinned)
	}
}
