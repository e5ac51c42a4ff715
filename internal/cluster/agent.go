package cluster

import (
	"fmt"
	"strings"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

const (
	// publishEvery is how often a member publishes its state though nothing changed.
	publishEvery = time.Second
	// publishGap is the least time between two states: at most 20 a second.
	publishGap = 50 * time.Millisecond
	// ToldWithin is when what has changed at a member is known to who watches, on a
	// machine and a network that are not too busy.
	ToldWithin = 2 * publishGap
	// publishCatalogueEvery is how often a registrar publishes its catalogue though
	// nothing changed, for whoever has missed it.
	publishCatalogueEvery = 5 * time.Second
)

// AgentConfig says who a member is on the bus and what it wants from it.
type AgentConfig struct {
	Self         wire.Incarnation
	Coordinators []string // XPUB endpoints, as far as they are known; see CoordinatorsAt
	Subscribe    role.Link
	Publish      role.Link
	Topics       []string // prefixes wanted apart from snapshots

	// State returns the member's whole state, without its sequence, nil for an
	// operator, who is no member; Detail its detail, nil for none. Both are
	// called only when they are published.
	State  func() wire.State
	Detail func() wire.Detail

	// Catalogue returns what a registrar publishes; nil for every other role.
	Catalogue func() wire.Catalogue

	Emit func(role.Effect)
	Wall func() time.Time // the time of day, for events and commands that expire; nil is always the zero Time
}

// Agent is a member's place on the coordination bus. It subscribes at every
// coordinator, learns from each one's snapshot where to publish, and publishes
// there. It is owned by its role's state machine.
type Agent struct {
	AgentConfig
	View         View
	coordinators []*coordinator
	dialled      int // coordinators so far

	sequence  uint64
	detailSeq uint64
	changed   bool
	published role.Time // when state last went out
	detailed  role.Time // when detail last went out
	redetail  bool      // detail differs from what last went out
	listed    role.Time // when the catalogue last went out

	events  uint64 // published
	flow    limiter
	replies replies
}

// NewAgent makes an agent; Start dials.
func NewAgent(cfg AgentConfig) *Agent {
	if cfg.Wall == nil {
		cfg.Wall = func() time.Time { return time.Time{} }
	}
	a := &Agent{AgentConfig: cfg, published: -publishEvery, detailed: -publishEvery}
	for _, ep := range cfg.Coordinators {
		a.add(ep)
	}
	return a
}

// Start dials the coordinators and subscribes. The snapshot comes last, so
// that nothing falls between it and what follows.
func (a *Agent) Start(role.Time) {
	for _, c := range a.coordinators {
		a.dial(c)
	}
}

// Snapshots returns how many snapshots have come.
func (a *Agent) Snapshots() (n int) {
	for _, c := range a.coordinators {
		n += c.snapshots
	}
	return n
}

// Changed says that the state differs from what was last published.
func (a *Agent) Changed() { a.changed = true }

// DetailChanged says that the detail differs too, in more than its numbers.
func (a *Agent) DetailChanged() { a.changed, a.redetail = true, true }

// Receive takes a packet that came on one of the agent's links. States,
// details and snapshots go into the View; what is neither is returned for the
// role to decode.
func (a *Agent) Receive(now role.Time, p role.Packet) (rest bool, err error) {
	c := a.find(p.Peer)
	switch {
	case c == nil || len(p.Frames) == 0:
		return false, fmt.Errorf("%w: empty or from nowhere", wire.ErrMalformed)
	case c.aside > 0:
		return false, nil // read before it was hung up on
	}
	if p.Link == a.Publish {
		return false, a.subscription(now, c, p.Frames)
	}
	topic := string(p.Frames[0])
	switch {
	case strings.HasPrefix(topic, wire.TopicState):
		s, err := DecodeState(p.Frames)
		if err != nil {
			return false, err
		}
		a.View.State(now, *s, 0)
		a.note(c, s)
	case strings.HasPrefix(topic, wire.TopicDetail):
		var d wire.Detail
		if err := wire.DecodeBus(p.Frames, &d); err != nil {
			return false, err
		}
		if d.Topic() != topic {
			return false, fmt.Errorf("%w: detail of %.200q on topic %.200q", wire.ErrMalformed, d.Topic(), topic)
		}
		if err := d.Check(); err != nil {
			return false, err
		}
		a.View.Detail(d)
	case strings.HasPrefix(topic, wire.TopicCatalogue):
		value, err := decodeCatalogue(p.Frames)
		if err != nil {
			return false, err
		}
		return false, a.View.Published(topic, value)
	case topic == wire.SnapshotTopic(c.token):
		var s wire.Snapshot
		if err := wire.DecodeBus(p.Frames, &s); err != nil {
			return false, err
		}
		a.snapshot(now, c, &s)
	default:
		return true, nil
	}
	return false, nil
}

func (a *Agent) snapshot(now role.Time, c *coordinator, s *wire.Snapshot) {
	c.snapshots++
	if c.self.Incarnation != s.Coordinator.Incarnation {
		clear(c.members)
	}
	c.self = s.Coordinator
	a.View.Snapshot(now, s)
	for i := range s.States {
		a.note(c, &s.States[i].Value)
	}
	if a.doubles(c) {
		a.standAside(now, c)
		return
	}
	ep := reachable(&s.Coordinator, "publish", c.endpoint)
	if ep == "" || ep == c.publish {
		return
	}
	c.publish = ep
	clear(c.topics)
	a.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: a.Publish, Peer: c.key}, Endpoint: ep})
}

// reachable is where a member reached at one endpoint has another link. A member
// bound to several transports advertises the first under the link's own name,
// and the others under "link-transport".
func reachable(m *wire.Member, link, at string) string {
	transport, _, _ := strings.Cut(at, "://")
	if ep := m.Endpoints[link+"-"+transport]; ep != "" {
		return ep
	}
	return m.Endpoints[link]
}

// subscription notes what a coordinator wants from us. The first one brings
// our state at once.
func (a *Agent) subscription(now role.Time, c *coordinator, frames [][]byte) error {
	f := frames[0]
	if len(frames) != 1 || len(f) == 0 || f[0] > 1 {
		return fmt.Errorf("%w: not a subscription", wire.ErrMalformed)
	}
	topic := string(f[1:])
	if f[0] == 0 {
		if delete(c.topics, topic); !c.connected() {
			a.disconnected(now, c)
		}
		return nil
	}
	if len(c.topics) < maxNoted {
		c.topics[topic] = true
	}
	if a.doubles(c) {
		a.standAside(now, c)
		return nil
	}
	switch {
	case a.State == nil:
	case strings.HasPrefix(topic, wire.TopicState):
		a.publishState(now)
	case strings.HasPrefix(topic, wire.TopicDetail):
		a.publishDetail(now)
	case strings.HasPrefix(topic, wire.TopicCatalogue):
		a.PublishCatalogue(now)
	}
	return nil
}

// Heard reports whether some coordinator passes that topic on from here.
func (a *Agent) Heard(topic string) bool {
	for _, c := range a.coordinators {
		if c.topics[topic] {
			return true
		}
	}
	return false
}

// Watched reports whether anybody wants messages of that kind.
func (a *Agent) Watched(kind string) bool {
	for _, c := range a.coordinators {
		for t := range c.topics {
			if strings.HasPrefix(t, kind) || strings.HasPrefix(kind, t) {
				return true
			}
		}
	}
	return false
}

// Event publishes e if anybody watches. What goes beyond 50 a second is left
// out, and its number told by the next event.
func (a *Agent) Event(now role.Time, e wire.Event) {
	if !a.Watched(wire.TopicEvent) || !a.flow.allow(now) {
		return
	}
	if n := a.flow.takeHeld(); n > 0 {
		e.Text += fmt.Sprintf(" (%d events before this one were left out)", n)
	}
	e.Text = wire.Cut(e.Text, maxEventText)
	a.events++
	e.From, e.Number = a.Self, a.events
	e.Millis = a.Wall().UnixMilli()
	a.Send(wire.EncodeBus(e.Topic(), e))
}

// Send publishes frames at every coordinator that is known.
func (a *Agent) Send(frames [][]byte) {
	for _, c := range a.coordinators {
		if c.publish != "" {
			a.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: a.Publish, Peer: c.key, Frames: frames}})
		}
	}
}

// Tick publishes what is due, and dials what is.
func (a *Agent) Tick(now role.Time) {
	a.redial(now)
	if a.State == nil {
		return
	}
	if now >= a.stateDue() {
		a.publishState(now)
	}
	if a.Catalogue != nil && now >= a.listed+publishCatalogueEvery {
		a.PublishCatalogue(now)
	}
	if a.Detail != nil && now >= a.detailDue() {
		a.detailed, a.redetail = now, false
		if a.Watched(wire.TopicDetail) {
			a.publishDetail(now)
		}
	}
}

func (a *Agent) stateDue() role.Time {
	if a.changed {
		return a.published + publishGap
	}
	return a.published + publishEvery
}

// maxEventText is the length in bytes at which an event's text is cut: parts of
// it may have come from strangers.
const maxEventText = 1 << 10

func (a *Agent) detailDue() role.Time {
	if a.redetail {
		return a.detailed + publishGap
	}
	return a.detailed + publishEvery
}

// Wake returns when Tick wants to be called next.
func (a *Agent) Wake() role.Time {
	due := a.redialDue()
	if a.State == nil {
		return due
	}
	due = min(due, a.stateDue())
	if a.Detail != nil {
		due = min(due, a.detailDue())
	}
	if a.Catalogue != nil {
		due = min(due, a.listed+publishCatalogueEvery)
	}
	return due
}

func (a *Agent) publishState(now role.Time) {
	s := a.State()
	a.sequence++
	s.Sequence, s.Clock = a.sequence, 1+now.Milliseconds()
	a.changed, a.published = false, now
	a.View.State(now, s, 0)
	a.Send(wire.EncodeBus(s.Topic(), s))
}

func (a *Agent) publishDetail(now role.Time) {
	if a.Detail == nil {
		return
	}
	d := a.Detail()
	a.detailSeq++
	d.Sequence, d.Clock = a.detailSeq, 1+now.Milliseconds()
	a.detailed = now
	a.Send(wire.EncodeBus(d.Topic(), d))
}

// PublishCatalogue publishes the catalogue, after the state without which nobody
// takes it.
func (a *Agent) PublishCatalogue(now role.Time) {
	if a.Catalogue == nil {
		return
	}
	a.publishState(now)
	a.listed = now
	c, s := a.Catalogue(), a.State()
	topic := wire.CatalogueTopic(&s.Member)
	_ = a.View.Published(topic, &c) // it is our own
	a.Send(wire.EncodeBus(topic, c))
}

// Leave publishes a last state, by which the others forget this member at once.
func (a *Agent) Leave(now role.Time) {
	s := a.State()
	a.sequence++
	s.Sequence, s.Left = a.sequence, true
	a.Send(wire.EncodeBus(s.Topic(), s))
}
