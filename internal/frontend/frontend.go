// Package frontend is the role that clients meet: it takes requests, gives
// each to a broker that has room for it, keeps it until the answer is there,
// sends it through another broker if that one is lost, and lets nothing hang.
// The HTTP adapters are in the packages below it.
package frontend

import (
	"log/slog"
	"sync/atomic"
	"time"

	"faasd/internal/cluster"
	"faasd/internal/job"
	"faasd/internal/metrics"
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
	Brokers      []string                  // PULL endpoints for frontends, as far as they are known; see BrokersAt
	Coordinators []string                  // XPUB endpoints; see CoordinatorsAt
	Following    bool                      // CoordinatorsAt is about to tell of more
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
	Version     uint32 // 0: the current one
	ContentType string
	Body        []byte
	Timeout     time.Duration
	Log         bool   // the answer is to have a LogTail
	Client      string // Lambda client context, base64
	Trace       string // W3C traceparent
	HTTP        string // function.Request as JSON; "" for functions that are not told
}

// Answer is what came of a request.
type Answer struct {
	Code        wire.Code
	ContentType string
	Body        []byte
	Reason      string // for people, if Code is not OK
	ErrorType   string // what kind of error, as Lambda names it; "" unknown
	LogTail     string // the end of what the function printed, if that was asked for
	Version     uint32 // of the function that ran; 0 of a built-in one
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
	NotUp                   // it is deployed, and no version of it has come up
	Uninformed              // this frontend has just begun, and cannot know yet whether there is such a function; try again
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
	peers   job.Peers
	brokers []*broker
	dialled int // brokers so far
	ring    job.Ring[*broker]

	last      uint64 // number of the newest request
	oldest    uint64 // everything below is closed
	open      map[uint64]*request
	flows     map[string]*flow                          // by function
	served    map[string]*function                      // known to be served, now or a moment ago
	catalogue *wire.Catalogue                           // what is deployed; nil: nobody has said
	deployed  map[string]*wire.Deployed                 // its functions; never changed, but replaced
	shared    atomic.Pointer[map[string]*wire.Deployed] // deployed, for whoever is not in the owner's turn
	told      role.Time                                 // when a coordinator first told who is there; 0 none has
	deadlines deadlines
	homeless  job.Lines[*request] // no broker has room for them: their own was lost, or others are about to begin
	awaiting  job.Shares          // of homeless
	renewing  role.Time           // until then a broker that lives may begin a new link

	accepted, answered, failed, late uint64
	refused                          [Stopping + 1]uint64 // by why
	jobs                             metrics.Tally        // answered
	draining                         bool
	noticed                          bool // whether brokers answered was looked at once
}

// noticeAfter is when a frontend without a broker says so.
const noticeAfter = 2 * time.Second

// New makes a frontend; nothing happens before the first Tick.
func New(cfg Config) *Machine {
	m := &Machine{
		cfg: cfg, me: cfg.Self.Incarnation, oldest: 1, peers: make(job.Peers),
		open: make(map[uint64]*request), flows: make(map[string]*flow), served: make(map[string]*function), builtIn: make(map[string]bool),
	}
	for _, fn := range cfg.BuiltIn {
		m.builtIn[fn] = true
	}
	m.Faults.Log, m.Faults.Links = cfg.Log, linkNames
	m.paths = newPaths()
	m.bus = cluster.NewAgent(cluster.AgentConfig{
		Self: m.me, Coordinators: cfg.Coordinators, Subscribe: LinkSubscribe, Publish: LinkPublish,
		Topics: []string{wire.TopicState + wire.RoleQueue + "/", wire.TopicState + wire.RoleRegistrar + "/", wire.TopicCatalogue},
		State:  m.state, Emit: m.Emit,
		Wall: cfg.Wall,
	})
	m.bus.Start(0)
	m.BrokersAt(0, cfg.Brokers)
	return m
}

// CoordinatorsAt is told where coordinators are, all of them.
func (m *Machine) CoordinatorsAt(now role.Time, endpoints []string) {
	m.bus.CoordinatorsAt(now, endpoints)
	m.timer.By(now, m.bus.Wake())
}

// Alone reports whether no broker, or no coordinator, answers.
func (m *Machine) Alone() bool { return len(m.peers) == 0 || m.bus.Alone() }

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
		if p.Shared {
			msg.OwnBody()
		}
		return m.fromBroker(now, msg)
	case LinkSubscribe, LinkPublish:
		_, err := m.bus.Receive(now, p)
		if m.told == 0 && m.bus.Snapshots() > 0 {
			m.told = max(now, 1)
		}
		m.follow(now)
		return err
	}
	return nil
}

// Unreachable cannot happen: a frontend binds no ROUTER.
func (m *Machine) Unreachable(role.Time, role.Packet) {}

// Tick does what is due.
func (m *Machine) Tick(now role.Time) {
	m.awake(now)
	m.timer.Reset(now)
	for _, b := range m.brokers {
		m.poll(now, b)
	}
	if !m.noticed && now >= noticeAfter {
		m.noticed = true
		if m.ring.Len() == 0 {
			m.cfg.Log.Warn("no broker answers yet; requests are refused until one does", "brokers", m.brokerEndpoints())
		}
	}
	m.expire(now)
	m.rehouse(now)
	m.forgetIdle()
	m.forgetUnserved(now)
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

// refusedInAll are all but those of functions that cannot be called.
func (m *Machine) refusedInAll() (n uint64) {
	for why, count := range m.refused {
		if r := Refusal(why); r != UnknownFunction && r != NotUp {
			n += count
		}
	}
	return n
}

func (m *Machine) state() wire.State {
	s := wire.State{
		Member: m.cfg.Self, Draining: m.draining, Malformed: m.MalformedCount(),
		Frontend: &wire.FrontendState{
			HTTP: m.cfg.HTTP, Open: len(m.open), Accepted: m.accepted, Answered: m.answered, Failed: m.failed, Errors: m.errors(), Expired: m.expired(), Refused: m.refusedInAll(), Late: m.late,
		},
	}
	if m.catalogue != nil {
		applied := m.catalogue.Of()
		s.Frontend.Applied = &applied
	}
	return s
}
