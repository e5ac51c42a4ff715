// Package worker is the role that runs functions. It asks a broker which queue
// to join, joins it, runs the jobs it is given, several at a time, and looks
// for another queue when its own falls silent.
package worker

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"faasd/internal/job"
	"faasd/internal/metrics"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// The worker's links.
const (
	LinkPlace    role.Link = iota + 1 // REQ, a new one for each question to a broker
	LinkQueue                         // DEALER, dialled to the queue that was named
	LinkPackages                      // DEALER, one dialled to each registrar that is asked
)

var linkNames = map[role.Link]string{LinkPlace: "place", LinkQueue: "queue", LinkPackages: "packages"}

const (
	placeWithin = time.Second            // for a broker's answer, before the next is asked
	joinWithin  = 3 * time.Second        // for a queue's first answer, before another is asked for
	askAgain    = 100 * time.Millisecond // after a broker without queues
	refusedFor  = 3 * time.Second        // after a queue that cannot use this worker; by then another may
	peer        = "peer"                 // key of the one socket open on each link
)

// Config is a worker's part in the system.
type Config struct {
	Self    wire.Member // with Functions and Slots
	Brokers []string    // ROUTER endpoints for workers, as far as they are known; see BrokersAt
	MaxBody int64       // bytes of a result, at most
	Log     *slog.Logger
}

// Machine is a worker's decisions: a role.Machine, and Starts and Stops, which
// say what to run.
type Machine struct {
	role.Outbox
	cfg Config
	me  wire.Incarnation
	role.Faults
	paths paths
	timer role.Timer

	// Looking for a queue: due is when to ask, or to ask the next broker.
	brokers []string
	broker  int   // of these, the one to ask
	state   uint8 // see selfStates
	due     role.Time
	waiting bool   // it has been said that no broker answers
	refused string // why the last queue could not use this worker, which has been said; "" since one could

	// At a queue, or on the way in.
	epochs job.Epochs
	queue  *job.Initiator
	name   string    // the queue's
	until  role.Time // by when it must have answered

	jobs        map[wire.JobID]*task
	line        job.FIFO[*task] // not started yet; oldest first; empty without a link
	running     int             // started and not finished
	runs        metrics.Tally   // that ended
	undelivered []*wire.Message // results that a lost queue has not acknowledged
	lostQueue   wire.Incarnation

	// What is deployed.
	catalogue *wire.Catalogue // told by a queue and not taken yet; nil: none
	serves    *wire.Serves    // what this worker runs of it; nil: it has not said so
	telling   *wire.Message   // the last SERVES that a link carries; the next takes its place
	sources   []string        // where packages are fetched
	provider  string          // of these, the one that has last answered
	dialled   []string        // of these, and of those before
	fetching  map[uint64]*wanted
	fetches   uint64 // parts of packages asked for so far
	logs      []wire.LogsWanted

	starts   []Start
	handed   []Start // the slice before, to be filled again
	stops    []wire.JobID
	draining bool
	leaving  bool // draining by an operator's command, which may be taken back
}

// task is a job at this worker.
type task struct {
	msg      *wire.Message
	deadline role.Time
	came     role.Time     // here
	started  role.Time     // this run; 0 not yet
	ran      role.Time     // for how long it ran
	state    uint8         // see taskStates
	again    *wire.Message // given again since; begins when this run has ended
}

// Start asks the driver to run a function. The driver answers with Finished.
type Start struct {
	Job     *wire.Message // Attempt is the run's number; the body is the function's input
	Timeout time.Duration // until the job's deadline
}

// Outcome is what a run came to.
type Outcome struct {
	Code        wire.Code
	ContentType string
	Body        []byte
	Reason      string // for people, if Code is not OK
	ErrorType   string // as Lambda names it; "" unknown
	LogTail     string // the end of what was printed, if the job wants it
	Version     uint32 // of the function that ran; 0 of a built-in one
}

// New makes a worker; nothing happens before the first Tick.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, me: cfg.Self.Incarnation, brokers: cfg.Brokers, jobs: make(map[wire.JobID]*task), fetching: make(map[uint64]*wanted), paths: newPaths()}
	m.Faults.Log, m.Faults.Links = cfg.Log, linkNames
	return m
}

// BrokersAt is told where brokers are, all of them.
func (m *Machine) BrokersAt(now role.Time, endpoints []string) {
	if slices.Equal(m.brokers, endpoints) {
		return
	}
	if m.state == looking && len(m.brokers) == 0 {
		m.due = now
		m.timer.By(now, now)
	}
	m.brokers = endpoints
}

// Alone reports whether this worker is at no queue.
func (m *Machine) Alone() bool { return m.Joined() == "" }

// Advertise says where others reach one of this role's links.
func (m *Machine) Advertise(link, endpoint string) { m.cfg.Self.Advertise(link, endpoint) }

// Receive takes one packet.
func (m *Machine) Receive(now role.Time, p role.Packet) {
	m.awake(now)
	if err := m.receive(now, p); err != nil {
		m.Malformed(p.Link, err)
	}
}

func (m *Machine) receive(now role.Time, p role.Packet) error {
	if p.Link == LinkPlace {
		return m.placed(now, p.Frames)
	}
	if p.Link == LinkPackages {
		return m.fromSource(now, p)
	}
	msg, err := wire.Decode(p.Frames)
	if err != nil || m.queue == nil {
		return err
	}
	if p.Shared {
		msg.OwnBody()
	}
	switch m.queue.Receive(now, msg) {
	case job.Up:
		m.joined(now, msg.Sender)
	case job.Down:
		if msg.Type == wire.TypeGoodbye && msg.Code == wire.CodeLeaving {
			m.cfg.Log.Info("sent away by the queue", "queue", m.name, "why", msg.Meta.Reason)
			m.leaveQueue(now)
			m.seek(now)
			return nil
		}
		m.queueLost(now, "it began anew, or does not know this worker any more")
		return nil
	case job.Refused:
		m.turnedAway(now, msg.Meta.Reason)
		return nil
	case job.Fresh:
		switch msg.Type {
		case wire.TypeJob:
			m.given(now, msg)
		case wire.TypeCancel:
			m.cancelled(now, msg.Job)
		case wire.TypeCatalogue:
			if err := m.catalogued(msg); err != nil {
				return err
			}
		case wire.TypeLogs:
			if err := m.logsWanted(msg); err != nil {
				return err
			}
		case wire.TypeKill:
			m.cfg.Log.Warn("killed by an operator", "queue", m.name)
			m.Emit(role.Effect{Op: role.OpCrash})
		case wire.TypeDrain:
			m.cfg.Log.Info("drained by an operator", "queue", m.name)
			if !m.draining {
				m.Drain(now)
				m.leaving = true
			}
		case wire.TypeUndrain:
			m.undrain(now)
		default:
			return fmt.Errorf("%w: %s from a queue", wire.ErrMalformed, msg.Type)
		}
	}
	if m.queue.Poll(now) == job.Down {
		m.queueLost(now, m.queue.Why())
		m.seek(now)
		return nil
	}
	m.fill(now) // the queue may have heard this worker again
	m.timer.By(now, m.queue.Wake())
	m.exitIfDone()
	return nil
}

// exitIfDone ends the process once an operator's drain is complete.
func (m *Machine) exitIfDone() {
	if m.leaving && m.Drained() {
		m.leaving = false
		m.Emit(role.Effect{Op: role.OpExit})
	}
}

// undrain takes an operator's drain back, unless this process stops anyway.
func (m *Machine) undrain(now role.Time) {
	if !m.leaving {
		return
	}
	m.leaving, m.draining = false, false
	m.queue.Undrain(now)
}

// Unreachable cannot happen: a worker binds no ROUTER.
func (m *Machine) Unreachable(role.Time, role.Packet) {}

// Tick does what is due.
func (m *Machine) Tick(now role.Time) {
	m.awake(now)
	m.timer.Reset(now)
	m.exitIfDone()
	m.returnLate(now)
	m.tickFetch(now)
	if m.queue != nil {
		if m.queue.Poll(now) == job.Down {
			m.queueLost(now, m.queue.Why())
			m.seek(now)
		} else if m.queue.Link() == nil && now >= m.until {
			m.cfg.Log.Warn("queue does not answer; looking for another", "queue", m.name)
			m.seek(now)
		}
	}
	if m.queue == nil && now >= m.due {
		m.ask(now)
	}
	if m.queue != nil {
		m.timer.By(now, m.queue.Wake())
		if m.queue.Link() == nil {
			m.timer.By(now, m.until)
		}
	} else {
		m.timer.By(now, m.due)
	}
}

// awake notices that this process has not run for a while.
func (m *Machine) awake(now role.Time) {
	slept := m.timer.Overslept(now)
	if slept == 0 {
		return
	}
	m.cfg.Log.Warn("this process did not run for a while", "time", slept)
	if m.queue != nil {
		m.queue.Excuse(slept)
	}
}

// Wake returns when Tick is wanted next.
func (m *Machine) Wake() role.Time { return m.timer.At() }

// Joined returns the queue that this worker is at; empty if none.
func (m *Machine) Joined() string {
	if m.queue != nil && m.queue.Link() != nil {
		return m.name
	}
	return ""
}

// ask puts the question to the next broker, by a socket of its own: a REQ
// socket that waits for a dead broker takes no other question.
func (m *Machine) ask(now role.Time) {
	if len(m.brokers) == 0 { // nobody has said yet where one is
		m.due = now + placeWithin
		m.timer.By(now, m.due)
		return
	}
	if m.state == asking {
		m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: LinkPlace, Peer: peer}})
		if !m.waiting {
			m.waiting = true
			m.cfg.Log.Info("no broker answers yet; asking on", "brokers", m.brokers)
		}
		m.broker++
	}
	m.broker %= len(m.brokers)
	m.paths.self.Step(&m.state, asking)
	m.due = now + placeWithin
	m.timer.By(now, m.due)
	question := &wire.Text{Command: wire.TextPlace, Name: m.cfg.Self.Name}
	to := role.Packet{Link: LinkPlace, Peer: peer}
	m.Emit(role.Effect{Op: role.OpDial, Packet: to, Endpoint: m.brokers[m.broker]})
	to.Frames = question.Frames()
	m.Emit(role.Effect{Op: role.OpSend, Packet: to})
}

// placed takes a broker's answer.
func (m *Machine) placed(now role.Time, frames [][]byte) error {
	answer, err := wire.DecodeText(frames)
	if err != nil || m.state != asking {
		return err
	}
	m.waiting, m.due = false, now+askAgain
	m.timer.By(now, m.due)
	m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: LinkPlace, Peer: peer}})
	switch answer.Command {
	case wire.TextQueue:
		m.join(now, answer.Name, answer.Endpoint)
	case wire.TextWait:
		m.paths.self.Step(&m.state, looking)
		m.broker++
	default:
		m.paths.self.Step(&m.state, looking)
		return fmt.Errorf("%w: %s from a broker", wire.ErrMalformed, answer.Command)
	}
	return nil
}

// join dials a queue and announces this worker there.
func (m *Machine) join(now role.Time, name, endpoint string) {
	m.paths.self.Step(&m.state, joining)
	m.name, m.until = name, now+joinWithin
	m.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: LinkQueue, Peer: peer}, Endpoint: endpoint})
	window := job.Window{Count: 1 << 40, Bytes: 1 << 60} // the queue keeps to the slots
	m.queue = job.NewInitiator(m.me, &m.epochs, window, m.announcement, func(frames [][]byte) {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkQueue, Peer: peer, Frames: frames}, Batch: true})
	})
	if m.draining {
		m.queue.Drain(now)
	}
	m.queue.Poll(now)
}

// announcement is the body of a HELLO to a queue.
func (m *Machine) announcement() []byte {
	self := m.cfg.Self
	self.Drained = m.leaving
	self.Jobs = slices.SortedFunc(maps.Keys(m.jobs), wire.JobID.Compare)
	if l := m.queue.Link(); l != nil && l.Peer == m.lostQueue {
		for _, r := range m.undelivered { // finished, and about to be sent again
			self.Jobs = append(self.Jobs, r.Job)
		}
	}
	b, err := json.Marshal(self)
	if err != nil {
		panic("worker: a member is plain data: " + err.Error())
	}
	return b
}

// joined is told that the queue has answered. Results that a queue of the same
// incarnation has not acknowledged go out again; another's are not wanted:
// their jobs have been given to somebody else.
func (m *Machine) joined(now role.Time, queue wire.Incarnation) {
	m.paths.self.Step(&m.state, joined)
	m.refused = ""
	m.cfg.Log.Info("joined queue", "queue", m.name)
	if queue == m.lostQueue {
		for _, r := range m.undelivered {
			m.queue.Link().Send(now, r)
		}
	}
	m.undelivered = nil
	m.tellServes(now)
}

// queueLost keeps what the queue has not acknowledged and gives up what has
// not been started: the queue has it, or whoever gets its jobs.
func (m *Machine) queueLost(now role.Time, why string) {
	m.cfg.Log.Warn("queue lost", "queue", m.name, "why", why)
	m.leaveQueue(now)
}

func (m *Machine) leaveQueue(now role.Time) {
	if over := m.queue.Over(); over != nil {
		m.lostQueue = over.Peer
		for _, r := range over.Unacknowledged() {
			if r.Type == wire.TypeResult {
				m.undelivered = append(m.undelivered, r)
			}
		}
	}
	m.paths.self.Step(&m.state, joining)
	for _, t := range m.line.Items() {
		m.paths.tasks.Now(&t.state, absent)
		delete(m.jobs, t.msg.Job)
	}
	m.line.Drop(m.line.Len())
	for _, t := range m.jobs {
		t.again = nil
	}
	m.until = now + joinWithin
	m.timer.By(now, m.until)
}

// seek leaves the queue for good and begins to look for another.
func (m *Machine) seek(now role.Time) {
	m.paths.self.Step(&m.state, looking)
	m.queue, m.due = nil, now
	m.timer.By(now, now)
	m.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: LinkQueue, Peer: peer}})
}

// turnedAway looks for another queue, later, after one that cannot use this
// worker.
func (m *Machine) turnedAway(now role.Time, why string) {
	if why != m.refused {
		m.refused = why
		m.cfg.Log.Warn("the queue cannot use this worker; asking on", "queue", m.name, "why", why)
	}
	m.seek(now)
	m.due = now + refusedFor
}

// Drain begins to stop: what runs is finished, what waits is given back.
func (m *Machine) Drain(now role.Time) {
	m.draining, m.leaving = true, false
	if m.queue == nil || m.queue.Link() == nil {
		return
	}
	m.queue.Drain(now)
	m.returnLine(now)
}

// Drained reports whether nothing runs and every result has arrived.
func (m *Machine) Drained() bool {
	return m.running == 0 && (m.queue == nil || m.queue.Link() == nil || len(m.queue.Link().Unacknowledged()) == 0)
}

// Leave says goodbye to the queue.
func (m *Machine) Leave(now role.Time) {
	if m.queue != nil {
		m.queue.Farewell(now, "worker "+m.cfg.Self.Name+" stops")
	}
}
