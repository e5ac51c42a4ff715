package queue

import (
	"encoding/json"
	"fmt"
	"slices"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// broker is one of the places where this queue was told that brokers are, and
// whichever incarnation answers there.
type broker struct {
	*job.Initiator
	key      string
	at       BrokerEndpoints
	unlisted bool  // nobody says any more that a broker is there: it stays as long as its link
	state    uint8 // see brokerStates
}

// BrokersAt is told where brokers are, all of them. One that is no longer among
// them is served as long as it answers.
func (m *Machine) BrokersAt(now role.Time, places []BrokerEndpoints) {
	for _, b := range m.brokers {
		b.unlisted = !slices.Contains(places, b.at)
	}
	for _, at := range places {
		if !slices.ContainsFunc(m.brokers, func(b *broker) bool { return b.at == at }) {
			m.addBroker(now, at)
		}
	}
	m.dropUnlisted()
	m.timer.By(now, now)
}

func (m *Machine) addBroker(now role.Time, at BrokerEndpoints) {
	b := &broker{key: fmt.Sprintf("broker%d", m.dialled), at: at}
	m.dialled++
	b.Initiator = job.NewInitiator(m.me, &m.epochs, m.cfg.Window, m.announcement, func(frames [][]byte) {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkResponses, Peer: b.key, Frames: frames}, Batch: true})
	})
	b.Among(m.peers)
	m.brokers = append(m.brokers, b)
	m.dial(b)
	if m.draining {
		b.Drain(now)
	}
}

func (m *Machine) dial(b *broker) {
	jobs := role.Packet{Link: LinkJobs, Peer: b.key}
	m.Emit(role.Effect{Op: role.OpDial, Packet: jobs, Endpoint: b.at.Jobs})
	m.Emit(role.Effect{Op: role.OpSubscribe, Packet: jobs, Topic: m.topic})
	m.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: LinkResponses, Peer: b.key}, Endpoint: b.at.Responses})
}

func (m *Machine) hangUp(b *broker) {
	m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: LinkJobs, Peer: b.key}})
	m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: LinkResponses, Peer: b.key}})
}

func (m *Machine) brokerEndpoints() []string {
	list := make([]string, len(m.brokers))
	for i, b := range m.brokers {
		list[i] = b.at.Responses
	}
	return list
}

// dropUnlisted forgets places that are not listed and where nobody answers.
func (m *Machine) dropUnlisted() {
	m.brokers = slices.DeleteFunc(slices.Clone(m.brokers), func(b *broker) bool { // which may be being visited
		if !b.unlisted || b.Link() != nil {
			return false
		}
		m.cfg.Log.Info("no broker is there any more", "broker", b.at.Responses)
		m.hangUp(b)
		return true
	})
}

// poll has a broker's initiator do what is due.
func (m *Machine) poll(now role.Time, b *broker) {
	switch b.Poll(now) {
	case job.Down:
		m.brokerGone(now, b, b.Why())
	case job.Again:
		m.dial(b)
		b.Poll(now)
	}
	m.timer.By(now, b.Wake())
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

// fromBroker takes a message that came by whichever socket: what a broker
// publishes comes by all that are connected to it. The link's epoch tells whose
// it is.
func (m *Machine) fromBroker(now role.Time, msg *wire.Message) error {
	var b *broker
	for _, known := range m.brokers {
		if known.Epoch() == msg.LinkEpoch {
			b = known
		}
	}
	if b == nil || msg.Receiver != m.me {
		return nil // of a link that is over
	}
	switch b.Receive(now, msg) {
	case job.Up:
		m.lastLink = now
		m.paths.brokers.Now(&b.state, linked)
		m.cfg.Log.Info("joined broker", "broker", b.at.Responses, "incarnation", msg.Sender)
		m.dropDoubles(now, b)
	case job.Known:
		m.hangUp(b)
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
	m.poll(now, b)
	return nil
}

// dropDoubles gives up the link that a broker had by another address when one by
// this address began.
func (m *Machine) dropDoubles(now role.Time, b *broker) {
	for _, o := range m.brokers {
		if o.Displaced() {
			m.hangUp(o)
			m.brokerGone(now, o, "it is reached at "+b.at.Responses+" too")
		}
	}
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
	m.cfg.Log.Warn("broker gone", "broker", b.at.Responses, "why", why, "waiting_jobs_dropped", dropped)
	m.bus.Changed()
	m.dropUnlisted()
}
