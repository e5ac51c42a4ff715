package sim

import (
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// linkMDP is the one link of a worker that speaks MDP.
const linkMDP role.Link = 1

// What the workers of the ØMQ Guide do by themselves.
const (
	mdpHeartbeat = 2500 * time.Millisecond
	mdpReconnect = 2500 * time.Millisecond // after a silence, and before it connects anew
	mdpLiveness  = 3                       // silent intervals that make one
)

// mdpWorker is a stock worker of ZeroMQ's RFC 7: a single thread that reads
// nothing while it runs a job.
type mdpWorker struct {
	role.Outbox
	role.Faults
	queue     string // endpoint
	service   string
	busy      bool
	asleep    bool       // after a silence
	unread    [][][]byte // what has come while it was busy or asleep
	left      int        // silent intervals left
	quiet     role.Time  // when the present one ends, or the sleep
	heartbeat role.Time  // when its next one is due
	run       func(now role.Time, request *wire.MDP)
}

// StartMDPWorker starts a worker that speaks MDP at a queue's endpoint.
func (s *System) StartMDPWorker(name, queue, service string) *Node {
	m := &mdpWorker{queue: queue, service: service}
	n := s.World.Start(Spec{Name: name, Machine: m, Kinds: map[role.Link]Kind{linkMDP: Faithful}})
	m.run = func(_ role.Time, request *wire.MDP) {
		id, err := wire.ParseJobID(request.Client)
		if err != nil {
			panic("sim: a queue's client is no job: " + err.Error())
		}
		start := worker.Start{
			Job:     &wire.Message{Header: wire.Header{Job: id}, Meta: wire.Meta{Function: service}, Body: request.Body},
			Timeout: time.Hour,
		}
		s.started(n, start)
		outcome, after := s.Serve(name, start)
		if after == Forever {
			return // it knows no deadline: it never answers
		}
		s.After(after, func() {
			if s.Ended != nil {
				s.Ended(n, id)
			}
			n.Do(func(now role.Time) { m.finished(now, request.Client, outcome.Body) })
		})
	}
	return n
}

func (m *mdpWorker) say(message *wire.MDP) {
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: linkMDP, Peer: "peer", Frames: message.Frames()}})
}

// connect makes a new socket, with which all that was said to the one before is
// gone.
func (m *mdpWorker) connect(now role.Time) {
	m.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: linkMDP, Peer: "peer"}, Endpoint: m.queue})
	m.say(&wire.MDP{Command: wire.MDPReady, Service: m.service})
	m.asleep, m.unread = false, nil
	m.left, m.quiet, m.heartbeat = mdpLiveness, now+mdpHeartbeat, now+mdpHeartbeat
}

// Receive takes a message, or leaves it where it is.
func (m *mdpWorker) Receive(now role.Time, p role.Packet) {
	m.unread = append(m.unread, p.Frames)
	m.read(now)
}

func (m *mdpWorker) read(now role.Time) {
	for len(m.unread) > 0 && !m.busy && !m.asleep {
		frames := m.unread[0]
		m.unread = m.unread[1:]
		c, err := wire.DecodeMDP(frames)
		if err != nil {
			panic("sim: a queue says " + err.Error())
		}
		m.left, m.quiet = mdpLiveness, now+mdpHeartbeat
		switch c.Command {
		case wire.MDPRequest:
			m.busy = true
			m.run(now, c)
		case wire.MDPDisconnect:
			m.connect(now)
		case wire.MDPHeartbeat:
		default:
			panic("sim: a queue says " + c.Command.String())
		}
	}
	m.beat(now)
}

func (m *mdpWorker) beat(now role.Time) {
	if !m.busy && !m.asleep && now >= m.heartbeat {
		m.say(&wire.MDP{Command: wire.MDPHeartbeat})
		m.heartbeat = now + mdpHeartbeat
	}
}

func (m *mdpWorker) finished(now role.Time, client string, body []byte) {
	m.busy, m.quiet = false, now+mdpHeartbeat
	m.say(&wire.MDP{Command: wire.MDPReply, Client: client, Body: body})
	m.read(now)
}

// Unreachable cannot happen: it binds no ROUTER.
func (m *mdpWorker) Unreachable(role.Time, role.Packet) {}

// Tick begins, or begins anew after a silence.
func (m *mdpWorker) Tick(now role.Time) {
	if m.busy || now < m.quiet {
		m.beat(now)
		return
	}
	switch m.left--; {
	case m.left > 0:
		m.quiet = now + mdpHeartbeat
		m.beat(now)
	case m.left == 0:
		m.asleep, m.quiet = true, now+mdpReconnect
	default: // the sleep is over, or it has just been started
		m.connect(now)
	}
}

// Wake returns when it has something to do.
func (m *mdpWorker) Wake() role.Time {
	switch {
	case m.busy:
		return role.Never
	case m.asleep:
		return m.quiet
	}
	return min(m.quiet, m.heartbeat)
}
