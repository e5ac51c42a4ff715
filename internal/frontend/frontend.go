// Package frontend is the role that clients meet: it takes requests, gives
// each to a broker that has room for it, keeps it until the answer is there,
// sends it through another broker if that one is lost, and lets nothing hang.
// The HTTP adapters are in the packages below it.
package frontend

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"faasd/internal/cluster"
	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// The frontend's links.
const (
	LinkReplies   role.Link = iota + 1 // PULL, bound: results from brokers
	LinkRequests                       // PUSH, one dialled to each broker
	LinkSubscribe                      // SUB, dialled to each coordinator
	LinkPublish                        // PUB (XPUB), dialled to each coordinator
)

var linkNames = map[role.Link]string{
	LinkReplies: "replies", LinkRequests: "requests", LinkSubscribe: "subscribe", LinkPublish: "publish",
}

// Config is a frontend's part in the system.
type Config struct {
	Self         wire.Member               // with the endpoint "replies"
	HTTP         string                    // where clients reach it, for people
	Brokers      []string                  // PULL endpoints for frontends
	Coordinators []string                  // XPUB endpoints
	BuiltIn      []string                  // functions that every worker has
	Attempts     func(function string) int // of a function's job that may be lost alone with their worker; 1 to 255
	MaxWait      time.Duration             // what a request should wait at most, or be refused; see admission.go
	Window       job.Window                // what each broker may have outstanding here
	Log          *slog.Logger
	Wall         func() time.Time // the time of day, for events and what expires
}

// Request is what a client wants run.
type Request struct {
	ID          wire.JobID
	Function    string
	ContentType string
	Body        []byte
	Timeout     time.Duration
}

// Answer is what came of a request.
type Answer struct {
	Code        wire.Code
	ContentType string
	Body        []byte
	Reason      string // for people, if Code is not OK
	Queue       string
	Worker      string
	Attempt     int // the run that answered, from 1
}

// Refusal says why a request was not accepted.
type Refusal uint8

// The refusals.
const (
	Accepted        Refusal = iota
	UnknownFunction         // nobody serves it and it is not built in
	Full                    // too much of its function waits, or no broker has room; try again
	NoBroker                // no broker is in sight; try again
	Stopping                // this frontend is about to stop
)

// Machine is a frontend's decisions: a role.Machine with Submit and Cancel.
type Machine struct {
	role.Outbox
	cfg Config
	me  wire.Incarnation
	bus *cluster.Agent
	role.Faults
	paths   paths
	timer   role.Timer
	builtIn map[string]bool

	epochs  job.Epochs
	brokers []*broker
	ring    job.Ring[*broker]

	last      uint64 // number of the newest request
	oldest    uint64 // everything below is closed
	open      map[uint64]*request
	flows     map[string]*flow  // by function
	rooms     map[string]uint32 // by function: see room
	deadlines deadlines
	homeless  job.Lines[*request] // their broker was lost and no other had room
	awaiting  job.Shares          // of homeless
	renewing  role.Time           // until then a broker that lives may begin a new link

	accepted, answered, refused, late uint64
	draining                          bool
	noticed                           bool // whether brokers answered was looked at once
}

// noticeAfter is when a frontend without a broker says so.
const noticeAfter = 2 * time.Second

// broker is one of the brokers that this frontend was told of, whichever
// incarnation of it answers.
type broker struct {
	*job.Initiator
	key      string
	endpoint string
	draining bool
	state    uint8 // see brokerStates
	held     map[uint64]*request
	shares   job.Shares // of held
}

// request is one that has been accepted and not yet answered.
type request struct {
	msg      wire.Message
	seq      uint64
	state    uint8 // see requestStates
	flow     *flow
	turn     int // in flow.line, counted from the flow's beginning
	deadline role.Time
	answer   func(Answer)
	broker   *broker              // nil: homeless
	place    *job.Place[*request] // homeless: where it waits
	sent     *wire.Message        // what the broker's link carries
	index    int                  // in deadlines
}

// New makes a frontend; nothing happens before the first Tick.
func New(cfg Config) *Machine {
	m := &Machine{
		cfg: cfg, me: cfg.Self.Incarnation, oldest: 1,
		open: make(map[uint64]*request), flows: make(map[string]*flow), rooms: make(map[string]uint32), builtIn: make(map[string]bool),
	}
	for _, fn := range cfg.BuiltIn {
		m.builtIn[fn] = true
	}
	m.Faults.Log, m.Faults.Links = cfg.Log, linkNames
	m.paths = newPaths()
	m.bus = cluster.NewAgent(cluster.AgentConfig{
		Self: m.me, Coordinators: cfg.Coordinators, Subscribe: LinkSubscribe, Publish: LinkPublish,
		Topics: []string{wire.TopicState + wire.RoleQueue + "/"},
		State:  m.state, Emit: m.Emit,
		Wall: cfg.Wall,
	})
	m.bus.Start(0)
	for i, ep := range cfg.Brokers {
		m.dialBroker(i, ep)
	}
	return m
}

func (m *Machine) dialBroker(i int, endpoint string) {
	b := &broker{key: fmt.Sprintf("broker%d", i), endpoint: endpoint, held: make(map[uint64]*request)}
	b.Initiator = job.NewInitiator(m.me, &m.epochs, m.cfg.Window, m.announcement, func(frames [][]byte) {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkRequests, Peer: b.key, Frames: frames}})
	})
	m.brokers = append(m.brokers, b)
	m.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: LinkRequests, Peer: b.key}, Endpoint: endpoint})
}

func (m *Machine) announcement() []byte {
	b, err := json.Marshal(m.cfg.Self)
	if err != nil {
		panic("frontend: a member is plain data: " + err.Error())
	}
	return b
}

// Advertise says where others reach one of this role's links.
func (m *Machine) Advertise(link, endpoint string) { m.cfg.Self.Advertise(link, endpoint) }

// Receive takes one packet.
func (m *Machine) Receive(now role.Time, p role.Packet) {
	m.awake(now)
	if err := m.receive(now, p); err != nil {
		m.Malformed(p.Link, err)
	}
	m.timer.By(now, m.bus.Wake())
}

func (m *Machine) receive(now role.Time, p role.Packet) error {
	switch p.Link {
	case LinkReplies:
		msg, err := wire.Decode(p.Frames)
		if err != nil {
			return err
		}
		return m.fromBroker(now, msg)
	case LinkSubscribe, LinkPublish:
		_, err := m.bus.Receive(now, p)
		return err
	}
	return nil
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
	if b.Poll(now) == job.Down {
		m.brokerGone(now, b, b.Why())
	}
	m.timer.By(now, b.Wake())
	m.rehouse(now)
	return nil
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
	unlinked := func(b *broker) bool { return b.Link() == nil }
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
		if m.ring.Add(b.key, b); none {
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
}

// Unreachable cannot happen: a frontend binds no ROUTER.
func (m *Machine) Unreachable(role.Time, role.Packet) {}

// Tick does what is due.
func (m *Machine) Tick(now role.Time) {
	m.awake(now)
	m.timer.Reset(now)
	for _, b := range m.brokers {
		if b.Poll(now) == job.Down {
			m.brokerGone(now, b, b.Why())
		}
		m.timer.By(now, b.Wake())
	}
	if !m.noticed && now >= noticeAfter {
		m.noticed = true
		if m.ring.Len() == 0 {
			m.cfg.Log.Warn("no broker answers yet; requests are refused until one does", "brokers", m.cfg.Brokers)
		}
	}
	for len(m.deadlines) > 0 && now >= m.deadlines[0].deadline {
		r := m.deadlines[0]
		m.cancel(now, r)
		r.answer(Answer{Code: wire.CodeExpired})
	}
	m.rehouse(now)
	m.forgetIdle(now)
	if len(m.deadlines) > 0 {
		m.timer.By(now, m.deadlines[0].deadline)
	}
	m.bus.Tick(now)
	m.timer.By(now, m.bus.Wake())
}

// awake notices that this process has not run for a while.
func (m *Machine) awake(now role.Time) {
	slept := m.timer.Overslept(now)
	if slept == 0 {
		return
	}
	m.cfg.Log.Warn("this process did not run for a while", "time", slept)
	m.excuseFlows(now)
	for _, b := range m.brokers {
		b.Excuse(slept)
	}
	if slept > job.LostAfter-job.BeaconEvery { // they may have given it up, and say so, or nothing, within LostAfter
		m.renewing = now + job.LostAfter + renewWithin
	}
}

// Wake returns when Tick is wanted next.
func (m *Machine) Wake() role.Time { return m.timer.At() }

// Ready reports whether a broker takes requests.
func (m *Machine) Ready() bool { return m.ring.Len() > 0 }

// View is the cluster as this frontend sees it, for use in the owner's turn.
func (m *Machine) View() *cluster.View { return &m.bus.View }

// Drain refuses new requests from now on.
func (m *Machine) Drain(role.Time) { m.draining = true }

// Drained reports whether every accepted request has been answered.
func (m *Machine) Drained() bool { return len(m.open) == 0 }

// Leave answers what is still open and says goodbye.
func (m *Machine) Leave(now role.Time) {
	for _, r := range role.InOrder(m.open) {
		m.cancel(now, r)
		r.answer(Answer{Code: wire.CodeLeaving, Reason: "the frontend stopped before the answer came"})
	}
	for _, b := range m.brokers {
		b.Farewell(now, "frontend "+m.cfg.Self.Name+" stops")
	}
	m.bus.Leave(now)
}

func (m *Machine) state() wire.State {
	return wire.State{
		Member: m.cfg.Self, Draining: m.draining, Malformed: m.MalformedCount(),
		Frontend: &wire.FrontendState{
			HTTP: m.cfg.HTTP, Open: len(m.open), Accepted: m.accepted, Answered: m.answered, Refused: m.refused, Late: m.late,
		},
	}
}

// deadlines is a heap of requests, the next to run out in front.
type deadlines []*request

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline < d[j].deadline }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

func (d *deadlines) Push(x any) {
	r := x.(*request)
	r.index = len(*d)
	*d = append(*d, r)
}

func (d *deadlines) Pop() any {
	old := *d
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return r
}

var _ heap.Interface = (*deadlines)(nil)
