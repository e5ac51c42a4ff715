package worker

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/role/roletest"
	"faasd/internal/wire"
)

const ms = time.Millisecond

// A stage is a worker with a queue and brokers that do as the test says, in
// virtual time. Nothing on it takes time by itself.
type stage struct {
	t       *testing.T
	m       *Machine
	now     time.Duration
	queue   *job.Acceptor // nil until the worker speaks to it
	inc     wire.Incarnation
	hellos  []wire.Member // that the queue has heard
	flags   uint16        // of the last
	got     []*wire.Message
	refusal string   // why the queue cannot use it; "" if it can
	cut     bool     // nothing gets through between worker and queue
	dials   []string // endpoints dialled
	hungUp  int      // times that the queue's socket was closed
	crashes int      // times that it wanted to die
	exits   int      // times that it wanted to end in order
	asked   []string // questions to brokers: endpoint and text
	fetches []string // questions to registrars: endpoint and number
	inbox   []func()
	pumping bool
}

// newStage makes a worker with so many slots and no queue.
func newStage(t *testing.T, slots int, brokers ...string) *stage {
	if len(brokers) == 0 {
		brokers = []string{"b0"}
	}
	s := &stage{t: t, now: time.Second, inc: 10}
	s.m = New(Config{
		Self:    wire.Member{Role: wire.RoleWorker, Name: "w", Incarnation: 5, Functions: []string{"f"}, Slots: slots},
		Brokers: brokers, MaxBody: 100, Log: slog.New(slog.DiscardHandler),
	})
	s.run(20 * ms)
	return s
}

// joined makes a worker that has joined queueA.
func atQueue(t *testing.T, slots int) *stage {
	t.Helper()
	s := newStage(t, slots)
	s.tell(&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"})
	s.run(200 * ms)
	if s.m.Joined() != "queueA" {
		t.Fatal("not joined")
	}
	return s
}

// tell has the broker that was asked answer.
func (s *stage) tell(answer *wire.Text) {
	s.inbox = append(s.inbox, func() {
		s.m.Receive(s.now, role.Packet{Link: LinkPlace, Peer: peer, Frames: answer.Frames()})
	})
	s.pump()
}

func (s *stage) pump() {
	if s.pumping {
		return
	}
	s.pumping = true
	defer func() { s.pumping = false }()
	for {
		for _, e := range slices.Clone(s.m.Effects()) {
			s.carryOut(e)
		}
		if len(s.inbox) == 0 {
			return
		}
		next := s.inbox[0]
		s.inbox = s.inbox[1:]
		next()
	}
}

func (s *stage) carryOut(e role.Effect) {
	switch {
	case e.Op == role.OpCrash:
		s.crashes++
	case e.Op == role.OpExit:
		s.exits++
	case e.Op == role.OpDial:
		s.dials = append(s.dials, e.Endpoint)
	case e.Op == role.OpHangup && e.Link == LinkQueue:
		s.hungUp++
	case e.Op == role.OpSend && e.Link == LinkPlace:
		text, err := wire.DecodeText(e.Frames)
		if err != nil {
			s.t.Fatal(err)
		}
		s.asked = append(s.asked, fmt.Sprint(s.dials[len(s.dials)-1], " ", text.Command, " ", text.Name))
	case e.Op == role.OpSend && e.Link == LinkPackages:
		s.fetches = append(s.fetches, fmt.Sprintf("%s %s", e.Peer, e.Frames[1]))
	case e.Op == role.OpSend && !s.cut:
		s.toQueue(e.Frames)
	}
}

func (s *stage) toQueue(frames [][]byte) {
	m, err := wire.Decode(frames)
	if err != nil {
		s.t.Fatalf("the worker sends %v", err)
	}
	if m.Type == wire.TypeHello {
		var member wire.Member
		if err := json.Unmarshal(m.Body, &member); err != nil {
			s.t.Fatal(err)
		}
		s.hellos, s.flags = append(s.hellos, member), m.Flags
	}
	out := func(frames [][]byte) {
		if s.cut {
			return
		}
		p := role.Packet{Link: LinkQueue, Peer: peer}
		for _, f := range frames {
			p.Frames = append(p.Frames, slices.Clone(f))
		}
		s.inbox = append(s.inbox, func() { roletest.Deliver(s.m, s.now, p) })
	}
	if s.refusal != "" {
		job.Refuse(s.now, s.inc, m, wire.CodeUnusable, s.refusal, out)
		return
	}
	if s.queue == nil {
		s.queue = job.NewAcceptor(s.inc, m.Sender, job.Window{Count: 1 << 40, Bytes: 1 << 60}, s.now, out)
	}
	if s.queue.Receive(s.now, m) == job.Fresh {
		s.got = append(s.got, m)
	}
}

// run lets time pass.
func (s *stage) run(d time.Duration) {
	for end := s.now + d; s.now < end; {
		s.now += 20 * ms
		if s.queue != nil && !s.cut {
			s.queue.Poll(s.now)
		}
		s.m.Tick(s.now)
		s.pump()
	}
}

func request(n int, ttl time.Duration) *wire.Message {
	m := &wire.Message{
		Header: wire.Header{Type: wire.TypeJob, Job: jobID(n), Attempt: 1, AttemptLimit: 3, TTLMillis: uint32(ttl.Milliseconds())},
		Meta:   wire.Meta{Function: "f"},
	}
	m.SetBody(fmt.Appendf(nil, "body %d", n))
	return m
}

func jobID(n int) (id wire.JobID) {
	copy(id[:], fmt.Sprintf("job %012d", n))
	return id
}

// give has the queue send a job.
func (s *stage) give(m *wire.Message) {
	s.queue.Link().Send(s.now, m)
	s.pump()
}

func (s *stage) cancel(n int) {
	c := &wire.Message{Header: wire.Header{Type: wire.TypeCancel, Job: jobID(n)}}
	c.SetBody(nil)
	s.give(c)
}

// starts returns the numbers of the jobs that are to be run.
func (s *stage) starts() (n []string) {
	for _, start := range s.m.Starts() {
		n = append(n, string(start.Job.Body))
	}
	return n
}

// finish ends a run.
func (s *stage) finish(n int, o Outcome) {
	s.m.Finished(s.now, jobID(n), o)
	s.pump()
}

// took returns what the queue has got of one type, and forgets all.
func (s *stage) took(kind wire.Type) (msgs []*wire.Message) {
	for _, m := range s.got {
		if m.Type == kind {
			msgs = append(msgs, m)
		}
	}
	s.got = nil
	return msgs
}
