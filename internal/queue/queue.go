// Package queue is the role that holds jobs until a worker is free, gives each
// to one worker at a time, passes the results back, and moves waiting jobs to
// queues that have free workers.
package queue

import (
	"fmt"
	"log/slog"
	"time"

	"faasd/internal/cluster"
	"faasd/internal/job"
	"faasd/internal/metrics"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// The queue's links.
const (
	LinkWorkers   role.Link = iota + 1 // ROUTER, bound: workers join, get jobs, bring results
	LinkJobs                           // SUB, dialled to each broker: jobs
	LinkResponses                      // PUSH, dialled to each broker: registration, results
	LinkSubscribe                      // SUB, dialled to each coordinator
	LinkPublish                        // PUB (XPUB), dialled to each coordinator
)

var linkNames = map[role.Link]string{
	LinkWorkers: "workers", LinkJobs: "jobs", LinkResponses: "responses",
	LinkSubscribe: "subscribe", LinkPublish: "publish",
}

// orphanedAfter is how long a queue without any broker keeps its workers.
const orphanedAfter = 10 * time.Second

// BrokerEndpoints are where one broker is reached.
type BrokerEndpoints struct {
	Jobs      string // its XPUB
	Responses string // its PULL
}

// Config is a queue's part in the system.
type Config struct {
	Self         wire.Member       // with the endpoint "workers"
	Brokers      []BrokerEndpoints // as far as they are known; see BrokersAt
	Coordinators []string          // XPUB endpoints; see CoordinatorsAt
	Window       job.Window        // what each broker may have outstanding here
	Results      job.Window        // how many finished results are kept for whoever asks again
	Log          *slog.Logger
	Wall         func() time.Time // the time of day, for events and what expires
}

// Machine is a queue's decisions: a role.Machine.
type Machine struct {
	role.Outbox
	cfg   Config
	me    wire.Incarnation
	name  string
	topic string // of its jobs
	bus   *cluster.Agent
	role.Faults
	paths paths
	timer role.Timer
	now   role.Time // of the present turn, for what is published

	epochs   job.Epochs
	peers    job.Peers
	brokers  []*broker
	dialled  int       // brokers so far
	lastLink role.Time // when some broker was last linked

	workers   map[workerKey]*worker
	routes    map[string]*worker // native workers by their present routing id
	lost      []*worker          // shown for a while
	functions map[string]*function
	past      past
	crews     map[string]*crew     // by key
	lined     uint64               // workers that have stood in an idle line so far
	awaiting  map[string]*function // those of functions that jobs wait for, and perhaps some for which none does any more
	catalogue *wire.Catalogue      // what is deployed, as workers were told; nil: nobody has said
	sources   []string             // where packages are fetched, likewise
	told      []byte               // both, as the body of a CATALOGUE
	shortCame role.Time            // when a job came last of a function whose runs are short; 0 never
	choice    []*function          // scratch of dispatchFairly

	jobs    map[wire.JobID]*entry
	results *job.Results
	running int

	take      takeState
	offers    offerState
	elsewhere []string  // functions of which other queues have said that jobs wait there
	uneven    role.Time // since when this queue has had too many workers; 0 it has not

	done, failed, moved, taken, late uint64
	arrivals, starts                 uint64 // of jobs so far
	retries, lostWorkers             uint64
	jobTally                         metrics.Tally // those whose results were sent on
	numbers                          uint64        // of entries so far; from the middle, since some go before the first
	latencies                        latencies
	swept                            role.Time // when what is old was last dropped
	reqNumber, mdpNumber             uint64    // REQ and MDP workers so far
	questions                        map[uint64]question
	questioned                       uint64 // questions so far
	crash                            cluster.Crash
	draining                         bool
	noticed                          bool // whether brokers answered was looked at once
}

// noticeAfter is when a queue without a broker says so.
const noticeAfter = 2 * time.Second

// New makes a queue; nothing happens before the first Tick.
func New(cfg Config) *Machine {
	m := &Machine{
		cfg: cfg, me: cfg.Self.Incarnation, name: cfg.Self.Name, topic: wire.JobTopic(cfg.Self.Name, cfg.Self.Incarnation),
		peers:     make(job.Peers),
		workers:   make(map[workerKey]*worker),
		routes:    make(map[string]*worker),
		functions: make(map[string]*function),
		past:      past{counts: make(map[string]forgotten)},
		crews:     make(map[string]*crew),
		awaiting:  make(map[string]*function),
		questions: make(map[uint64]question),
		jobs:      make(map[wire.JobID]*entry),
		numbers:   1 << 40,
		results:   job.NewResults(cfg.Results),
		latencies: make(latencies),
		paths:     newPaths(),
	}
	m.Faults.Log, m.Faults.Links = cfg.Log, linkNames
	m.take.init(m.me)
	m.offers.init()
	m.bus = cluster.NewAgent(cluster.AgentConfig{
		Self: m.me, Coordinators: cfg.Coordinators, Subscribe: LinkSubscribe, Publish: LinkPublish,
		Topics: []string{wire.TopicState + wire.RoleQueue + "/", wire.TopicState + wire.RoleRegistrar + "/", wire.TopicCatalogue, wire.TakeTopic(m.me), wire.OfferTopic(m.me), wire.CommandTopic(m.me)},
		State:  m.state, Detail: m.detail, Emit: m.Emit,
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
	m.now = now
	m.doubt(now) // much may be read before the next tick
	if err := m.receive(now, p); err != nil {
		m.Malformed(p.Link, err)
	}
	if now >= m.bus.Wake() {
		m.bus.Tick(now) // a job that waits must not wait for the next tick to be known
	}
	m.timer.By(now, m.bus.Wake())
}

func (m *Machine) receive(now role.Time, p role.Packet) error {
	switch p.Link {
	case LinkWorkers:
		return m.fromWorker(now, p)
	case LinkJobs:
		if len(p.Frames) != 3 {
			return fmt.Errorf("%w: %d frames, want topic, header and body", wire.ErrMalformed, len(p.Frames))
		}
		if string(p.Frames[0]) != m.topic {
			return fmt.Errorf("%w: topic %.120q is not this queue's", wire.ErrMalformed, p.Frames[0])
		}
		msg, err := wire.Decode(p.Frames[1:])
		if err != nil {
			return err
		}
		if p.Shared {
			msg.OwnBody()
		}
		return m.fromBroker(now, msg)
	case LinkSubscribe, LinkPublish:
		rest, err := m.bus.Receive(now, p)
		m.lookElsewhere(now)
		m.follow(now)
		if rest {
			err = m.fromBus(now, p.Frames)
		}
		m.pull(now)
		return err
	}
	return nil
}

// Tick does what is due.
func (m *Machine) Tick(now role.Time) {
	m.awake(now)
	m.now = now
	m.timer.Reset(now)
	if m.crash.Due(now, &m.timer) {
		m.Emit(role.Effect{Op: role.OpCrash})
		return
	}
	for _, b := range m.brokers {
		if m.poll(now, b); b.Link() != nil {
			m.lastLink = now
		}
	}
	if !m.noticed && now >= noticeAfter {
		m.noticed = true
		if !m.linked() {
			m.cfg.Log.Warn("no broker answers yet; announcing on", "brokers", m.brokerEndpoints())
		}
	}
	m.doubt(now)
	m.tickWorkers(now)
	m.balance(now)
	m.forgetStrangers()
	m.sweep(now)
	m.pull(now)
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
	for _, b := range m.brokers {
		b.Excuse(slept)
	}
	for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
		w.excuse(slept)
	}
	m.doubt(now)
}

// Wake returns when Tick is wanted next.
func (m *Machine) Wake() role.Time { return m.timer.At() }

// Drain begins to stop: no new jobs, waiting ones go to other queues, running
// ones finish.
func (m *Machine) Drain(now role.Time) {
	m.draining = true
	for _, b := range m.brokers {
		b.Drain(now)
	}
	m.moveWaiting(now)
	for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
		if w.req != nil && w.req.phase == reqReady {
			m.reqIdle(now, w)
		}
	}
	m.bus.Changed()
	m.timer.By(now, now)
}

// Drained reports whether nothing is left to do or to be acknowledged.
func (m *Machine) Drained() bool {
	for _, b := range m.brokers {
		if l := b.Link(); l != nil && len(l.Unacknowledged()) > 0 {
			return false
		}
	}
	return len(m.jobs) == 0
}

// Leave sends workers to other queues and says goodbye to everybody.
func (m *Machine) Leave(now role.Time) {
	why := "queue " + m.name + " stops"
	for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
		m.dismiss(now, w, why)
	}
	for _, b := range m.brokers {
		b.Farewell(now, why)
	}
	m.bus.Leave(now)
}
