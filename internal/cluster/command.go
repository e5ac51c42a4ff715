package cluster

import (
	"fmt"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// maxReplies is how many answered commands a member remembers. A command is
// repeated within seconds, if at all.
const maxReplies = 256

// replies are what was answered to the last commands. The zero value is ready to
// use.
type replies struct {
	byID  map[wire.Incarnation]wire.Reply
	order []wire.Incarnation
}

// once carries out a command by do unless it was carried out before, and returns
// what is to be answered.
func (r *replies) once(c *wire.Command, do func(*wire.Command) wire.Reply) wire.Reply {
	if reply, done := r.byID[c.ID]; done {
		return reply
	}
	reply := do(c)
	if reply.Command = c.ID; reply.Later {
		return reply
	}
	if r.byID == nil {
		r.byID = make(map[wire.Incarnation]wire.Reply)
	}
	if len(r.order) == maxReplies {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
	r.byID[c.ID] = reply
	r.order = append(r.order, c.ID)
	return reply
}

// Command takes a packet that Receive has returned, if it is a command for this
// member: do carries it out, once however often it comes, and the reply is
// published. It reports false for what is none.
func (a *Agent) Command(frames [][]byte, do func(*wire.Command) wire.Reply) (ok bool, err error) {
	if string(frames[0]) != wire.CommandTopic(a.Self) {
		return false, nil
	}
	reply, to, err := a.replies.answer(a.Wall(), frames, do)
	if err == nil && !reply.Later {
		a.Reply(to, reply)
	}
	return true, err
}

// Reply publishes a reply that was not known when its command came.
func (a *Agent) Reply(to wire.Incarnation, reply wire.Reply) {
	a.Send(wire.EncodeBus(wire.ReplyTopic(to), reply))
}

func (r *replies) answer(wall time.Time, frames [][]byte, do func(*wire.Command) wire.Reply) (reply wire.Reply, to wire.Incarnation, err error) {
	var c wire.Command
	if err := wire.DecodeBus(frames, &c); err != nil {
		return reply, 0, err
	}
	if err := c.Check(); err != nil {
		return reply, 0, err
	}
	if _, done := r.byID[c.ID]; !done && c.Expires != 0 {
		if late := wall.UnixMilli() - c.Expires; late > Lateness.Milliseconds() { // not remembered: it may come again in time
			return wire.Reply{Command: c.ID, Text: fmt.Sprintf("came %d ms too late and was not carried out; if it was sent just now, the clocks of the machines differ", late)}, c.ReplyTo, nil
		}
	}
	return r.once(&c, do), c.ReplyTo, nil
}

// Lateness is how far the clocks of two machines may differ: a command that
// expired longer ago waited in a pipe while its receiver was stopped, and
// whoever sent it has gone.
const Lateness = 2 * time.Second

// CommandLine answers commands for a member without an agent: a coordinator,
// which is the bus itself.
type CommandLine struct{ replies }

// Answer decodes and carries out a command as [Agent.Command] does, and returns
// the frames to be published.
func (l *CommandLine) Answer(wall time.Time, frames [][]byte, do func(*wire.Command) wire.Reply) ([][]byte, error) {
	reply, to, err := l.answer(wall, frames, do)
	if err != nil {
		return nil, err
	}
	return wire.EncodeBus(wire.ReplyTopic(to), reply), nil
}

// crashAfter is how long the reply to a command to crash has to get out.
const crashAfter = 50 * time.Millisecond

// Crash is a crash that an operator has asked for. The zero value is none.
type Crash struct{ at role.Time }

// Ask makes the crash due once the reply is out.
func (c *Crash) Ask(now role.Time, t *role.Timer) {
	if c.at == 0 {
		c.at = now + crashAfter
	}
	t.By(now, c.at)
}

// Due reports, in a tick, whether to crash now.
func (c *Crash) Due(now role.Time, t *role.Timer) bool {
	if c.at == 0 {
		return false
	}
	t.By(now, c.at)
	return now >= c.at
}

// eventsPerSecond bounds what a member tells; poison jobs can make it much.
const eventsPerSecond = 50

// limiter lets eventsPerSecond through in each second, and counts the others.
type limiter struct {
	since role.Time
	used  int
	held  int
}

func (l *limiter) allow(now role.Time) bool {
	if now-l.since >= 1e9 {
		l.since, l.used = now, 0
	}
	if l.used++; l.used > eventsPerSecond {
		l.held++
		return false
	}
	return true
}

// takeHeld returns how many were not let through since it was last asked.
func (l *limiter) takeHeld() int {
	n := l.held
	l.held = 0
	return n
}
