package sim

import (
	"fmt"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// The links of a worker behind a REQ socket.
const (
	linkREQPlace role.Link = iota + 1
	linkREQQueue
)

// silentFor is the silence after which a REQ worker begins anew, and placedFor
// after which it asks the next broker: what docs/PROTOCOL.md asks of them.
const (
	silentFor = 3 * time.Second
	placedFor = time.Second
)

// reqWorker is a worker as a stranger would write it: plain text over REQ
// sockets, one job at a time.
type reqWorker struct {
	role.Outbox
	role.Faults
	name      string
	functions []string
	brokers   []string
	broker    int
	asking    bool      // it waits for a broker's answer
	joined    bool      // it has said READY to a queue
	busy      bool      // it runs a job: no answer is owed to it
	due       role.Time // when its patience ends
	run       func(now role.Time, job *wire.Text)
}

// StartREQWorker starts a worker behind a REQ socket.
func (s *System) StartREQWorker(name string, functions ...string) *Node {
	m := &reqWorker{name: name, functions: functions, brokers: s.brokers("workers")}
	n := s.World.Start(Spec{Name: name, Machine: m, Kinds: map[role.Link]Kind{linkREQPlace: Req, linkREQQueue: Req}})
	m.run = func(_ role.Time, job *wire.Text) {
		start := worker.Start{
			Job:     &wire.Message{Header: wire.Header{Job: job.Job}, Meta: wire.Meta{Function: job.Function}, Body: job.Body},
			Timeout: time.Hour,
		}
		s.started(n, start)
		outcome, after := s.Serve(name, start)
		if after == Forever {
			return // it knows no deadline: it never answers
		}
		s.After(after, func() {
			if s.Ended != nil {
				s.Ended(n, job.Job)
			}
			n.Do(func(now role.Time) { m.finished(now, job.Job, outcome) })
		})
	}
	return n
}

func (m *reqWorker) finished(now role.Time, id wire.JobID, o worker.Outcome) {
	m.busy, m.due = false, now+silentFor
	answer := &wire.Text{Command: wire.TextResult, Job: id, Body: o.Body, ContentType: o.ContentType}
	if o.Code != wire.CodeOK {
		answer = &wire.Text{Command: wire.TextFail, Job: id, Reason: fmt.Sprintf("code %d", o.Code)}
	}
	m.say(linkREQQueue, answer)
}

func (m *reqWorker) say(link role.Link, t *wire.Text) {
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: link, Peer: "peer", Frames: t.Frames()}})
}

func (m *reqWorker) dial(link role.Link, endpoint string) {
	m.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: link, Peer: "peer"}, Endpoint: endpoint})
}

// Receive takes an answer.
func (m *reqWorker) Receive(now role.Time, p role.Packet) {
	t, err := wire.DecodeText(p.Frames)
	if err != nil {
		m.Malformed(p.Link, err)
		return
	}
	switch {
	case p.Link == linkREQPlace && !m.asking, p.Link == linkREQQueue && !m.joined:
	case t.Command == wire.TextQueue:
		m.asking, m.joined, m.due = false, true, now+silentFor
		m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: linkREQPlace, Peer: "peer"}})
		m.dial(linkREQQueue, t.Endpoint)
		m.say(linkREQQueue, &wire.Text{Command: wire.TextReady, Name: m.name, Functions: m.functions})
	case t.Command == wire.TextPing:
		m.due = now + silentFor
		m.say(linkREQQueue, &wire.Text{Command: wire.TextPong})
	case t.Command == wire.TextJob:
		m.busy = true
		m.run(now, t)
	default: // WAIT, REJOIN, LEAVE, ERROR
		m.begin(now + 100*time.Millisecond)
	}
}

// begin drops what it is in and asks for a queue at the time given.
func (m *reqWorker) begin(at role.Time) {
	m.asking, m.joined, m.busy, m.due = false, false, false, at
	m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: linkREQQueue, Peer: "peer"}})
}

// Unreachable cannot happen: it binds no ROUTER.
func (m *reqWorker) Unreachable(role.Time, role.Packet) {}

// Tick begins, or begins anew once its patience has ended.
func (m *reqWorker) Tick(now role.Time) {
	if m.busy || now < m.due {
		return
	}
	if m.joined {
		m.begin(now)
	}
	if m.asking {
		m.broker = (m.broker + 1) % len(m.brokers)
	}
	m.asking, m.due = true, now+placedFor
	m.dial(linkREQPlace, m.brokers[m.broker])
	m.say(linkREQPlace, &wire.Text{Command: wire.TextPlace, Name: m.name})
}

// Wake returns when its patience ends.
func (m *reqWorker) Wake() role.Time {
	if m.busy {
		return role.Never
	}
	return m.due
}
