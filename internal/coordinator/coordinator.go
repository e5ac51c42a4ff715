// Package coordinator is the role through which all others tell each other how
// they are: a proxy between publishers and subscribers that also keeps the last
// value of each publisher, so that whoever subscribes late has the whole
// picture at once. No job depends on it.
package coordinator

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"faasd/internal/cluster"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// The coordinator's links.
const (
	LinkPublish   role.Link = iota + 1 // XSUB, bound: from publishers
	LinkSubscribe                      // XPUB, bound: to subscribers
)

var linkNames = map[role.Link]string{LinkPublish: "publish", LinkSubscribe: "subscribe"}

const (
	// keptFor is how long the last value of a silent publisher is passed on.
	// Receivers see its age and judge for themselves.
	keptFor = time.Minute
	// maxKept and maxKeptBytes bound the values kept, against a stranger who
	// publishes many, or large ones.
	maxKept      = 20_000
	maxKeptBytes = 256 << 20
	// maxHistory is how many events are kept for whoever asks what happened.
	maxHistory      = 1000
	maxHistoryBytes = 512 << 10
	// historiesPerSecond bounds the answers with the past: it is large, and asked
	// for with few bytes.
	historiesPerSecond = 50
	// maxCurious is how many may wait for such an answer.
	maxCurious = 1000
	// stateEvery is how often the coordinator publishes its own state.
	stateEvery = time.Second
)

// Config is a coordinator's part in the system.
type Config struct {
	Self wire.Member // with the endpoints "publish" and "subscribe"
	Log  *slog.Logger
	Wall func() time.Time // the time of day, for events and what expires
}

// Machine is a coordinator's decisions: a role.Machine.
type Machine struct {
	role.Outbox
	cfg Config
	role.Faults
	path     role.Path // see valueStates
	timer    role.Timer
	sequence uint64
	due      role.Time // of its own state

	commands     cluster.CommandLine
	crash        cluster.Crash
	history      []json.RawMessage // events, oldest first
	historyBytes int
	curious      []string  // topics of who waits for an answer with the past
	told         int       // answers with the past, in this second
	second       role.Time // when it began

	states  map[string]*kept // by topic
	details map[string]*kept
	listed  map[string]*kept // catalogues
	bytes   int              // of the values in all three
	wanted  map[string]int   // subscriptions that are passed on to publishers
}

type kept struct {
	value json.RawMessage
	at    role.Time // when it was current
	delay cluster.Delay
	state uint8 // see valueStates
}

// New makes a coordinator. It wants every state, whoever else does.
func New(cfg Config) *Machine {
	m := &Machine{
		cfg: cfg, path: role.NewPath(&valueStates), states: make(map[string]*kept), details: make(map[string]*kept), listed: make(map[string]*kept),
		wanted: make(map[string]int),
	}
	if m.cfg.Wall == nil {
		m.cfg.Wall = func() time.Time { return time.Time{} }
	}
	m.Faults.Log, m.Faults.Links = cfg.Log, linkNames
	m.subscribe(1, wire.TopicState)
	m.subscribe(1, wire.TopicCatalogue)
	m.subscribe(1, wire.TopicEvent)
	m.subscribe(1, wire.CommandTopic(cfg.Self.Incarnation))
	return m
}

// Advertise says where others reach one of this role's links.
func (m *Machine) Advertise(link, endpoint string) { m.cfg.Self.Advertise(link, endpoint) }

// Receive takes one packet.
func (m *Machine) Receive(now role.Time, p role.Packet) {
	var err error
	if p.Link == LinkPublish {
		err = m.published(now, p.Frames)
	} else {
		err = m.subscribed(now, p.Frames)
	}
	if err != nil {
		m.Malformed(p.Link, err)
	}
}

// published passes a message on, and keeps it if it is a state or a detail.
func (m *Machine) published(now role.Time, frames [][]byte) error {
	if len(frames) != 2 {
		return fmt.Errorf("%w: %d frames on the bus, want topic and value", wire.ErrMalformed, len(frames))
	}
	topic := string(frames[0])
	switch {
	case strings.HasPrefix(topic, wire.TopicState):
		s, err := cluster.DecodeState(frames)
		if err != nil {
			return err
		}
		if s.Left {
			m.forget(m.states, topic)
			m.forget(m.details, wire.TopicDetail+strings.TrimPrefix(topic, wire.TopicState))
			m.forget(m.listed, wire.TopicCatalogue+strings.TrimPrefix(topic, wire.TopicState))
		} else if err := m.keep(m.states, topic, frames[1], now, s.Clock); err != nil {
			return err
		}
	case strings.HasPrefix(topic, wire.TopicDetail):
		var d wire.Detail
		if err := wire.DecodeBus(frames, &d); err != nil {
			return err
		}
		if d.Topic() != topic {
			return fmt.Errorf("%w: detail of %.100q on topic %.200q", wire.ErrMalformed, d.Topic(), topic)
		}
		if err := d.Check(); err != nil {
			return err
		}
		if err := m.keep(m.details, topic, frames[1], now, 0); err != nil {
			return err
		}
	case strings.HasPrefix(topic, wire.TopicCatalogue):
		var c wire.Catalogue
		if err := wire.DecodeBus(frames, &c); err != nil {
			return err
		}
		if err := c.Check(); err != nil {
			return err
		}
		if err := m.keep(m.listed, topic, frames[1], now, 0); err != nil {
			return err
		}
	case strings.HasPrefix(topic, wire.TopicEvent):
		if err := m.remember(frames, topic); err != nil {
			return err
		}
	case topic == wire.CommandTopic(m.cfg.Self.Incarnation):
		return m.commanded(now, frames)
	case strings.HasPrefix(topic, wire.TopicTake), strings.HasPrefix(topic, wire.TopicOffer),
		strings.HasPrefix(topic, wire.TopicCommand), strings.HasPrefix(topic, wire.TopicReply):
	default:
		return fmt.Errorf("%w: topic %.100q", wire.ErrMalformed, topic)
	}
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkSubscribe, Frames: frames}})
	return nil
}

// tellHistory answers those who asked for the past, as many as one second allows.
func (m *Machine) tellHistory(now role.Time) {
	if now-m.second >= time.Second {
		m.second, m.told = now, 0
	}
	for ; len(m.curious) > 0 && m.told < historiesPerSecond; m.told++ {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{
			Link: LinkSubscribe, Frames: wire.EncodeBus(m.curious[0], wire.History{Events: append([]json.RawMessage{}, m.history...)}),
		}})
		m.curious = m.curious[1:]
	}
	if len(m.curious) > 0 {
		m.timer.By(now, m.second+time.Second)
	}
}

// tellOfCrash publishes, to all who are connected here, that this coordinator dies.
func (m *Machine) tellOfCrash(now role.Time, by string) {
	e := wire.Event{
		From: m.cfg.Self.Incarnation, Number: 1, Millis: m.cfg.Wall().UnixMilli(), Level: wire.LevelWarn,
		Role: wire.RoleCoordinator, Name: m.cfg.Self.Name, Kind: "coordinator-killed", Text: "killed by " + by,
	}
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkSubscribe, Frames: wire.EncodeBus(e.Topic(), e)}})
}

// remember keeps an event for whoever asks what happened.
func (m *Machine) remember(frames [][]byte, topic string) error {
	var e wire.Event
	if err := wire.DecodeBus(frames, &e); err != nil {
		return err
	}
	if e.Topic() != topic || len(frames[1]) > wire.MaxEvent {
		return fmt.Errorf("%w: event of %.100q on topic %.200q, of %d bytes", wire.ErrMalformed, e.Topic(), topic, len(frames[1]))
	}
	m.history = append(m.history, frames[1])
	m.historyBytes += len(frames[1])
	for len(m.history) > maxHistory || m.historyBytes > maxHistoryBytes {
		m.historyBytes -= len(m.history[0])
		m.history[0] = nil
		m.history = m.history[1:]
	}
	return nil
}

// commanded answers a command to this coordinator.
func (m *Machine) commanded(now role.Time, frames [][]byte) error {
	reply, err := m.commands.Answer(m.cfg.Wall(), frames, func(c *wire.Command) wire.Reply {
		r := wire.Reply{Role: wire.RoleCoordinator, Name: m.cfg.Self.Name}
		if c.Verb != wire.VerbCrash {
			r.Text = fmt.Sprintf("a coordinator cannot %.20q", c.Verb)
			return r
		}
		m.cfg.Log.Warn("killed by an operator", "by", c.By)
		m.tellOfCrash(now, c.By)
		m.crash.Ask(now, &m.timer)
		r.OK, r.Text = true, "coordinator "+m.cfg.Self.Name+" dies"
		return r
	})
	if err == nil {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkSubscribe, Frames: reply}})
	}
	return err
}

func (m *Machine) keep(in map[string]*kept, topic string, value []byte, now role.Time, clock int64) error {
	k := in[topic]
	if k == nil {
		if len(in) >= maxKept {
			return fmt.Errorf("%w: more than %d publishers", wire.ErrMalformed, maxKept)
		}
		k = &kept{}
	}
	grown := len(value) - len(k.value)
	if grown > 0 && m.bytes+grown > maxKeptBytes {
		return fmt.Errorf("%w: values of more than %d bytes", wire.ErrMalformed, maxKeptBytes)
	}
	m.bytes += grown
	m.path.Step(&k.state, known)
	in[topic] = k
	k.value, k.at = value, now-k.delay.Of(now, clock)
	return nil
}

func (m *Machine) forget(in map[string]*kept, topic string) {
	if k := in[topic]; k != nil {
		m.bytes -= len(k.value)
		m.path.Step(&k.state, absent)
		delete(in, topic)
	}
}

// subscribed follows who wants what, tells publishers of it, and answers the
// subscription to a snapshot topic with the snapshot.
func (m *Machine) subscribed(now role.Time, frames [][]byte) error {
	f := frames[0]
	if len(frames) != 1 || len(f) < 2 || f[0] > 1 {
		return fmt.Errorf("%w: not a subscription", wire.ErrMalformed)
	}
	on, topic := f[0] == 1, string(f[1:])
	switch {
	case strings.HasPrefix(topic, wire.TopicSnapshot):
		if on {
			m.sendSnapshot(now, topic)
		}
	case strings.HasPrefix(topic, wire.TopicHistory):
		if on && len(m.curious) < maxCurious {
			m.curious = append(m.curious, topic)
			m.tellHistory(now)
		}
	case strings.HasPrefix(topic, wire.TopicState), strings.HasPrefix(topic, wire.TopicEvent), strings.HasPrefix(topic, wire.TopicCatalogue): // they all come anyway
	case on:
		if len(m.wanted) >= maxKept {
			return fmt.Errorf("%w: more than %d topics subscribed", wire.ErrMalformed, maxKept)
		}
		if m.wanted[topic]++; m.wanted[topic] == 1 {
			m.subscribe(1, topic)
		}
	default:
		if m.wanted[topic]--; m.wanted[topic] <= 0 {
			delete(m.wanted, topic)
			m.subscribe(0, topic)
		}
	}
	return nil
}

// subscribe tells all publishers, now and later, that topic is wanted (1) or
// no more (0).
func (m *Machine) subscribe(on byte, topic string) {
	frame := append([]byte{on}, topic...)
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkPublish, Frames: [][]byte{frame}}})
}

func (m *Machine) sendSnapshot(now role.Time, topic string) {
	snapshot := struct {
		Coordinator wire.Member                  `json:"coordinator"`
		States      []wire.Aged[json.RawMessage] `json:"states"`
		Details     []wire.Aged[json.RawMessage] `json:"details"`
		Catalogues  []published                  `json:"catalogues,omitempty"`
	}{m.cfg.Self, aged(m.states, now), aged(m.details, now), nil}
	for topic, k := range role.InOrder(m.listed) {
		snapshot.Catalogues = append(snapshot.Catalogues, published{topic, k.value})
	}
	own, err := json.Marshal(m.state(false))
	if err != nil {
		panic("coordinator: a state is plain data: " + err.Error())
	}
	snapshot.States = append(snapshot.States, wire.Aged[json.RawMessage]{Value: own})
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkSubscribe, Frames: wire.EncodeBus(topic, snapshot)}})
}

// published is a wire.Published whose value was not decoded.
type published struct {
	Topic string          `json:"topic"`
	Value json.RawMessage `json:"value"`
}

func aged(values map[string]*kept, now role.Time) []wire.Aged[json.RawMessage] {
	list := make([]wire.Aged[json.RawMessage], 0, len(values))
	for _, k := range role.InOrder(values) {
		list = append(list, wire.Aged[json.RawMessage]{AgeMillis: (now - k.at).Milliseconds(), Value: k.value})
	}
	return list
}

// Unreachable cannot happen: a coordinator binds no ROUTER.
func (m *Machine) Unreachable(role.Time, role.Packet) {}

// Tick publishes the coordinator's own state and forgets the silent.
func (m *Machine) Tick(now role.Time) {
	m.timer.Reset(now)
	if m.crash.Due(now, &m.timer) {
		m.Emit(role.Effect{Op: role.OpCrash})
		return
	}
	if now >= m.due {
		m.due = now + stateEvery
		m.publishState(false)
		for _, values := range []map[string]*kept{m.states, m.details, m.listed} {
			for topic, k := range values {
				if now-k.at >= keptFor {
					m.forget(values, topic)
				}
			}
		}
	}
	m.timer.By(now, m.due)
	m.tellHistory(now)
}

func (m *Machine) state(left bool) wire.State {
	m.sequence++
	return wire.State{Member: m.cfg.Self, Sequence: m.sequence, Malformed: m.MalformedCount(), Left: left}
}

func (m *Machine) publishState(left bool) {
	s := m.state(left)
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkSubscribe, Frames: wire.EncodeBus(s.Topic(), s)}})
}

// Wake returns when Tick is wanted next.
func (m *Machine) Wake() role.Time { return m.timer.At() }

// Drain has nothing to do: no job is at a coordinator.
func (m *Machine) Drain(role.Time) {}

// Drained is always true.
func (m *Machine) Drained() bool { return true }

// Leave publishes a last state.
func (m *Machine) Leave(role.Time) { m.publishState(true) }
