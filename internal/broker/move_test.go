package broker

import (
	"testing"

	"faasd/internal/job"
	"faasd/internal/wire"
)

// A mover is a stage with a job at queueA and two more queues.
func newMover(t *testing.T) (s *stage, a, b, c *peer, in *wire.Message) {
	s = newStage(t)
	f := s.frontend("f1", 20)
	a, b, c = s.queue("queueA", 10), s.queue("queueB", 11), s.queueWith("queueC", 12, job.Window{})
	f.give(1, 2)
	return s, a, b, c, a.took(wire.TypeJob)[0]
}

func move(q *peer, in *wire.Message, assignment uint32, target string) {
	q.say(wire.Header{Type: wire.TypeMove, Job: in.Job, Assignment: assignment, Attempt: 2}, wire.Meta{Target: target})
}

func TestAJobMovesToTheQueueThatAskedForIt(t *testing.T) {
	s, a, b, _, in := newMover(t)
	move(a, in, in.Assignment, wire.Incarnation(11).String())
	moved := a.took(wire.TypeMoved)
	if len(moved) != 1 || moved[0].Job != in.Job || moved[0].Assignment != in.Assignment {
		t.Errorf("the giver was told %+v", moved)
	}
	got := b.took(wire.TypeJob)
	if len(got) != 1 {
		t.Fatalf("the taker has got %d jobs", len(got))
	}
	if g := got[0]; g.Job != in.Job || g.Moves != 1 || g.Attempt != 2 || g.Assignment <= in.Assignment || g.Flags&wire.FlagResent == 0 {
		t.Errorf("the taker has got %+v", g.Header)
	}
	s.consistent()
}

func TestAJobThatCannotMoveStays(t *testing.T) {
	for _, c := range []struct{ name, target string }{
		{"to itself", wire.Incarnation(10).String()},
		{"to nobody", wire.Incarnation(99).String()},
		{"to nonsense", "x"},
		{"to one without room", wire.Incarnation(12).String()},
	} {
		s, a, b, _, in := newMover(t)
		move(a, in, in.Assignment, c.target)
		refused := a.took(wire.TypeRefused)
		if len(refused) != 1 || refused[0].Job != in.Job || refused[0].Code != wire.CodeNoQueue || refused[0].Assignment != in.Assignment {
			t.Errorf("%s: the giver was told %+v", c.name, refused)
		}
		if n := len(b.took(wire.TypeJob)); n != 0 {
			t.Errorf("%s: another queue has got %d jobs", c.name, n)
		}
		s.consistent()
		if e := s.m.jobs[in.Job]; e.holder == nil || e.holder.member.Name != "queueA" || e.msg.Moves != 0 {
			t.Errorf("%s: the job is not where it was", c.name)
		}
	}
}

func TestAQueueThatWantsToBeRidOfAJobGivesItToAnybodyElse(t *testing.T) {
	s, a, b, _, in := newMover(t)
	move(a, in, in.Assignment, "")
	if n := len(b.took(wire.TypeJob)); n != 1 {
		t.Errorf("queueB has got %d jobs", n)
	}
	s.consistent()
}

func TestAQueueThatNoLongerHoldsAJobMayForgetIt(t *testing.T) {
	s, a, b, _, in := newMover(t)
	move(a, in, in.Assignment+1, "") // it had another assignment
	if n := len(a.took(wire.TypeMoved)); n != 1 {
		t.Errorf("an old assignment is answered by %d MOVED", n)
	}
	move(b, in, in.Assignment, "") // it never had it
	if n := len(b.took(wire.TypeMoved)); n != 1 {
		t.Errorf("a queue without the job is answered by %d MOVED", n)
	}
	unknown := &wire.Message{Header: wire.Header{Job: jobID(77)}}
	move(a, unknown, 1, "")
	if n := len(a.took(wire.TypeMoved)); n != 1 {
		t.Errorf("an unknown job is answered by %d MOVED", n)
	}
	if e := s.m.jobs[in.Job]; e == nil || e.holder.member.Name != "queueA" {
		t.Error("the job is not where it was")
	}
	s.consistent()
}

func TestMovesAreCountedUpToWhatTheHeaderHolds(t *testing.T) {
	s, a, b, _, in := newMover(t)
	s.m.jobs[in.Job].msg.Moves = 255
	move(a, in, in.Assignment, "")
	if got := b.took(wire.TypeJob); len(got) != 1 || got[0].Moves != 255 {
		t.Errorf("after 255 moves and one more: %+v", got)
	}
}
