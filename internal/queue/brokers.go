package queue

import (
	"encoding/json"
	"fmt"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// broker is one of the brokers that this queue was told of, whichever
// incarnation of it answers.
type broker struct {
	*job.Initiator
	key      string
	endpoint string // its PULL
	state    uint8  // see brokerStates
}

func (m *Machine) dialBroker(i int, ep BrokerEndpoints) {
	b := &broker{key: fmt.Sprintf("broker%d", i), endpoint: ep.Responses}
	b.Initiator = job.NewInitiator(m.me, &m.epochs, m.cfg.Window, m.announcement, func(frames [][]byte) {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkResponses, Peer: b.key, Frames: frames}})
	})
	m.brokers = append(m.brokers, b)
	m.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: LinkJobs, Peer: b.key}, Endpoint: ep.Jobs})
	m.Emit(role.Effect{
		Op: role.OpSubscribe, Packet: role.Packet{Link: LinkJobs, Peer: b.key}, Topic: m.topic,
	})
	m.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: LinkResponses, Peer: b.key}, Endpoint: ep.Responses})
}

// announcement is the body of a HELLO to a broker.
func (m *Machine) announcement() []byte {
	self := m.cfg.Self
	self.Workers, self.Pinned = m.liveWorkers()
	b, err := json.Marshal(self)
	if err != nil {
		panic("queue: a member is plain data: " + err.Error())
	}
	return b
}

// workersChanged tells brokers and the bus that workers came or went.
func (m *Machine) workersChanged(now role.Time) {
	for _, b := range m.brokers {
		b.Announce(now)
	}
	m.bus.DetailChanged()
}

func (m *Machine) fromBroker(now role.Time, key string, msg *wire.Message) error {
	var b *broker
	for _, known := range m.brokers {
		if known.key == key {
			b = known
		}
	}
	if b == nil {
		return fmt.Errorf("%w: from a broker that was not dialled", wire.ErrMalformed)
	}
	switch b.Receive(now, msg) {
	case job.Up:
		m.lastLink = now
		m.paths.brokers.Now(&b.state, linked)
		m.cfg.Log.Info("joined broker", "broker", b.endpoint, "incarnation", msg.Sender)
	case job.Down:
		m.brokerGone(now, b, "began anew or left")
		return nil
	case job.Fresh:
		switch msg.Type {
		case wire.TypeJob:
			m.jobArrived(now, b, msg)
		case wire.TypeCancel:
			m.cancelled(now, b, msg)
		case wire.TypeMoved:
			m.jobMoved(now, b, msg)
		case wire.TypeAsk:
			m.asked(now, b, msg.Job)
		case wire.TypeRefused:
			m.moveRefused(now, b, msg)
		default:
			return fmt.Errorf("%w: %s from a broker", wire.ErrMalformed, msg.Type)
		}
	}
	m.trust(now, b) // after what it says, which may be that a job is to be dropped
	if b.Poll(now) == job.Down {
		m.brokerGone(now, b, b.Why())
	}
	m.timer.By(now, b.Wake())
	return nil
}

// brokerGone takes a lost broker's name off all jobs. Jobs that no worker has
// are dropped: whoever answers for them now gives them to a queue again. Those
// that run go on, and their results are kept.
func (m *Machine) brokerGone(now role.Time, b *broker, why string) {
	m.paths.brokers.Now(&b.state, absent)
	dropped := 0
	for _, e := range role.InOrderFunc(m.jobs, wire.JobID.Compare) {
		switch {
		case !e.leave(b):
		case len(e.routes) > 0:
			m.resume(now, e)
		case e.state != running:
			m.remove(e)
			dropped++
		}
	}
	m.cfg.Log.Warn("broker gone", "broker", b.endpoint, "why", why, "waiting_jobs_dropped", dropped)
	m.bus.Changed()
}
