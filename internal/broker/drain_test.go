package broker

import (
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

func TestADrainingBrokerFinishesWhatItHas(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queue("queueA", 10)
	f.give(1, 3)
	s.m.Drain(s.now)
	s.pump()
	late := s.frontend("f2", 21)
	for _, p := range []*peer{f, late} {
		if l := s.m.frontends[p.member.Incarnation].Link(); l.Flags&wire.FlagDraining == 0 {
			t.Errorf("%s is not told to give no more", p.member.Name)
		}
	}
	for _, j := range q.took(wire.TypeJob) {
		if s.m.Drained() {
			t.Error("drained with a job open")
		}
		q.say(wire.Header{Type: wire.TypeResult, Job: j.Job}, wire.Meta{})
	}
	if s.m.Drained() {
		t.Error("drained before the results have arrived")
	}
	s.run(2 * time.Second)
	if !s.m.Drained() {
		t.Error("not drained when all results have arrived")
	}
}

func TestALeavingBrokerTellsEverybody(t *testing.T) {
	s := newStage(t)
	f, q := s.frontend("f1", 20), s.queue("queueA", 10)
	before := [2]uint32{f.Epoch(), q.Epoch()}
	s.m.Leave(s.now)
	s.pump()
	if f.Epoch() == before[0] || q.Epoch() == before[1] {
		t.Error("a peer does not know that the link is over")
	}
}

func TestAPeerThatIsGoneIsHungUp(t *testing.T) {
	s := newStage(t)
	f := s.frontend("f1", 20)
	dialled := false
	for _, e := range s.sent {
		dialled = dialled || e.Op == role.OpDial && e.Link == LinkReplies && e.Endpoint == "at f1"
	}
	if !dialled {
		t.Error("a frontend that has announced itself is not dialled")
	}
	s.sent = nil
	f.silent = true
	s.run(4 * time.Second)
	for _, e := range s.sent {
		if e.Op == role.OpHangup && e.Link == LinkReplies && e.Peer == f.member.Incarnation.String() {
			return
		}
	}
	t.Error("its socket is still open")
}
