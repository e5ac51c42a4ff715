package worker

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

func TestAWorkerAsksWhichQueueToJoinAndJoinsIt(t *testing.T) {
	s := newStage(t, 3)
	if !slices.Equal(s.asked, []string{"b0 PLACE w"}) {
		t.Fatalf("it asks %q", s.asked)
	}
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"})
	s.run(200 * ms)
	if s.dials[len(s.dials)-1] != "qA" || s.m.Joined() != "queueA" {
		t.Errorf("dialled %q, joined %q", s.dials, s.m.Joined())
	}
	h := s.hellos[len(s.hellos)-1]
	if h.Name != "w" || h.Role != wire.RoleWorker || h.Slots != 3 || !slices.Equal(h.Functions, []string{"f"}) || len(h.Jobs) != 0 {
		t.Errorf("it says %+v", h)
	}
}

func TestABrokerThatDoesNotAnswerIsGivenASecond(t *testing.T) {
	s := newStage(t, 1, "b0", "b1", "b2")
	s.run(3500 * ms)
	want := []string{"b0 PLACE w", "b1 PLACE w", "b2 PLACE w", "b0 PLACE w"}
	if !slices.Equal(s.asked, want) {
		t.Errorf("in 3.5 s it asks %q, want %q", s.asked, want)
	}
}

func TestABrokerWithoutQueuesIsAskedAgain(t *testing.T) {
	s := newStage(t, 1, "b0", "b1")
	s.tell(&wire.Text{Command: wire.TextWait, Reason: "no queue"})
	s.run(80 * ms)
	if len(s.asked) != 1 {
		t.Fatalf("it asks again at once: %q", s.asked)
	}
	s.run(50 * ms)
	if !slices.Equal(s.asked, []string{"b0 PLACE w", "b1 PLACE w"}) {
		t.Errorf("it asks %q, want another broker next", s.asked)
	}
}

func TestAnAnswerThatMakesNoSenseIsCountedAndAskedForAgain(t *testing.T) {
	s := newStage(t, 1)
	s.tell(&wire.Text{Command: wire.TextPing})
	if s.m.MalformedCount() != 1 {
		t.Errorf("%d were counted", s.m.MalformedCount())
	}
	s.run(200 * ms)
	if len(s.asked) != 2 {
		t.Errorf("it asks %q", s.asked)
	}
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"})
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueB", Endpoint: "qB"}) // nobody has asked for this one
	s.run(200 * ms)
	if s.m.Joined() != "queueA" {
		t.Errorf("joined %q", s.m.Joined())
	}
}

func TestAQueueThatNeverAnswersIsGivenUp(t *testing.T) {
	s := newStage(t, 1)
	s.cut = true
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"})
	s.run(2900 * ms)
	if len(s.asked) != 1 {
		t.Fatalf("given up before three seconds: %q", s.asked)
	}
	s.run(300 * ms)
	if len(s.asked) != 2 || s.hungUp != 1 {
		t.Errorf("it asks %q, its socket is closed %d times", s.asked, s.hungUp)
	}
}

func TestAWorkerWhoseQueueFallsSilentFindsAnother(t *testing.T) {
	s := atQueue(t, 1)
	s.cut = true
	s.run(2500 * ms)
	if s.m.Joined() != "queueA" {
		t.Fatal("given up before three seconds of silence")
	}
	s.run(1500 * ms)
	if s.m.Joined() != "" || len(s.asked) < 2 {
		t.Fatalf("joined %q, asks %q", s.m.Joined(), s.asked)
	}
	s.cut, s.queue, s.inc = false, nil, 11
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueB", Endpoint: "qB"})
	s.run(200 * ms)
	if s.m.Joined() != "queueB" {
		t.Errorf("joined %q", s.m.Joined())
	}
}

func TestAWorkerThatIsSentAwayFindsAnother(t *testing.T) {
	s := atQueue(t, 1)
	s.queue.Farewell(s.now, "queueA stops")
	s.pump()
	s.queue = nil
	s.run(20 * ms)
	if len(s.asked) != 2 || s.hungUp != 1 {
		t.Errorf("it asks %q, its socket is closed %d times", s.asked, s.hungUp)
	}
}

func TestAWorkerThatAQueueCannotUseSaysWhyOnceAndAsksLater(t *testing.T) {
	s := newStage(t, 1)
	var log strings.Builder
	s.m.cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	s.refusal = "too much of it"
	for n := range 3 {
		s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"})
		s.run(2900 * ms)
		if len(s.asked) != n+1 || s.hungUp != n+1 {
			t.Fatalf("refused %d times it asks %q, and has closed its socket %d times", n+1, s.asked, s.hungUp)
		}
		s.run(200 * ms)
		if len(s.asked) != n+2 {
			t.Fatalf("refused %d times it asks %q, want once more after 3 s", n+1, s.asked)
		}
	}
	if strings.Count(log.String(), "too much of it") != 1 {
		t.Errorf("it logs %s, want the reason once", log.String())
	}
	s.refusal, s.queue = "", nil
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"})
	s.run(200 * ms)
	if s.m.Joined() != "queueA" || s.m.refused != "" {
		t.Errorf("joined %q, and the next refusal is like %q", s.m.Joined(), s.m.refused)
	}
}

// loseQueue has the worker lose sight of its queue while job 1 runs, job 2
// waits for a slot and the result of job 3 has not been acknowledged.
func loseQueue(t *testing.T) *stage {
	s := atQueue(t, 2)
	s.give(request(1, time.Minute))
	s.give(request(3, time.Minute))
	s.give(request(2, time.Minute))
	s.m.Starts()
	s.cut = true
	s.finish(3, Outcome{Body: []byte("three")})
	s.m.Starts() // job 2, in the slot of job 3
	s.cut = false
	s.give(request(4, time.Minute))
	s.cut = true
	s.run(4 * time.Second)
	s.cut = false
	if s.m.Joined() != "" {
		t.Fatal("still joined after four seconds of silence")
	}
	return s
}

func TestAQueueThatIsFoundAgainGetsTheResultsItHasNotSeen(t *testing.T) {
	s := loseQueue(t)
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"})
	s.run(500 * ms)
	if s.m.Joined() != "queueA" {
		t.Fatal("not joined")
	}
	r := s.took(wire.TypeResult)
	if len(r) != 1 || r[0].Job != jobID(3) || string(r[0].Body) != "three" {
		t.Errorf("results %+v, want that of job 3", r)
	}
	s.finish(1, Outcome{Body: []byte("one")}) // has run on meanwhile
	if r := s.took(wire.TypeResult); len(r) != 1 || r[0].Job != jobID(1) {
		t.Errorf("results %+v, want that of job 1", r)
	}
	if len(s.m.undelivered) != 0 {
		t.Errorf("%d results are kept", len(s.m.undelivered))
	}
}

func TestWhatRunsIsAnnouncedAndWhatDoesNotIsGivenUp(t *testing.T) {
	s := loseQueue(t)
	s.hellos = nil
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"})
	var has []string
	for _, id := range s.hellos[len(s.hellos)-1].Jobs {
		has = append(has, string(id[14:]))
	}
	slices.Sort(has)
	// Job 3 has ended, and its result is about to be sent again; job 4 never began.
	if !slices.Equal(has, []string{"01", "02", "03"}) {
		t.Errorf("it says that it has %v", has)
	}
	if starts := s.starts(); len(starts) != 0 {
		t.Errorf("%v were started", starts)
	}
}

func TestAnotherQueueGetsNoResultsOfTheLast(t *testing.T) {
	s := loseQueue(t)
	s.queue, s.inc = nil, 11
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueB", Endpoint: "qB"})
	s.run(500 * ms)
	if r := s.took(wire.TypeResult); len(r) != 0 {
		t.Errorf("results %+v of jobs that queueB has not given", r)
	}
	if len(s.m.undelivered) != 0 {
		t.Errorf("%d results are kept for nobody", len(s.m.undelivered))
	}
}

func TestAMessageFromBeforeALongStopDoesNotLoseTheQueueUnnoticed(t *testing.T) {
	s := atQueue(t, 1)
	s.give(request(1, time.Minute))
	s.m.Starts()
	late := &wire.Message{Header: wire.Header{
		Type: wire.TypeBeacon, Sender: 10, Receiver: 5, LinkEpoch: s.m.queue.Epoch(), SentMillis: uint64(s.now.Milliseconds()), LinkSeq: 1,
	}}
	late.SetBody(nil)
	s.now += 5 * time.Second // stopped
	s.m.Receive(s.now, role.Packet{Link: LinkQueue, Peer: peer, Frames: late.Frames()})
	s.pump()
	s.run(5 * time.Second)
	if s.m.queue == nil && len(s.asked) < 2 {
		t.Error("it has no queue and does not ask for one")
	}
	if s.m.queue != nil && s.m.Joined() == "" {
		t.Error("it hangs between two queues")
	}
}

func TestADrainingWorkerFinishesWhatRunsAndReturnsTheRest(t *testing.T) {
	s := atQueue(t, 1)
	for n := 1; n <= 3; n++ {
		s.give(request(n, time.Minute))
	}
	s.starts()
	s.m.Drain(s.now)
	s.pump()
	if s.queue.Link() == nil {
		t.Fatal("the link is over")
	}
	var returned []wire.JobID
	for _, m := range s.took(wire.TypeReturn) {
		returned = append(returned, m.Job)
	}
	if !slices.Equal(returned, []wire.JobID{jobID(2), jobID(3)}) {
		t.Errorf("returned %v, want jobs 2 and 3", returned)
	}
	if s.m.Drained() {
		t.Error("drained while a job runs")
	}
	s.finish(1, Outcome{})
	if s.m.Drained() {
		t.Error("drained before the result has arrived")
	}
	s.run(1500 * ms)
	if !s.m.Drained() {
		t.Error("not drained")
	}
	s.m.Leave(s.now)
	s.pump()
	if s.queue.Link() != nil {
		t.Error("the queue is not told that the worker leaves")
	}
}

func TestAWorkerWithoutAQueueHasNothingToDrain(t *testing.T) {
	s := newStage(t, 1)
	s.m.Drain(s.now)
	if !s.m.Drained() {
		t.Error("not drained")
	}
	s.m.Leave(s.now)
	// One that finds a queue all the same says at once that it takes no jobs.
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"})
	if len(s.hellos) == 0 || s.flags&wire.FlagDraining == 0 {
		t.Errorf("%d HELLOs, the last with flags %d", len(s.hellos), s.flags)
	}
}
