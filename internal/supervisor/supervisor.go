// Package supervisor is the role that decides how many worker processes `faasd
// up` keeps, and whether one that has died is started again now. It is on the
// coordination bus so that an operator can see and change that.
package supervisor

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"faasd/internal/bus"
	"faasd/internal/cluster"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// The supervisor's links.
const (
	LinkSubscribe role.Link = iota + 1 // SUB, dialled to each coordinator
	LinkPublish                        // PUB (XPUB), dialled to each coordinator
)

var linkNames = map[role.Link]string{LinkSubscribe: "subscribe", LinkPublish: "publish"}

const (
	// MaxWorkers is how many worker processes one system keeps at most.
	MaxWorkers = 1000
	// maxHold bounds how long an operator can hold back workers, in case it goes
	// away without releasing them.
	maxHold = time.Minute
)

// Links are the sockets of a supervisor.
func Links() map[role.Link]bus.LinkSpec {
	return map[role.Link]bus.LinkSpec{
		LinkSubscribe: {Name: linkNames[LinkSubscribe], Kind: bus.Sub},
		LinkPublish:   {Name: linkNames[LinkPublish], Kind: bus.Pub},
	}
}

// Config is a supervisor's part in the system.
type Config struct {
	Self         wire.Member
	Coordinators []string // XPUB endpoints
	Workers      int      // to be kept, until somebody says otherwise
	Log          *slog.Logger
	Wall         func() time.Time // the time of day, for events and what expires
}

// Machine is a supervisor's decisions: a role.Machine. Its driver starts, stops
// and kills processes as Wanted, Held and Kills say, and tells which run.
type Machine struct {
	role.Outbox
	role.Faults
	cfg   Config
	bus   *cluster.Agent
	timer role.Timer

	now       role.Time
	wanted    int
	running   []int // process ids
	kills     []int
	heldUntil role.Time
}

// New makes a supervisor; nothing happens before the first Tick.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, wanted: cfg.Workers}
	m.Faults.Log, m.Faults.Links = cfg.Log, linkNames
	m.bus = cluster.NewAgent(cluster.AgentConfig{
		Self: cfg.Self.Incarnation, Coordinators: cfg.Coordinators, Subscribe: LinkSubscribe, Publish: LinkPublish,
		Topics: []string{wire.CommandTopic(cfg.Self.Incarnation)}, State: m.state, Emit: m.Emit,
		Wall: cfg.Wall,
	})
	m.bus.Start(0)
	return m
}

// Wanted returns how many workers are to be kept.
func (m *Machine) Wanted() int { return m.wanted }

// Held reports whether no worker is to be started now.
func (m *Machine) Held() bool { return m.now < m.heldUntil }

// Kills returns the process ids of workers to be killed since the last call.
func (m *Machine) Kills() []int {
	k := m.kills
	m.kills = nil
	return k
}

// Running is told which workers run, by their process ids.
func (m *Machine) Running(pids []int) {
	m.running = pids
	m.bus.Changed()
	m.timer.By(m.now, m.bus.Wake())
}

// Advertise has nothing to note: nothing is bound.
func (m *Machine) Advertise(string, string) {}

// Receive takes one packet.
func (m *Machine) Receive(now role.Time, p role.Packet) {
	m.now = now
	rest, err := m.bus.Receive(now, p)
	if rest {
		err = m.fromBus(now, p.Frames)
	}
	if err != nil {
		m.Malformed(p.Link, err)
	}
	m.timer.By(now, m.bus.Wake())
}

func (m *Machine) fromBus(now role.Time, frames [][]byte) error {
	ok, err := m.bus.Command(frames, func(c *wire.Command) wire.Reply {
		r := m.commanded(now, c)
		r.Role, r.Name = wire.RoleSupervisor, m.cfg.Self.Name
		return r
	})
	if !ok {
		return fmt.Errorf("%w: topic %.120q is not this supervisor's", wire.ErrMalformed, frames[0])
	}
	return err
}

// commanded carries out an operator's command.
func (m *Machine) commanded(now role.Time, c *wire.Command) wire.Reply {
	switch c.Verb {
	case wire.VerbScale:
		if c.Count > MaxWorkers {
			return wire.Reply{Text: fmt.Sprintf("%d workers are too many for one system; at most %d", c.Count, MaxWorkers)}
		}
		if c.Count == m.wanted {
			return wire.Reply{OK: true, Text: fmt.Sprintf("keeps %s already", wire.Plural(c.Count, "worker"))}
		}
		text := fmt.Sprintf("scaled from %d to %s", m.wanted, wire.Plural(c.Count, "worker"))
		m.wanted = c.Count
		m.bus.Changed()
		m.event(now, "scaled", text+" by "+c.By)
		return wire.Reply{OK: true, Text: text}
	case wire.VerbKill:
		if !slices.Contains(m.running, c.PID) {
			return wire.Reply{Text: fmt.Sprintf("process %d is not one of its workers", c.PID)}
		}
		m.kills = append(m.kills, c.PID)
		return wire.Reply{OK: true, Text: fmt.Sprintf("kills process %d", c.PID)}
	case wire.VerbHold:
		hold := min(time.Duration(c.Millis)*time.Millisecond, maxHold)
		m.heldUntil = now + hold
		m.timer.By(now, m.heldUntil)
		m.bus.Changed()
		if hold == 0 {
			m.event(now, "workers-released", "workers are started again, asked by "+c.By)
		} else {
			m.event(now, "workers-held", fmt.Sprintf("no worker is started for %s, asked by %s", hold, c.By))
		}
		return wire.Reply{OK: true, Text: fmt.Sprintf("starts no worker for %s", hold)}
	}
	return wire.Reply{Text: fmt.Sprintf("a supervisor cannot %.20q", c.Verb)}
}

// Unreachable cannot happen: nothing is bound.
func (m *Machine) Unreachable(role.Time, role.Packet) {}

// Tick does what is due.
func (m *Machine) Tick(now role.Time) {
	if m.Held() && now >= m.heldUntil {
		m.bus.Changed()
	}
	m.now = now
	m.timer.Reset(now)
	if m.Held() {
		m.timer.By(now, m.heldUntil)
	}
	m.bus.Tick(now)
	m.timer.By(now, m.bus.Wake())
}

// Wake returns when Tick is wanted next.
func (m *Machine) Wake() role.Time { return m.timer.At() }

// Drain has nothing to do: who stops the system stops the workers.
func (m *Machine) Drain(role.Time) {}

// Drained is always true.
func (m *Machine) Drained() bool { return true }

// Leave publishes a last state.
func (m *Machine) Leave(now role.Time) { m.bus.Leave(now) }

func (m *Machine) state() wire.State {
	return wire.State{Member: m.cfg.Self, Malformed: m.MalformedCount(), Supervisor: &wire.SupervisorState{
		Wanted: m.wanted, PIDs: m.running, HeldMillis: max((m.heldUntil - m.now).Milliseconds(), 0),
	}}
}

func (m *Machine) event(now role.Time, kind, text string) {
	m.bus.Event(now, wire.Event{Level: wire.LevelInfo, Role: wire.RoleSupervisor, Name: m.cfg.Self.Name, Kind: kind, Text: text})
}
