package queue

import (
	"strings"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

func TestAWorkerThatIsKilledIsLostAndItsJobsRunElsewhere(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 4)
	s.give(1, 3)
	s.run(200 * ms)
	w.jobs()
	r := s.order(wire.VerbKill, w)
	if !r.OK || r.Foreign || !strings.Contains(r.Text, "2 jobs") {
		t.Errorf("answered %+v", r)
	}
	other := s.worker(51, here, 4)
	s.give(3, 4)
	if n := w.told(wire.TypeKill); n != 1 {
		t.Errorf("KILL goes out %d times", n)
	}
	if n := byAttempt(other.jobs()); n[1] != 1 || len(n) != 1 {
		t.Errorf("while the killed one may live, the other is given jobs by attempt %v, want the new one", n)
	}
	if n := s.m.state().Queue.Free; n != 3 {
		t.Errorf("%d free slots, want those of the one that shall live", n)
	}
	w.dead = true
	s.run(60 * ms) // a probe comes back
	if n := byAttempt(other.jobs()); n[2] != 2 || len(n) != 1 {
		t.Errorf("the other is given jobs by attempt %v, want both at the second", n)
	}
	if d := s.shown("w50"); d.State != wire.WorkerLost || d.Reason != "killed by an operator" {
		t.Errorf("shown as %+v", d)
	}
	s.consistent()
}

func TestAWorkerThatIgnoresItsKillIsLetGoAfterASecond(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, there, 1)
	s.give(1, 2)
	s.run(200 * ms)
	w.jobs()
	s.order(wire.VerbKill, w)
	other := s.worker(51, there, 1)
	at := s.now
	s.run(960 * ms)
	if len(other.jobs()) != 0 || w.sentAway {
		t.Error("given up within the second")
	}
	for !w.sentAway && s.now < at+3*time.Second {
		s.run(20 * ms)
	}
	if took := s.now - at; !w.sentAway || took > 1600*ms {
		t.Fatalf("sent away %t after %v", w.sentAway, took)
	}
	if got := other.jobs(); len(got) != 1 || got[0].Attempt != 2 {
		t.Errorf("the other is given %+v, want the job at its second attempt", got)
	}
	if d := s.shown("w50"); d.State != wire.WorkerLost || !strings.Contains(d.Reason, "did not die") {
		t.Errorf("shown as %+v", d)
	}
	s.consistent()
}

func TestASilentWorkerThatIsKilledKeepsItsJobsUntilItsLeaseEnds(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, there, 1)
	s.give(1, 2)
	s.run(200 * ms)
	w.jobs()
	s.order(wire.VerbKill, w)
	w.silent = true // stopped, perhaps: it may run on later
	other := s.worker(51, there, 1)
	s.run(2600 * ms)
	if n := len(other.jobs()); n != 0 {
		t.Fatal("its job is given to another while it may still run there")
	}
	s.run(600 * ms)
	if got := other.jobs(); len(got) != 1 || got[0].Attempt != 2 {
		t.Errorf("after its lease the other is given %+v, want the job at its second attempt", got)
	}
	if d := s.shown("w50"); d.State != wire.WorkerLost || d.Reason != "silent for 3 s" {
		t.Errorf("shown as %+v", d)
	}
}

func TestAWorkerToBeKilledIsProbedUntilItIsGone(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.run(200 * ms)
	s.order(wire.VerbKill, w)
	probes := 0
	for range 10 {
		s.now += 30 * ms
		if s.m.Wake() > s.now {
			t.Fatalf("the next look is at %v, want it within 30 ms", s.m.Wake()-s.now+30*ms)
		}
		s.m.Tick(s.now)
		for _, e := range s.m.Effects() {
			if e.Op == role.OpSend && e.Link == LinkWorkers && e.Peer == w.route {
				probes++
			}
		}
	}
	if probes < 10 {
		t.Errorf("%d packets go to it in ten looks", probes)
	}
}

func TestAKillWithoutAConnectionIsRefused(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, there, 1)
	s.give(1, 2)
	s.run(200 * ms)
	w.dead = true
	s.worker(51, there, 1)
	s.give(2, 4)
	s.run(1100 * ms) // something has come back by now
	for _, verb := range []string{wire.VerbKill, wire.VerbDrain} {
		if r := s.order(verb, w); r.OK || !strings.Contains(r.Text, "no connection") {
			t.Errorf("%s is answered %+v", verb, r)
		}
	}
	if d := s.shown("w50"); d.State != wire.WorkerUp {
		t.Errorf("shown as %+v", d)
	}
}

func TestARepeatedKillIsOneKill(t *testing.T) {
	s := newStage(t, 1)
	w := s.worker(50, here, 1)
	s.run(200 * ms)
	c := wire.Command{ID: 5, ReplyTo: 900, Verb: wire.VerbKill, Worker: w.member.Incarnation.String()}
	first := s.repeat(c)
	s.run(100 * ms)
	if again := s.repeat(c); again != first || !first.OK {
		t.Errorf("answered %+v and then %+v", first, again)
	}
	if n := w.told(wire.TypeKill); n != 1 {
		t.Errorf("KILL goes out %d times", n)
	}
}

func TestAREQWorkerIsNotOursToKillAndIsDisconnected(t *testing.T) {
	for _, c := range []struct {
		name  string
		bring func(*stage)
		now   string // the beginning of what it is told at once; empty nothing
		says  []string
	}{
		{"idle", func(*stage) {}, "REJOIN|disconnected by", []string{"PONG"}},
		{"pinged", func(s *stage) {
			s.run(1100 * ms)
			one(s.t, s.replied("z"))
		}, "", []string{"PONG"}},
		{"busy", func(s *stage) {
			s.give(1, 2)
			one(s.t, s.replied("z"))
		}, "", []string{"RESULT", jobID(1).String(), "late"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, 1)
			s.ready("z")
			c.bring(s)
			other := s.worker(51, here, 1)
			s.run(100 * ms)
			r := s.command(wire.Command{Verb: wire.VerbKill, Worker: "req-1"})
			if !r.OK || !r.Foreign {
				t.Errorf("answered %+v, want foreign", r)
			}
			replies := s.replied("z")
			if c.now == "" && len(replies) != 0 || c.now != "" && !strings.HasPrefix(one(t, replies), c.now) {
				t.Errorf("it is told %q", replies)
			}
			if got := other.jobs(); c.name == "busy" && (len(got) != 1 || got[0].Attempt != 2) {
				t.Errorf("its job goes on as %+v", got)
			}
			if d := s.shown("wz"); d.State != wire.WorkerLost || d.Reason != "disconnected by an operator" {
				t.Errorf("shown as %+v", d)
			}
			if r := one(t, s.req("z", c.says...)); !strings.HasPrefix(r, "REJOIN|") {
				t.Errorf("what it still says is answered by %q", r)
			}
			if n := len(s.brokers[0].results()); n != 0 {
				t.Errorf("its late result counts %d times", n)
			}
			s.consistent()
		})
	}
}
