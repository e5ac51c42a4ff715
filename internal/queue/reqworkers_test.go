package queue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// ready joins a REQ worker that serves echo.
func (s *stage) ready(route string) {
	s.t.Helper()
	if r := s.req(route, "READY", "w"+route, "echo"); len(r) != 0 {
		s.t.Fatalf("READY is answered at once by %q, and there is no job", r)
	}
}

// one checks that there is exactly one reply, and returns it.
func one(t *testing.T, replies []string) string {
	t.Helper()
	if len(replies) != 1 {
		t.Fatalf("%d replies to one message: %q", len(replies), replies)
	}
	return replies[0]
}

func TestAREQWorkerRunsJobs(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	s.give(1, 3)
	id := jobID(1).String()
	if r := one(t, s.replied("z")); r != "JOB|"+id+"|echo|body 1" {
		t.Errorf("it was given %q", r)
	}
	next := one(t, s.req("z", "RESULT", id, "done", "text/y"))
	if !strings.HasPrefix(next, "JOB|"+jobID(2).String()) {
		t.Errorf("RESULT is answered by %q, want the next job", next)
	}
	if r := s.req("z", "FAIL", jobID(2).String(), "it broke"); len(r) != 0 {
		t.Errorf("FAIL is answered by %q, and there is no job", r)
	}
	r := s.brokers[0].results()
	if len(r) != 2 {
		t.Fatalf("%d results", len(r))
	}
	if r := r[0]; r.Code != wire.CodeOK || string(r.Body) != "done" || r.Meta.ContentType != "text/y" || r.Meta.Worker != "wz" || r.Attempt != 1 {
		t.Errorf("RESULT went on as %+v", r)
	}
	if r := r[1]; r.Code != wire.CodeFunctionError || string(r.Body) != "it broke" || r.Meta.ContentType != "text/plain; charset=utf-8" {
		t.Errorf("FAIL went on as %+v", r)
	}
	s.consistent()
}

func TestAResultWithoutAContentTypeHasTheRequests(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	s.give(1, 2)
	s.replied("z")
	s.req("z", "RESULT", jobID(1).String(), "done")
	if r := s.brokers[0].results(); len(r) != 1 || r[0].Meta.ContentType != "text/x" {
		t.Errorf("results %+v, want the request's content type", r)
	}
}

func TestAnIdleREQWorkerIsPingedAndLostIfItIsSilent(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	for range 3 {
		s.run(1100 * ms)
		if r := one(t, s.replied("z")); r != "PING" {
			t.Fatalf("it hears %q, want PING", r)
		}
		if r := s.req("z", "PONG"); len(r) != 0 {
			t.Errorf("PONG is answered at once by %q", r)
		}
	}
	s.run(1100 * ms)
	one(t, s.replied("z"))
	s.run(2800 * ms)
	if len(s.m.workers) != 1 {
		t.Fatal("lost before three seconds without a PONG")
	}
	s.give(1, 2)
	if r := s.replied("z"); len(r) != 0 {
		t.Errorf("a worker that owes a PONG is sent %q", r)
	}
	s.run(300 * ms)
	if len(s.m.workers) != 0 || len(s.m.lost) != 1 {
		t.Errorf("%d workers, %d lost", len(s.m.workers), len(s.m.lost))
	}
	if r := one(t, s.req("z", "PONG")); !strings.HasPrefix(r, "REJOIN|") {
		t.Errorf("one that is too late is told %q, want REJOIN", r)
	}
}

func TestABusyREQWorkerIsProbedAndMayTakeItsTime(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	s.give(1, 2)
	one(t, s.replied("z"))
	s.run(20 * time.Second)
	if r := s.replied("z"); len(r) != 20 || slices.ContainsFunc(r, func(p string) bool { return p != "|x" }) {
		t.Errorf("in 20 s it hears %q, want 20 probes", r)
	}
	s.req("z", "RESULT", jobID(1).String(), "done")
	if n := len(s.brokers[0].results()); n != 1 {
		t.Errorf("%d results", n)
	}
}

func TestABusyREQWorkerWhoseConnectionIsGoneIsNoticed(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	s.give(1, 2)
	s.ready("y")
	s.cutOff["z"] = true
	s.run(1100 * ms) // the probe comes back, and the other is pinged
	one(t, s.replied("y"))
	if r := one(t, s.req("y", "PONG")); !strings.HasPrefix(r, "JOB|"+jobID(1).String()) {
		t.Errorf("the other worker hears %q, want the job", r)
	}
	if e := s.m.jobs[jobID(1)]; e.msg.Attempt != 2 {
		t.Errorf("it is at attempt %d, want 2: the first had begun", e.msg.Attempt)
	}
	s.consistent()
}

func TestDeadREQWorkersThatNeverGotAJobCostItNoAttempt(t *testing.T) {
	s := newStage(t, 1)
	for _, route := range []string{"d1", "d2", "d3", "ok"} {
		s.ready(route)
		s.cutOff[route] = route != "ok"
	}
	s.give(1, 2)
	s.run(100 * ms)
	if r := s.replied("ok"); len(r) != 1 || !strings.HasPrefix(r[0], "JOB|") {
		t.Fatalf("the living worker hears %q, want the job", r)
	}
	if e := s.m.jobs[jobID(1)]; e.msg.Attempt != 1 {
		t.Errorf("it is at attempt %d", e.msg.Attempt)
	}
}

func TestEveryMessageOfAREQWorkerIsAnsweredOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(s *stage)
		words  []string
		want   string
	}{
		{"nonsense before READY", nil, []string{"HELLO"}, "ERROR|"},
		{"nothing", nil, []string{""}, "ERROR|"},
		{"READY without a function", nil, []string{"READY", "w"}, "ERROR|"},
		{"PONG before READY", nil, []string{"PONG"}, "REJOIN|"},
		{"RESULT of a queue before", nil, []string{"RESULT", jobID(1).String(), "x"}, "REJOIN|"},
		{"a queue's word", nil, []string{"PING"}, "REJOIN|"},
		{"PONG when ready", func(s *stage) { s.ready("z") }, []string{"PONG"}, "REJOIN|"},
		{"nonsense when ready", func(s *stage) { s.ready("z") }, []string{"?"}, "REJOIN|"},
		{"RESULT when pinged", func(s *stage) { s.ready("z"); s.run(1100 * ms); s.replied("z") }, []string{"RESULT", jobID(1).String(), "x"}, "REJOIN|"},
		{"PONG when busy", func(s *stage) { s.ready("z"); s.give(1, 2); s.replied("z") }, []string{"PONG"}, "REJOIN|"},
		{"half a RESULT when busy", func(s *stage) { s.ready("z"); s.give(1, 2); s.replied("z") }, []string{"RESULT", jobID(1).String()}, "REJOIN|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1)
			if c.before != nil {
				c.before(s)
			}
			if r := one(t, s.req("z", c.words...)); !strings.HasPrefix(r, c.want) || len(r) == len(c.want) {
				t.Errorf("answered %q, want %s and a reason", r, c.want)
			}
			s.consistent()
			if len(s.m.workers) != 0 {
				t.Error("it still is a worker")
			}
			for _, e := range s.m.jobs {
				if e.state != waiting {
					t.Errorf("its job is in state %d, want waiting", e.state)
				}
			}
		})
	}
}

// exceed has a REQ worker say what goes beyond the bounds of its link behind
// those words, and returns the replies.
func (s *stage) exceed(route string, e role.Excess, words ...string) []string {
	p := role.Packet{Link: LinkWorkers, Peer: route, Frames: [][]byte{{}}}
	for _, w := range words {
		p.Frames = append(p.Frames, []byte(w))
	}
	s.m.Exceeded(s.now, p, &e)
	s.pump()
	return s.replied(route)
}

func TestAREQWorkerThatSaysTooMuchIsAnswered(t *testing.T) {
	frames, bytes := role.Excess{Of: role.Frames, Got: 22, Limit: 16}, role.Excess{Of: role.Bytes, Got: 1032, Limit: 532}
	busy := func(s *stage) { s.ready("z"); s.give(1, 2); s.replied("z") }
	for _, c := range []struct {
		name   string
		before func(s *stage)
		excess role.Excess
		words  []string
		ended  string // the reason of its job; "" if it is to be run again
	}{
		{"READY with 20 functions", nil, frames, []string{"READY", "w", "f1", "f2"}, ""},
		{"READY with 20 functions when ready", func(s *stage) { s.ready("z") }, frames, []string{"READY", "w", "f1"}, ""},
		{"nothing but a frame that is too large", nil, bytes, nil, ""},
		{"a RESULT that is too large", busy, bytes, []string{"RESULT", jobID(1).String()}, "the function returned 1000 bytes; at most 500 are taken"},
		{"a RESULT in small letters", busy, bytes, []string{"RESULT", strings.ToLower(jobID(1).String())}, "the function returned 1000 bytes; at most 500 are taken"},
		{"a FAIL that is too large", busy, role.Excess{Of: role.Bytes, Got: 1030, Limit: 530}, []string{"FAIL", jobID(1).String()}, "the function returned 1000 bytes; at most 500 are taken"},
		{"a RESULT of another job", busy, bytes, []string{"RESULT", jobID(9).String()}, ""},
		{"a RESULT of many frames", busy, frames, []string{"RESULT", jobID(1).String(), "x"}, ""},
		{"nonsense when busy", busy, bytes, []string{"?", jobID(1).String()}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1)
			if c.before != nil {
				c.before(s)
			}
			jobs := len(s.m.jobs)
			if r := one(t, s.exceed("z", c.excess, c.words...)); r != "ERROR|"+c.excess.Error() {
				t.Errorf("answered %q, want ERROR and the reason", r)
			}
			if len(s.m.workers) != 0 {
				t.Error("it still is a worker")
			}
			results := s.brokers[0].results()
			if c.ended == "" {
				if len(results) != 0 || len(s.m.jobs) != jobs {
					t.Errorf("results %+v, %d of %d jobs are left", results, len(s.m.jobs), jobs)
				}
			} else if len(results) != 1 || results[0].Code != wire.CodeFunctionFailed || !strings.Contains(results[0].Meta.Reason, c.ended) {
				t.Errorf("results %+v, want one of code 3 because %s", results, c.ended)
			}
			s.consistent()
		})
	}
}

func TestTheTooLargeResultOfACancelledJobIsDropped(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	s.give(1, 2)
	one(t, s.replied("z"))
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
	s.run(100 * ms)
	one(t, s.exceed("z", role.Excess{Of: role.Bytes, Got: 2, Limit: 1}, "RESULT", jobID(1).String()))
	if r := s.brokers[0].results(); len(r) != 0 {
		t.Errorf("results %+v", r)
	}
	s.consistent()
}

func TestANativeWorkerThatSaysTooMuchIsOnlyCounted(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(1, here, 1)
	s.m.Exceeded(s.now, role.Packet{Link: LinkWorkers, Peer: w.route, Frames: [][]byte{[]byte("header")}}, &role.Excess{Of: role.Bytes, Got: 2, Limit: 1})
	s.pump()
	if len(s.m.workers) != 1 || len(s.replied(w.route)) != 0 {
		t.Errorf("%d workers", len(s.m.workers))
	}
}

func TestAREQWorkerThatBeginsAgainIsOneWorker(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	s.run(1100 * ms)
	s.replied("z")
	s.ready("z") // instead of a PONG: it has been restarted behind the same connection
	if live, _ := s.m.liveWorkers(); len(s.m.workers) != 1 || live != 1 {
		t.Errorf("%d workers, %d of them live", len(s.m.workers), live)
	}
	s.give(1, 2)
	if r := one(t, s.replied("z")); !strings.HasPrefix(r, "JOB|") {
		t.Errorf("it hears %q, want the job", r)
	}
}

func TestAResultForAnotherJobFailsTheOneThatWasGiven(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	s.give(1, 2)
	s.replied("z")
	s.req("z", "RESULT", jobID(9).String(), "x")
	if r := s.brokers[0].results(); len(r) != 1 || r[0].Job != jobID(1) || r[0].Code != wire.CodeFunctionFailed {
		t.Errorf("results %+v, want that job 1 has failed", r)
	}
	s.consistent()
}

func TestTheResultOfAJobThatWasCancelledAtAREQWorkerIsDropped(t *testing.T) {
	s := newStage(t, 1)
	s.ready("z")
	s.give(1, 3)
	one(t, s.replied("z"))
	s.say(s.brokers[0].Link(), wire.Header{Type: wire.TypeCancel, Job: jobID(1), Assignment: 1}, "")
	s.run(100 * ms)
	if r := s.replied("z"); len(r) != 0 {
		t.Fatalf("a busy REQ worker hears %q", r)
	}
	if r := one(t, s.req("z", "RESULT", jobID(1).String(), "x")); !strings.HasPrefix(r, "JOB|"+jobID(2).String()) {
		t.Errorf("answered %q, want the next job", r)
	}
	if r := s.brokers[0].results(); len(r) != 0 {
		t.Errorf("results %+v", r)
	}
	s.consistent()
}

func TestAStoppingQueueOwesAREQWorkerOneAnswer(t *testing.T) {
	s := newStage(t, 1)
	s.ready("idle")
	s.ready("pinged")
	s.m.workers[routeKey("idle")].req.next = s.now + time.Hour
	s.run(1100 * ms)
	if r := one(t, s.replied("pinged")); r != "PING" {
		t.Fatal(r)
	}
	s.m.Drain(s.now)
	s.pump()
	if r := one(t, s.replied("idle")); !strings.HasPrefix(r, "REJOIN|") {
		t.Errorf("an idle worker hears %q, want REJOIN", r)
	}
	if r := s.replied("pinged"); len(r) != 0 {
		t.Errorf("a worker that has had its answer hears %q", r)
	}
	if r := one(t, s.req("pinged", "PONG")); !strings.HasPrefix(r, "REJOIN|") {
		t.Errorf("its PONG is answered %q, want REJOIN", r)
	}
	if r := one(t, s.req("late", "READY", "w", "echo")); !strings.HasPrefix(r, "REJOIN|") {
		t.Errorf("READY is answered %q, want REJOIN", r)
	}
	s.m.Leave(s.now)
	s.pump()
	for _, route := range []string{"idle", "pinged", "late"} {
		if r := s.replied(route); len(r) != 0 {
			t.Errorf("%s hears %q as a second answer", route, r)
		}
	}
}
