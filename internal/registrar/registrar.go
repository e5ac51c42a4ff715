// Package registrar is the role that publishes what is deployed: it hands out
// packages to workers, and tells how far frontends and workers follow. What is
// deployed is kept in a registry.Store, which several registrars may share; it
// is changed through [Registrar], the machine's driver.
package registrar

import (
	"fmt"
	"log/slog"
	"time"

	"faasd/internal/cluster"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// The registrar's links.
const (
	LinkPackages  role.Link = iota + 1 // ROUTER, bound: workers fetch packages
	LinkSubscribe                      // SUB, dialled to each coordinator
	LinkPublish                        // PUB (XPUB), dialled to each coordinator
)

var linkNames = map[role.Link]string{LinkPackages: "packages", LinkSubscribe: "subscribe", LinkPublish: "publish"}

// maxReads bounds the questions of workers that are being answered at a time.
// Who is not answered asks again.
const maxReads = 256

// Config is a registrar's part in the system.
type Config struct {
	Self         wire.Member // with the endpoint "packages"
	Coordinators []string    // XPUB endpoints
	Log          *slog.Logger
	Wall         func() time.Time // the time of day, for events
}

// Machine is a registrar's decisions: a role.Machine, with Reads, which say what
// to read from the store.
type Machine struct {
	role.Outbox
	cfg Config
	me  wire.Incarnation
	bus *cluster.Agent
	role.Faults
	timer role.Timer

	catalogue wire.Catalogue   // zero until Publish
	told      wire.Incarnation // the other store that people were told of last; 0: none
	reads     []Read
	reading   int // reads that were given out and not answered
}

// Read is a part of a package that a worker wants. The driver answers it with
// Answer.
type Read struct {
	peer   string
	number uint64

	Digest string
	Offset int64
}

// New makes a registrar; nothing happens before the first Tick.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, me: cfg.Self.Incarnation}
	m.Faults.Log, m.Faults.Links = cfg.Log, linkNames
	m.bus = cluster.NewAgent(cluster.AgentConfig{
		Self: m.me, Coordinators: cfg.Coordinators, Subscribe: LinkSubscribe, Publish: LinkPublish,
		Topics: []string{
			wire.TopicState + wire.RoleQueue + "/", wire.TopicState + wire.RoleFrontend + "/", wire.TopicState + wire.RoleRegistrar + "/",
		},
		State: m.state, Catalogue: func() wire.Catalogue { return m.catalogue }, Emit: m.Emit,
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

// Publish tells everybody what is deployed now.
func (m *Machine) Publish(now role.Time, c wire.Catalogue) {
	m.catalogue = c
	m.bus.PublishCatalogue(now)
	m.timer.By(now, m.bus.Wake())
}

// Event tells everybody of something that was done to a function.
func (m *Machine) Event(now role.Time, level, kind, text string) {
	m.bus.Event(now, wire.Event{Level: level, Role: wire.RoleRegistrar, Name: m.cfg.Self.Name, Kind: kind, Text: text})
}

// Receive takes one packet.
func (m *Machine) Receive(now role.Time, p role.Packet) {
	if err := m.receive(now, p); err != nil {
		m.Malformed(p.Link, err)
	}
	m.timer.By(now, m.bus.Wake())
}

func (m *Machine) receive(now role.Time, p role.Packet) error {
	if p.Link != LinkPackages {
		_, err := m.bus.Receive(now, p)
		return err
	}
	f, err := wire.DecodeFetch(p.Frames)
	if err != nil {
		return err
	}
	if f.Command != wire.FetchGet {
		return fmt.Errorf("%w: %s from a worker", wire.ErrMalformed, f.Command)
	}
	if m.reading < maxReads {
		m.reading++
		m.reads = append(m.reads, Read{p.Peer, f.Number, f.Digest, f.Offset})
	}
	return nil
}

// Reads returns what is to be read since the last call.
func (m *Machine) Reads() []Read {
	r := m.reads
	m.reads = nil
	return r
}

// Answer sends a worker what was read from a package of that size; err says why
// it could not be.
func (m *Machine) Answer(r Read, bytes []byte, size int64, err error) {
	m.reading--
	f := wire.Fetch{Command: wire.FetchChunk, Number: r.number, Size: size, Bytes: bytes}
	if err != nil {
		f = wire.Fetch{Command: wire.FetchNone, Number: r.number, Reason: err.Error()}
	}
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkPackages, Peer: r.peer, Frames: f.Frames()}})
}

// Unreachable has nothing to do: a worker that has gone asks elsewhere, or not.
func (m *Machine) Unreachable(role.Time, role.Packet) {}

// Tick does what is due.
func (m *Machine) Tick(now role.Time) {
	m.timer.Reset(now)
	m.bus.Tick(now)
	m.tellRival(now)
	m.timer.By(now, m.bus.Wake())
}

// Wake returns when Tick is wanted next.
func (m *Machine) Wake() role.Time { return m.timer.At() }

// Drain has nothing to do: no job is at a registrar.
func (m *Machine) Drain(role.Time) {}

// Drained is always true.
func (m *Machine) Drained() bool { return true }

// Leave publishes a last state.
func (m *Machine) Leave(now role.Time) { m.bus.Leave(now) }

func (m *Machine) state() wire.State {
	s := wire.State{Member: m.cfg.Self, Malformed: m.MalformedCount()}
	if m.catalogue.Store != 0 {
		applied := m.catalogue.Of()
		s.Registrar = &applied
	}
	return s
}
