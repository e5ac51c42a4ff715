package frontend

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// broker is one of the addresses where this frontend was told that brokers are,
// and whichever incarnation answers there.
type broker struct {
	*job.Initiator
	key      string
	endpoint string
	unlisted bool // nobody says any more that a broker is there: it stays as long as its link
	draining bool
	state    uint8 // see brokerStates
	held     map[uint64]*request
	shares   job.Shares // of held
}

// BrokersAt is told where brokers are, all of them. One that is no longer among
// them is used as long as it answers.
func (m *Machine) BrokersAt(now role.Time, endpoints []string) {
	for _, b := range m.brokers {
		b.unlisted = !slices.Contains(endpoints, b.endpoint)
	}
	for _, endpoint := range endpoints {
		if !slices.ContainsFunc(m.brokers, func(b *broker) bool { return b.endpoint == endpoint }) {
			m.addBroker(endpoint)
		}
	}
	m.dropUnlisted()
	m.timer.By(now, now)
}

func (m *Machine) addBroker(endpoint string) {
	b := &broker{key: fmt.Sprintf("broker%d", m.dialled), endpoint: endpoint, held: make(map[uint64]*request)}
	m.dialled++
	b.Initiator = job.NewInitiator(m.me, &m.epochs, m.cfg.Window, m.announcement, func(frames [][]byte) {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkRequests, Peer: b.key, Frames: frames}, Batch: true})
	})
	b.Among(m.peers)
	m.brokers = append(m.brokers, b)
	m.dial(b)
}

func (m *Machine) dial(b *broker) {
	m.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: LinkRequests, Peer: b.key}, Endpoint: b.endpoint})
}

func (m *Machine) hangUp(b *broker) {
	m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: LinkRequests, Peer: b.key}})
}

func (m *Machine) brokerEndpoints() []string {
	list := make([]string, len(m.brokers))
	for i, b := range m.brokers {
		list[i] = b.endpoint
	}
	return list
}

// dropUnlisted forgets addresses that are not listed and where nobody answers.
func (m *Machine) dropUnlisted() {
	m.brokers = slices.DeleteFunc(slices.Clone(m.brokers), func(b *broker) bool { // which may be being visited
		if !b.unlisted || b.Link() != nil {
			return false
		}
		m.cfg.Log.Info("no broker is there any more", "broker", b.endpoint)
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

func (m *Machine) announcement() []byte {
	b, err := json.Marshal(m.cfg.Self)
	if err != nil {
		panic("frontend: a member is plain data: " + err.Error())
	}
	return b
}

// fromBroker takes a message on the one socket that all brokers push to; the
// link's epoch tells them apart.
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
	switch event := b.Receive(now, msg); {
	case event == job.Up:
		m.cfg.Log.Info("joined broker", "broker", b.endpoint, "incarnation", msg.Sender)
		b.draining = msg.Flags&wire.FlagDraining != 0
		m.brokerUsable(now, b)
		m.dropDoubles(now, b)
	case event == job.Known:
		m.hangUp(b)
	case event == job.Down:
		if msg.Code == wire.CodeUnknownLink {
			m.renewing = now + renewWithin
		}
		m.brokerGone(now, b, "left or began anew")
		return nil
	case event == job.Fresh && msg.Type == wire.TypeResult:
		m.result(now, msg)
	case event == job.Fresh && msg.Type == wire.TypeAttempt:
		m.attempted(msg)
	case event == job.Fresh:
		return fmt.Errorf("%w: %s from a broker", wire.ErrMalformed, msg.Type)
	case msg.Type == wire.TypeBeacon:
		b.draining = msg.Flags&wire.FlagDraining != 0
		m.brokerUsable(now, b)
	}
	m.poll(now, b)
	m.rehouse(now)
	return nil
}

// dropDoubles gives up the link that a broker had by another address when one by
// this address began.
func (m *Machine) dropDoubles(now role.Time, b *broker) {
	for _, o := range m.brokers {
		if o.Displaced() {
			m.hangUp(o)
			m.brokerGone(now, o, "it is reached at "+b.endpoint+" too")
		}
	}
}

// renewWithin is how long is waited for a broker to begin a new link that has
// said, or may be about to say, that it does not know the present one any more.
const renewWithin = time.Second

// renews reports whether a broker that lives may be about to begin a new link.
// What the others have no room for meanwhile need not be refused, up to what all
// brokers together take by default.
func (m *Machine) renews(now role.Time, function string, size uint64) bool {
	n := len(m.brokers)
	all := job.Window{Count: uint64(n) * m.cfg.Window.Count, Bytes: uint64(n) * m.cfg.Window.Bytes}
	unlinked := func(b *broker) bool { return b.Link() == nil && !b.Aside() }
	return now < m.renewing && slices.ContainsFunc(m.brokers, unlinked) && m.awaiting.Admits(function, size, all)
}

// brokerUsable keeps the ring to brokers that can be given requests. With the
// first after a time without any, what has waited for it is not held against
// anybody, and others may follow.
func (m *Machine) brokerUsable(now role.Time, b *broker) {
	m.look(b)
	none := m.ring.Len() == 0
	m.ring.Remove(b)
	if b.Link() != nil && !b.draining {
		if m.ring.Add(b.key, b); none && m.homeless.Len() > 0 {
			m.excuseFlows(now)
			m.renewing = max(m.renewing, now+renewWithin)
		}
	}
}

// brokerGone sends what a lost broker had through others.
func (m *Machine) brokerGone(now role.Time, b *broker, why string) {
	m.cfg.Log.Warn("broker gone", "broker", b.endpoint, "why", why, "requests_sent_again", len(b.held))
	m.brokerUsable(now, b)
	for _, r := range role.InOrder(b.held) {
		b.release(r)
		m.await(r)
	}
	m.rehouse(now)
	m.dropUnlisted()
}
