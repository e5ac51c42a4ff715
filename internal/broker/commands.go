package broker

import (
	"fmt"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// fromBus takes what the agent leaves to the role: commands.
func (m *Machine) fromBus(now role.Time, frames [][]byte) error {
	ok, err := m.bus.Command(frames, func(c *wire.Command) wire.Reply {
		r := m.commanded(now, c)
		r.Role, r.Name = wire.RoleBroker, m.cfg.Self.Name
		return r
	})
	if !ok {
		return fmt.Errorf("%w: topic %.120q is not this broker's", wire.ErrMalformed, frames[0])
	}
	return err
}

// commanded carries out an operator's command.
func (m *Machine) commanded(now role.Time, c *wire.Command) wire.Reply {
	switch c.Verb {
	case wire.VerbCrash:
		m.cfg.Log.Warn("killed by an operator", "by", c.By)
		m.event(now, wire.LevelWarn, "broker-killed", "killed by "+c.By)
		m.crash.Ask(now, &m.timer)
		return wire.Reply{OK: true, Text: fmt.Sprintf("broker %s dies; frontends send again what it held, %s", m.cfg.Self.Name, wire.Plural(len(m.jobs), "job"))}
	case wire.VerbJob:
		return m.tellOfJob(now, c.Job)
	}
	return wire.Reply{Text: fmt.Sprintf("a broker cannot %.20q", c.Verb)}
}

// tellOfJob describes one job that this broker answers for.
func (m *Machine) tellOfJob(now role.Time, id string) wire.Reply {
	job, err := wire.ParseJobID(id)
	if err != nil {
		return wire.Reply{Text: err.Error()}
	}
	e := m.jobs[job]
	if e == nil {
		return wire.Reply{Text: "is not at " + m.cfg.Self.Name}
	}
	d := wire.JobDetail{
		ID: id, Function: e.msg.Meta.Function, State: wire.JobWaiting, Attempt: int(e.msg.Attempt),
		AttemptLimit: int(e.msg.AttemptLimit), Moves: int(e.msg.Moves), Bytes: len(e.msg.Body),
		AgeMillis: (now - e.accepted).Milliseconds(), LeftMillis: max((e.deadline - now).Milliseconds(), 0),
	}
	text := "waits for room in any queue"
	switch {
	case e.holder != nil:
		d.State, d.Queue, text = wire.JobGiven, e.holder.member.Name, "was given to "+e.holder.member.Name
	case e.search != nil && e.search.at != nil:
		d.State, d.Queue, text = wire.JobGiven, e.search.at.member.Name, "goes on at "+e.search.at.member.Name+", where another broker had given it"
	case e.search != nil:
		text = "is asked for at all queues: another broker had it"
	}
	return wire.Reply{OK: true, Text: text, Job: &d, Request: e.msg.Preview()}
}

func (m *Machine) event(now role.Time, level, kind, text string) {
	m.bus.Event(now, wire.Event{Level: level, Role: wire.RoleBroker, Name: m.cfg.Self.Name, Kind: kind, Text: text})
}
