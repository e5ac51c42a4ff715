package broker

import (
	"fmt"
	"testing"
	"time"

	"faasd/internal/wire"
)

// ask has a worker ask which queue to join, and returns the answer.
func (s *stage) ask(worker string) *wire.Text {
	s.t.Helper()
	s.sent = nil
	s.receive(LinkWorkers, "route of "+worker, append([][]byte{{}}, (&wire.Text{Command: wire.TextPlace, Name: worker}).Frames()...))
	if len(s.sent) != 1 || s.sent[0].Peer != "route of "+worker || len(s.sent[0].Frames[0]) != 0 {
		s.t.Fatalf("%s is answered by %+v", worker, s.sent)
	}
	answer, err := wire.DecodeText(s.sent[0].Frames[1:])
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// joined has a queue say that it has so many workers.
func (q *peer) joined(workers int) {
	q.member.Workers = workers
	q.Announce(q.s.now)
}

func TestAWorkerWaitsWhileThereIsNoQueue(t *testing.T) {
	s := newStage(t)
	if a := s.ask("w1"); a.Command != wire.TextWait || a.Reason == "" {
		t.Errorf("answered %+v, want WAIT and a reason", a)
	}
	if len(s.m.placed) != 0 {
		t.Errorf("%d workers are remembered that were sent nowhere", len(s.m.placed))
	}
}

func TestWorkersTakeTurnsAmongQueuesAndDoNotDisturbTheTurnOfJobs(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	for i, name := range []string{"queueA", "queueB", "queueC"} {
		s.queue(name, wire.Incarnation(10+i))
	}
	for i, want := range []string{"queueA", "queueB", "queueC", "queueA", "queueB"} {
		a := s.ask(fmt.Sprint("w", i))
		if a.Command != wire.TextQueue || a.Name != want || a.Endpoint != "at "+want {
			t.Errorf("worker %d was sent to %+v, want %s", i, a, want)
		}
	}
	f.give(1, 2)
	if n := len(s.peers[1].took(wire.TypeJob)); n != 1 {
		t.Error("the first job did not go to queueA")
	}
}

func TestAWorkerIsSentWhereTheFewestAre(t *testing.T) {
	s := newStage(t)
	a, b := s.queue("queueA", 10), s.queue("queueB", 11)
	a.joined(3)
	b.joined(1)
	for i, want := range []string{"queueB", "queueB"} { // those on their way count
		if got := s.ask(fmt.Sprint("w", i)).Name; got != want {
			t.Errorf("worker %d was sent to %s, want %s", i, got, want)
		}
	}
	b.joined(3) // they have arrived, and count once
	if q := s.queueState(b); q.workers(s.now) != 3 {
		t.Errorf("queueB counts %d workers, want 3", q.workers(s.now))
	}
}

func TestAWorkerThatNeverArrivedStopsCounting(t *testing.T) {
	s := newStage(t)
	q := s.queue("queueA", 10)
	s.ask("w1")
	if n := s.queueState(q).workers(s.now); n != 1 {
		t.Errorf("%d workers are on their way, want 1", n)
	}
	s.run(2100 * ms)
	if n := s.queueState(q).workers(s.now); n != 0 {
		t.Errorf("%d workers are on their way after two seconds", n)
	}
}

func TestAWorkerThatAsksAgainIsSentElsewhere(t *testing.T) {
	s := newStage(t)
	a, b := s.queue("queueA", 10), s.queue("queueB", 11)
	a.joined(0) // cannot be reached from the worker
	b.joined(5)
	for i, want := range []string{"queueA", "queueB", "queueA", "queueB"} {
		if got := s.ask("w1").Name; got != want {
			t.Errorf("try %d: sent to %s, want %s", i, got, want)
		}
		s.run(3100 * ms)
	}
}

func TestWorkersThatWerePlacedAreForgotten(t *testing.T) {
	s := newStage(t)
	s.queue("queueA", 10)
	for i := range 1000 {
		s.ask(fmt.Sprint("w", i))
	}
	s.run(6 * time.Second)
	s.ask("last")
	if n := len(s.m.placed); n != 1 {
		t.Errorf("%d workers are remembered", n)
	}
}

func TestWhatIsNoQuestionIsCountedAndNotAnswered(t *testing.T) {
	s := newStage(t)
	s.queue("queueA", 10)
	for _, frames := range [][][]byte{
		{{}}, {[]byte("PLACE"), []byte("w")}, {{}, []byte("PLACE")}, {{}, []byte("PLACE"), []byte("bad name")},
		{{}, []byte("READY"), []byte("w"), []byte("echo")}, {{}, []byte("PING")},
	} {
		before := s.m.MalformedCount()
		s.sent = nil
		s.receive(LinkWorkers, "r", frames)
		if s.m.MalformedCount() != before+1 || len(s.sent) != 0 {
			t.Errorf("%q: counted %d times, answered by %d", frames, s.m.MalformedCount()-before, len(s.sent))
		}
	}
}

func TestStrangersThatAskCannotFillTheMemory(t *testing.T) {
	s := newStage(t)
	q := s.queue("queueA", 10)
	for i := range maxPlaced + 100 {
		s.ask(fmt.Sprint("w", i))
		s.sent = nil
	}
	if n, pending := len(s.m.placed), len(s.queueState(q).pending); n > maxPlaced || pending > maxPending {
		t.Errorf("%d workers are remembered, and %d on their way", n, pending)
	}
}
