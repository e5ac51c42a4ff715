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
// other death. One that speaks REQ is only let go.
func (m *Machine) killWorker(now role.Time, w *worker, by string) wire.Reply {
	m.cfg.Log.Warn("worker to be killed", "worker", w.name, "by", by, "jobs", len(w.jobs))
	m.event(now, wire.LevelWarn, "worker-kill-asked", w.name, "", fmt.Sprintf("kill asked by %s; it runs %d jobs", by, len(w.jobs)))
	if w.req != nil {
		jobs := len(w.jobs)
		m.letGo(now, w, "killed by "+by)
		return wire.Reply{OK: true, Foreign: true, Text: fmt.Sprintf("worker %s speaks REQ and is not ours to kill: disconnected from %s, %d jobs given to others", w.name, m.name, jobs)}
	}
	if !m.order(now, w, wire.TypeKill) {
		return wire.Reply{Text: fmt.Sprintf("worker %s has no connection to %s at the moment; it is lost, or back within 3 s", w.name, m.name)}
	}
	w.doomed = now
	m.timer.By(now, now)
	m.bus.DetailChanged()
	return wire.Reply{OK: true, Text: fmt.Sprintf("%s has told it to die; %d jobs go to others", m.name, len(w.jobs))}
}

func (m *Machine) drainWorker(now role.Time, w *worker, by string) wire.Reply {
	if w.req == nil && !m.order(now, w, wire.TypeDrain) {
		return wire.Reply{Text: fmt.Sprintf("worker %s has no connection to %s at the moment; try again", w.name, m.name)}
	}
	jobs := len(w.jobs)
	w.asked = true
	m.cfg.Log.Info("worker drains", "worker", w.name, "by", by, "jobs", jobs)
	m.event(now, wire.LevelInfo, "worker-drain-asked", w.name, "", fmt.Sprintf("drain asked by %s; it finishes %d jobs", by, jobs))
	if w.req != nil && w.req.phase == reqReady {
		m.reqIdle(now, w)
	}
	m.bus.DetailChanged()
	return wire.Reply{OK: true, Text: fmt.Sprintf("no more jobs for it; it finishes %d and leaves", jobs)}
}

func (m *Machine) undrainWorker(now role.Time, w *worker, by string) wire.Reply {
	if !w.asked {
		return wire.Reply{Text: fmt.Sprintf("worker %s is not draining by an operator's command", w.name)}
	}
	if w.req == nil && !m.order(now, w, wire.TypeUndrain) {
		return wire.Reply{Text: fmt.Sprintf("worker %s has no connection to %s at the moment; try again", w.name, m.name)}
	}
	w.asked = false
	m.event(now, wire.LevelInfo, "worker-undrain-asked", w.name, "", "undrain asked by "+by)
	m.serve(now, w)
	m.bus.DetailChanged()
	return wire.Reply{OK: true, Text: "it is given jobs again"}
}

// order sends a native worker a message that is no job; false if there is no link.
func (m *Machine) order(now role.Time, w *worker, t wire.Type) bool {
	if !w.link.Ready() || w.cut {
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
	if w.req != nil {
		m.dismiss(now, w, why)
	} else {
		w.link.Farewell(now, why)
	}
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
		return wire.Reply{OK: true, Text: "is at " + m.name, Job: &d}
	}
	if r := m.results.Get(job); r != nil {
		return wire.Reply{OK: true, Text: "was answered by " + m.name, Job: &wire.JobDetail{
			ID: id, Function: r.Meta.Function, State: wire.JobDone, Queue: m.name, Worker: r.Meta.Worker,
			Attempt: int(r.Attempt), AttemptLimit: int(r.AttemptLimit), Moves: int(r.Moves),
		}}
	}
	return wire.Reply{Text: "is not at " + m.name}
}
