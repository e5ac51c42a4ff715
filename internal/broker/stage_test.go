package broker

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

var wide = job.Window{Count: 4096, Bytes: 1 << 28}

// A stage is a broker among frontends and queues that do as the test says, in
// virtual time. Nothing on it takes time by itself.
type stage struct {
	t     *testing.T
	m     *Machine
	now   time.Duration
	peers []*peer
	sent  []role.Effect // what went to nobody on the stage

	inbox   []role.Packet // what has been sent and not yet arrived
	pumping bool
}

// A peer is a frontend or a queue.
type peer struct {
	*job.Initiator
	s      *stage
	link   role.Link // that it sends on
	member wire.Member
	topic  string // a queue's
	silent bool   // nothing comes from it, and nothing reaches it
	got    []*wire.Message
	handed map[wire.JobID]int // how often it was sent a job, arrived or not
	epochs job.Epochs
}

func newStage(t *testing.T) *stage { return newStageWith(t) }

func newStageWith(t *testing.T, coordinators ...string) *stage {
	s := &stage{t: t, now: time.Second}
	s.m = New(Config{
		Self: wire.Member{Role: wire.RoleBroker, Name: "b1", Incarnation: 1}, Coordinators: coordinators,
		Window: wide, Log: slog.New(slog.DiscardHandler),
	})
	s.run(20 * ms)
	return s
}

func (s *stage) frontend(name string, inc wire.Incarnation) *peer {
	return s.join(&peer{link: LinkFrontends, member: wire.Member{
		Role: wire.RoleFrontend, Name: name, Incarnation: inc, Endpoints: map[string]string{"replies": "at " + name},
	}}, wide)
}

// queue joins a queue that takes jobs.
func (s *stage) queue(name string, inc wire.Incarnation) *peer { return s.queueWith(name, inc, wide) }

func (s *stage) queueWith(name string, inc wire.Incarnation, window job.Window) *peer {
	q := &peer{link: LinkResponses, topic: wire.JobTopic(name, inc), member: wire.Member{
		Role: wire.RoleQueue, Name: name, Incarnation: inc, Endpoints: map[string]string{"workers": "at " + name},
	}}
	s.subscribe(1, q.topic)
	return s.join(q, window)
}

func (s *stage) join(p *peer, window job.Window) *peer {
	p.s, p.handed = s, make(map[wire.JobID]int)
	p.Initiator = job.NewInitiator(p.member.Incarnation, &p.epochs, window, p.announce, p.send)
	s.peers = append(s.peers, p)
	s.run(200 * ms)
	return p
}

func (p *peer) announce() []byte {
	b, err := json.Marshal(p.member)
	if err != nil {
		p.s.t.Fatal(err)
	}
	return b
}

func (p *peer) send(frames [][]byte) {
	if !p.silent {
		p.s.receive(p.link, "", frames)
	}
}

// receive gives the broker a packet, after those that are under way.
func (s *stage) receive(link role.Link, from string, frames [][]byte) {
	s.inbox = append(s.inbox, role.Packet{Link: link, Peer: from, Frames: frames})
	s.pump()
}

func (s *stage) subscribe(on byte, topic string) {
	s.receive(LinkJobs, "", [][]byte{append([]byte{on}, topic...)})
}

// pump carries out what the broker wants, and gives it what comes of that,
// until nothing is under way.
func (s *stage) pump() {
	if s.pumping {
		return // whoever pumps goes on until all is done
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
		p := s.inbox[0]
		s.inbox = s.inbox[1:]
		roletest.Deliver(s.m, s.now, p)
	}
}

func (s *stage) carryOut(e role.Effect) {
	to, frames := s.receiver(e)
	if to == nil {
		s.sent = append(s.sent, e)
		return
	}
	msg, err := wire.Decode(frames)
	if err == nil {
		err = msg.CheckBody()
	}
	if err != nil {
		s.t.Fatalf("the broker sends %v", err)
	}
	if msg.Type == wire.TypeJob {
		to.handed[msg.Job]++
	}
	if !to.silent && to.Receive(s.now, msg) == job.Fresh {
		to.got = append(to.got, msg)
	}
}

// receiver returns the peer that a packet is for.
func (s *stage) receiver(e role.Effect) (*peer, [][]byte) {
	for _, p := range s.peers {
		switch {
		case e.Op != role.OpSend:
		case e.Link == LinkReplies && p.link == LinkFrontends && e.Peer == p.member.Incarnation.String():
			return p, e.Frames
		case e.Link == LinkJobs && p.topic != "" && string(e.Frames[0]) == p.topic:
			return p, e.Frames[1:]
		}
	}
	return nil, nil
}

// run lets time pass.
func (s *stage) run(d time.Duration) {
	for end := s.now + d; s.now < end; {
		s.now += 20 * ms
		for _, p := range s.peers {
			if !p.silent {
				p.Poll(s.now)
			}
		}
		s.m.Tick(s.now)
		s.pump()
	}
}

// took returns what the peer has got of one type since it was last asked for
// anything, oldest first.
func (p *peer) took(kind wire.Type) (msgs []*wire.Message) {
	for _, m := range p.got {
		if m.Type == kind {
			msgs = append(msgs, m)
		}
	}
	p.got = nil
	return msgs
}

// request makes job number n, of the one frontend there is.
func request(n int, body int, ttl time.Duration) *wire.Message {
	m := &wire.Message{
		Header: wire.Header{
			Type: wire.TypeJob, AttemptLimit: 3, Origin: 20, OriginSeq: uint64(n), TTLMillis: uint32(ttl.Milliseconds()),
		},
		Meta: wire.Meta{Function: "echo"},
	}
	m.Job = jobID(n)
	m.SetBody(make([]byte, body))
	return m
}

func jobID(n int) (id wire.JobID) {
	copy(id[:], fmt.Sprintf("job %012d", n))
	return id
}

// give sends jobs from to-1 to the broker.
func (p *peer) give(from, to int) {
	for n := from; n < to; n++ {
		p.Link().Send(p.s.now, request(n, 10, time.Hour))
	}
}

// say sends a numbered message about a job.
func (p *peer) say(h wire.Header, meta wire.Meta) {
	m := &wire.Message{Header: h, Meta: meta}
	m.SetBody(nil)
	p.Link().Send(p.s.now, m)
}

func (s *stage) queueState(p *peer) *queue {
	s.t.Helper()
	q := s.m.queues[p.member.Incarnation]
	if q == nil {
		s.t.Fatalf("%s is not known", p.member.Name)
	}
	return q
}

// consistent checks that the broker's books agree with each other.
func (s *stage) consistent() {
	s.t.Helper()
	held, owned := 0, 0
	for _, q := range s.m.queues {
		held += len(q.jobs)
	}
	for _, f := range s.m.frontends {
		owned += len(f.jobs)
	}
	if n := len(s.m.jobs); held+s.m.unrouted.Len()+len(s.m.searches) != n || owned != n {
		s.t.Fatalf("%d jobs, of which %d at queues, %d unrouted, %d looked for, %d of frontends", n, held, s.m.unrouted.Len(), len(s.m.searches), owned)
	}
}
