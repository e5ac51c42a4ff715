// Package broker is the role that answers for accepted jobs: it gives each to
// the next queue in turn that does not hold many more than the others, keeps it
// until the frontend has its result, gives it to another queue if one is lost,
// and tells new workers which queue to join.
package broker

import (
	"log/slog"
	"time"

	"faasd/internal/cluster"
	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// The broker's links.
const (
	LinkFrontends role.Link = iota + 1 // PULL, bound: from frontends
	LinkReplies                        // PUSH, one dialled to each frontend
	LinkWorkers                        // ROUTER, bound: "which queue do I join?"
	LinkJobs                           // PUB (XPUB), bound: to queues, a topic for each
	LinkResponses                      // PULL, bound: from queues
	LinkSubscribe                      // SUB, dialled to each coordinator
	LinkPublish                        // PUB (XPUB), dialled to each coordinator
)

var linkNames = map[role.Link]string{
	LinkFrontends: "frontends", LinkReplies: "replies", LinkWorkers: "workers", LinkJobs: "jobs",
	LinkResponses: "responses", LinkSubscribe: "subscribe", LinkPublish: "publish",
}

// Config is a broker's part in the system.
type Config struct {
	Self         wire.Member
	Coordinators []string   // XPUB endpoints
	Window       job.Window // what each frontend may have outstanding here
	Log          *slog.Logger
	Wall         func() time.Time // the time of day, for events and what expires
}

// Machine is a broker's decisions: a role.Machine.
type Machine struct {
	cfg Config
	me  wire.Incarnation
	bus *cluster.Agent
	role.Faults
	paths paths
	timer role.Timer
	role.Outbox

	frontends map[wire.Incarnation]*frontend
	queues    map[wire.Incarnation]*queue
	byTopic   map[string]int // how many subscribers a topic has now
	lostQueue role.Time      // when one was last lost, or left; -1 never
	requests  job.Ring[*queue]
	places    job.Ring[*queue]

	jobs        map[wire.JobID]*entry
	searches    map[wire.JobID]*entry // those of jobs that queues are asked for
	unrouted    job.Lines[*entry]     // no queue had room for them
	least       int                   // about how many jobs the queue with the fewest holds
	assignments uint32                // the last fence given out, over all jobs
	placed      map[string]placement

	accepted, answered, late uint64
	draining                 bool
	crash                    cluster.Crash
}

// New makes a broker; nothing happens before the first Tick.
func New(cfg Config) *Machine {
	m := &Machine{
		cfg: cfg, me: cfg.Self.Incarnation, paths: newPaths(),
		frontends: make(map[wire.Incarnation]*frontend),
		queues:    make(map[wire.Incarnation]*queue),
		byTopic:   make(map[string]int),
		jobs:      make(map[wire.JobID]*entry),
		searches:  make(map[wire.JobID]*entry),
		placed:    make(map[string]placement),
		lostQueue: -1,
	}
	m.Faults.Log, m.Faults.Links = cfg.Log, linkNames
	m.bus = cluster.NewAgent(cluster.AgentConfig{
		Self: m.me, Coordinators: cfg.Coordinators, Subscribe: LinkSubscribe, Publish: LinkPublish,
		Topics: []string{wire.CommandTopic(m.me)},
		State:  m.state, Emit: m.Emit,
		Wall: cfg.Wall,
	})
	m.bus.Start(0)
	return m
}

// CoordinatorsAt is told where coordinators are, all of them.
func (m *Machine) CoordinatorsAt(now role.Time, endpoints []string) {
	m.bus.CoordinatorsAt(now, endpoints)
	m.timer.By(now, m.bus.Wake())
}

// Alone reports whether no coordinator answers.
func (m *Machine) Alone() bool { return m.bus.Alone() }

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
	case LinkFrontends, LinkResponses:
		msg, err := wire.Decode(p.Frames)
		if err != nil {
			return err
		}
		if p.Shared {
			msg.OwnBody()
		}
		if p.Link == LinkFrontends {
			return m.fromFrontend(now, msg)
		}
		return m.fromQueue(now, msg)
	case LinkWorkers:
		return m.place(now, p)
	case LinkJobs:
		return m.subscription(now, p.Frames)
	case LinkSubscribe, LinkPublish:
		rest, err := m.bus.Receive(now, p)
		if rest {
			return m.fromBus(now, p.Frames)
		}
		return err
	}
	return nil
}

// Unreachable is about workers that asked for a queue and went away: they ask again.
func (m *Machine) Unreachable(role.Time, role.Packet) {}

// Tick does what is due.
func (m *Machine) Tick(now role.Time) {
	m.awake(now)
	m.timer.Reset(now)
	if m.crash.Due(now, &m.timer) {
		m.Emit(role.Effect{Op: role.OpCrash})
		return
	}
	for _, f := range role.InOrder(m.frontends) {
		if f.Poll(now) == job.Down {
			m.frontendGone(now, f, f.Why())
			continue
		}
		m.forgetUnclaimed(now, f)
		m.timer.By(now, f.Wake())
	}
	for _, q := range role.InOrder(m.queues) {
		if q.Poll(now) == job.Down {
			m.queueLost(now, q)
			continue
		}
		m.timer.By(now, q.Wake())
	}
	m.giveUpSearches(now)
	m.routeWaiting(now)
	m.forgetPlacements(now)
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
	for _, f := range role.InOrder(m.frontends) {
		f.Excuse(slept)
	}
	for _, q := range role.InOrder(m.queues) {
		q.Excuse(slept)
	}
}

// Wake returns when Tick is wanted next.
func (m *Machine) Wake() role.Time { return m.timer.At() }

// Routable returns how many queues can be given jobs and workers.
func (m *Machine) Routable() int { return m.requests.Len() }

// Drain stops taking jobs: frontends are told to use other brokers.
func (m *Machine) Drain(now role.Time) {
	m.draining = true
	for _, f := range role.InOrder(m.frontends) {
		f.Drain(now)
	}
	m.bus.Changed()
}

// Drained reports whether every accepted job has been answered and the
// answers have arrived.
func (m *Machine) Drained() bool {
	for _, f := range role.InOrder(m.frontends) {
		if l := f.Link(); l != nil && len(l.Unacknowledged()) > 0 {
			return false
		}
	}
	return len(m.jobs) == 0
}

// Leave says goodbye to everybody.
func (m *Machine) Leave(now role.Time) {
	for _, f := range role.InOrder(m.frontends) {
		f.Farewell(now, "broker "+m.cfg.Self.Name+" stops")
	}
	for _, q := range role.InOrder(m.queues) {
		q.Farewell(now, "broker "+m.cfg.Self.Name+" stops")
	}
	m.bus.Leave(now)
}

func (m *Machine) state() wire.State {
	b := &wire.BrokerState{
		Queues: []string{}, Holding: len(m.jobs), Unrouted: m.unrouted.Len(),
		Accepted: m.accepted, Answered: m.answered, Late: m.late,
	}
	for _, q := range m.requests.All() {
		b.Queues = append(b.Queues, q.member.Name)
	}
	return wire.State{Member: m.cfg.Self, Draining: m.draining, Malformed: m.MalformedCount(), Broker: b}
}
