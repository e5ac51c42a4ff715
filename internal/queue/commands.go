package queue

import (
	"fmt"
	"strings"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

const (
	// doomedProbe is how often a worker that should be dead is sent something,
	// to see whether its connection is gone.
	doomedProbe = 25 * time.Millisecond
	// doomedFor is how long a worker may live on after the command to die before
	// it is disconnected: it is not one of ours, or does not run.
	doomedFor = time.Second
)

// fromBus takes what the agent leaves to the role: commands and handover.
func (m *Machine) fromBus(now role.Time, frames [][]byte) error {
	if !strings.HasPrefix(string(frames[0]), wire.TopicCommand) {
		return m.handover(now, frames)
	}
	_, err := m.bus.Command(frames, func(c *wire.Command) wire.Reply {
		r := m.commanded(now, c)
		r.Role, r.Name = wire.RoleQueue, m.name
		return r
	})
	return err
}

// commanded carries out an operator's command.
func (m *Machine) commanded(now role.Time, c *wire.Command) wire.Reply {
	switch c.Verb {
	case wire.VerbCrash:
		m.cfg.Log.Warn("killed by an operator", "by", c.By)
		m.event(now, wire.LevelWarn, "queue-killed", "", "", "killed by "+c.By)
		m.crash.Ask(now, &m.timer)
		return wire.Reply{OK: true, Text: "queue " + m.name + " dies"}
	case wire.VerbJob:
		return m.tellOfJob(c.Job)
	case wire.VerbLogs:
		return m.tellLogs(now, c)
	case wire.VerbKill, wire.VerbDrain, wire.VerbUndrain:
	default:
		return wire.Reply{Text: fmt.Sprintf("a queue cannot %.20q", c.Verb)}
	}
	w := m.workerByID(c.Worker)
	switch {
	case w == nil:
		return wire.Reply{Text: fmt.Sprintf("no worker %.80q is at %s any more", c.Worker, m.name)}
	case c.Verb == wire.VerbKill:
		return m.killWorker(now, w, c.By)
	case c.Verb == wire.VerbDrain:
		return m.drainWorker(now, w, c.By)
	}
	return m.undrainWorker(now, w, c.By)
}

func (m *Machine) workerByID(id string) *worker {
	for _, w := range m.workers {
		if w.id == id && w.welcomed {
			return w
		}
	}
	return nil
}

// killWorker has a native worker kill itself, which is then noticed like any
// other death. Another's program, or one that does not know KILL, is only let go.
func (m *Machine) killWorker(now role.Time, w *worker, by string) wire.Reply {
	jobs := len(w.jobs)
	m.cfg.Log.Warn("worker to be killed", "worker", w.name, "by", by, "jobs", jobs)
	m.event(now, wire.LevelWarn, "worker-kill-asked", w.name, "", fmt.Sprintf("kill asked by %s; it runs %s", by, wire.Plural(jobs, "job")))
	if !w.obeys() {
		m.letGo(now, w, "disconnected by an operator")
		return wire.Reply{OK: true, Foreign: true, Text: fmt.Sprintf("worker %s is not ours to kill: disconnected from %s, %s given to others", w.name, m.name, wire.Plural(jobs, "job"))}
	}
	if !m.order(now, w, wire.TypeKill) {
		return wire.Reply{Text: m.noConnection(w)}
	}
	if w.doomed == 0 {
		w.doomed = now
		m.look(w)
	}
	m.timer.By(now, now)
	m.workersChanged(now)
	return wire.Reply{OK: true, Text: fmt.Sprintf("%s has told it to die; its work (%s) goes to others", m.name, wire.Plural(jobs, "job"))}
}

func (m *Machine) noConnection(w *worker) string {
	return fmt.Sprintf("worker %s has no connection to %s at the moment: it is back, or lost, within 3 s; try again", w.name, m.name)
}

func (m *Machine) drainWorker(now role.Time, w *worker, by string) wire.Reply {
	if w.obeys() && !m.order(now, w, wire.TypeDrain) {
		return wire.Reply{Text: m.noConnection(w)}
	}
	jobs := w.busy()
	w.drainAsked, w.undrainSeq = true, 0
	m.look(w)
	m.cfg.Log.Info("worker drains", "worker", w.name, "by", by, "jobs", jobs)
	m.event(now, wire.LevelInfo, "worker-drain-asked", w.name, "", fmt.Sprintf("drain asked by %s; it finishes %s", by, wire.Plural(jobs, "job")))
	switch {
	case w.req != nil && w.req.phase == reqReady:
		m.reqIdle(now, w)
	default:
		m.dismissDrained(now, w)
	}
	m.workersChanged(now)
	if w.mdp != nil { // it would be back at once if it were sent away
		return wire.Reply{OK: true, Foreign: true, Text: fmt.Sprintf("no more jobs for it; it finishes %s; end its process then, which is not ours", wire.Plural(jobs, "job"))}
	}
	return wire.Reply{OK: true, Text: fmt.Sprintf("no more jobs for it; it finishes %s and leaves", wire.Plural(jobs, "job"))}
}

// dismissDrained sends away a drained native worker that has finished, if it
// does not go by itself because it does not know DRAIN.
func (m *Machine) dismissDrained(now role.Time, w *worker) {
	if w.link != nil && w.drainAsked && !w.obeys() && w.empty() {
		m.dismiss(now, w, "drained by an operator")
		m.workerLeft(now, w, "drained by an operator")
	}
}

// undrainWorker asks a worker to stay. A native one is given jobs again once it
// has said that it does: it may have decided to end already.
func (m *Machine) undrainWorker(now role.Time, w *worker, by string) wire.Reply {
	if !w.drainAsked {
		return wire.Reply{Text: fmt.Sprintf("worker %s is not draining by an operator's command", w.name)}
	}
	if w.obeys() && !m.order(now, w, wire.TypeUndrain) {
		return wire.Reply{Text: m.noConnection(w)}
	}
	m.event(now, wire.LevelInfo, "worker-undrain-asked", w.name, "", "undrain asked by "+by)
	if w.obeys() {
		w.undrainSeq = w.link.Link().Last()
		return wire.Reply{OK: true, Text: "asked to stay; it may be leaving already"}
	}
	w.drainAsked = false
	m.look(w)
	m.serve(now, w)
	m.workersChanged(now)
	return wire.Reply{OK: true, Text: "it is given jobs again"}
}

// stays looks whether a worker that was asked to stay says that it does.
func (m *Machine) stays(now role.Time, w *worker, hello *wire.Message) {
	if w.undrainSeq != 0 && hello.LinkAck >= w.undrainSeq && !w.draining {
		w.drainAsked, w.undrainSeq = false, 0
		m.look(w)
		m.workersChanged(now)
	}
}

// repeatOrders says again, on a new link, what may have been lost with the one
// before, or was said by another queue.
func (m *Machine) repeatOrders(now role.Time, w *worker, drained bool) {
	switch {
	case w.doomed != 0:
		w.doomed = now
		m.order(now, w, wire.TypeKill)
	case w.undrainSeq != 0:
		m.order(now, w, wire.TypeUndrain)
		w.undrainSeq = w.link.Link().Last()
	case w.drainAsked:
		m.order(now, w, wire.TypeDrain)
	case drained:
		w.drainAsked = true
		m.look(w)
	}
}

// obeys reports whether a worker knows KILL, DRAIN and UNDRAIN: a message that
// it could not take would stay in its link for ever.
func (w *worker) obeys() bool { return w.link != nil && w.member.Protocol >= wire.BusProtocol }

// order sends a native worker a message that is no job; false if there is no
// link, or the worker does not know such messages.
func (m *Machine) order(now role.Time, w *worker, t wire.Type) bool {
	if !w.obeys() || !w.link.Ready() || w.cut {
		return false
	}
	o := &wire.Message{Header: wire.Header{Type: t}}
	o.SetBody(nil)
	w.link.Link().Send(now, o)
	return true
}

// letGo takes a worker that cannot be made to end out of the queue: its jobs go
// to others, and whatever it still says is answered with the advice to begin anew.
func (m *Machine) letGo(now role.Time, w *worker, why string) {
	m.dismiss(now, w, why)
	m.workerGone(now, w, why)
}

// tickDoomed looks whether a worker that should be dead is, and reports whether
// it has been given up.
func (m *Machine) tickDoomed(now role.Time, w *worker) (gone bool) {
	// One that is silent may have stopped: its jobs are its own until the lease ends.
	if now >= w.doomed+doomedFor && w.heard >= w.doomed+doomedFor/2 {
		m.letGo(now, w, "did not die when it was told to; disconnected")
		return true
	}
	if l := w.link.Link(); l != nil {
		l.Beacon(now) // comes back as unreachable once the connection is gone
	}
	m.timer.By(now, now+doomedProbe)
	return false
}

// tellOfJob describes one job, if it is here or its result is.
func (m *Machine) tellOfJob(id string) wire.Reply {
	job, err := wire.ParseJobID(id)
	if err != nil {
		return wire.Reply{Text: err.Error()}
	}
	if e := m.jobs[job]; e != nil {
		d := m.describeJob(e)
		return wire.Reply{OK: true, Text: "is at " + m.name, Job: &d, Request: e.msg.Preview()}
	}
	if r := m.results.Get(job); r != nil {
		return wire.Reply{OK: true, Text: "was answered by " + m.name, Job: &wire.JobDetail{
			ID: id, Function: r.Meta.Function, State: wire.JobDone, Queue: m.name, Worker: r.Meta.Worker,
			Attempt: int(r.Attempt), AttemptLimit: int(r.AttemptLimit), Moves: int(r.Moves),
		}}
	}
	return wire.Reply{Text: "is not at " + m.name}
}
