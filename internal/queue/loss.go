package queue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

const (
	// lostShown is how long a worker that was lost is still listed.
	lostShown = 30 * time.Second
	// maxLost bounds the lost workers that are listed.
	maxLost = 256
)

// Unreachable is told that a packet found no connection. A job in it was not
// started. What becomes of the worker is for the next tick: more packets to it
// may come back first.
func (m *Machine) Unreachable(now role.Time, p role.Packet) {
	w := m.workers[routeKey(p.Peer)]
	if w == nil {
		w = m.routes[p.Peer]
	}
	if w == nil {
		return
	}
	w.cut = true
	if w.doomed != 0 && isKill(p.Frames) {
		w.doomed = 0 // it has not heard; whatever became of it, it was not that
		m.look(w)
	}
	if id, ok := w.jobIn(p.Frames); ok {
		if e := w.jobs[id]; e != nil {
			m.takeBack(now, e)
		}
	}
	m.dispatchAll(now)
	m.timer.By(now, now)
}

func isKill(frames [][]byte) bool {
	msg, err := wire.Decode(frames)
	return err == nil && msg.Type == wire.TypeKill
}

// jobIn returns the job that a packet to w was to give it.
func (w *worker) jobIn(frames [][]byte) (id wire.JobID, ok bool) {
	switch {
	case w.link != nil:
		msg, err := wire.Decode(frames)
		if err != nil || msg.Type != wire.TypeJob {
			return id, false
		}
		return msg.Job, true
	case w.mdp != nil:
		c, err := wire.DecodeMDP(frames)
		if err != nil || c.Command != wire.MDPRequest {
			return id, false
		}
		id, err = wire.ParseJobID(c.Client)
		return id, err == nil
	}
	if len(frames) < 2 {
		return id, false
	}
	t, err := wire.DecodeText(frames[1:])
	if err != nil || t.Command != wire.TextJob {
		return id, false
	}
	return t.Job, true
}

// dead reports whether a worker whose connection is gone must have died: one
// on this host has. One elsewhere may be cut off and still running, so its jobs
// wait until it is back or its lease ends.
func (m *Machine) dead(w *worker) bool {
	return w.cut && (w.foreign() || w.member.Host == m.cfg.Self.Host && w.member.Host != "")
}

// workerGone gives up a worker that was lost. It is shown as lost for a while.
func (m *Machine) workerGone(now role.Time, w *worker, why string) {
	if m.workers[w.key] != w {
		return
	}
	if !w.welcomed { // it never was one of ours
		m.dropWorker(now, w)
		return
	}
	w.gone, w.reason = now, why
	m.lostWorkers++
	if m.lost = append(m.lost, w); len(m.lost) > maxLost {
		m.lost = m.lost[1:]
	}
	m.cfg.Log.Warn("worker lost", "worker", w.name, "why", why, "jobs_requeued", len(w.jobs))
	m.event(now, wire.LevelWarn, "worker-lost", w.name, "", fmt.Sprintf("lost (%s) with %s", why, wire.Plural(len(w.jobs), "job")))
	m.dropWorker(now, w)
	w.link = nil // this and the following may keep bodies
	if w.req != nil {
		w.req.job = nil
	}
	if w.mdp != nil {
		w.mdp.job = nil
	}
}

// workerLeft lets a worker go that said goodbye.
func (m *Machine) workerLeft(now role.Time, w *worker, why string) {
	m.cfg.Log.Info("worker left", "worker", w.name, "why", why, "jobs_requeued", len(w.jobs))
	m.event(now, wire.LevelInfo, "worker-left", w.name, "", fmt.Sprintf("left (%s)", why))
	m.dropWorker(now, w)
}

// dropWorker takes a worker out and gives its jobs to others.
func (m *Machine) dropWorker(now role.Time, w *worker) {
	delete(m.workers, w.key)
	if m.routes[w.route] == w {
		delete(m.routes, w.route)
	}
	if w.req != nil {
		m.paths.req.Now(&w.req.phase, absent)
	}
	if w.mdp != nil {
		m.paths.mdp.Now(&w.mdp.phase, absent)
	}
	w.draining, w.dropped = true, true // no more jobs, whoever still has it in a line
	m.look(w)
	m.requeueAll(now, w)
	m.part(w)
	m.workersChanged(now)
}

// requeueAll puts a worker's jobs back in line. Only a run that was lost alone
// counts against a job's limit: one that ended by a command, or in order, was
// not its job's fault. Of jobs that were lost together, with runs that nobody
// wanted any more and that had not stopped, any may have taken the worker along;
// which one, they show by running alone next.
func (m *Machine) requeueAll(now role.Time, w *worker) {
	lost := slices.SortedFunc(maps.Values(w.jobs), func(a, b *entry) int { return cmp.Compare(a.number, b.number) })
	died, together := w.gone != 0 && w.doomed == 0, len(lost)+len(w.stopping) > 1
	for _, e := range lost {
		m.detach(e)
		if !died || together {
			e.uncounted()
		}
		if died && together {
			e.msg.Flags |= wire.FlagAlone
		}
		m.requeue(now, e)
	}
	m.dispatchAll(now)
}

// dismiss sends a worker to another queue.
func (m *Machine) dismiss(now role.Time, w *worker, why string) {
	switch {
	case w.mdp != nil:
		m.sayMDP(w.route, wire.MDPDisconnect)
	case w.req == nil:
		w.link.Farewell(now, why)
	case w.req.phase == reqReady: // at other times no answer is owed
		m.replyREQ(w, &wire.Text{Command: wire.TextRejoin, Reason: why})
	}
}

// noticeQuiet finds the native workers that are given nothing new before they are
// heard again. They are not lost yet, and what they have stays theirs. Without it,
// when all workers are stopped at once, a job would be given to one after the
// other until its attempts have run out.
func (m *Machine) noticeQuiet(now role.Time) {
	for _, w := range m.workers {
		if w.link == nil || w.quiet {
			continue
		}
		if due := w.link.QuietAt(); now < due {
			m.timer.By(now, due)
			continue
		}
		w.quiet = true
		m.bus.Changed()
	}
}

func (m *Machine) tickWorkers(now role.Time) {
	m.noticeQuiet(now) // first: what the lost have is given to others
	for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
		if m.dead(w) {
			m.workerDied(now, w)
			continue
		}
		if w.doomed != 0 && m.tickDoomed(now, w) {
			continue
		}
		m.tellStuck(now, w)
		m.findOverdue(now, w)
		switch {
		case w.req != nil:
			m.tickREQ(now, w)
			continue
		case w.mdp != nil:
			m.tickMDP(now, w)
			continue
		}
		if w.link.Poll(now) == job.Down {
			m.workerGone(now, w, w.link.Why())
			continue
		}
		m.timer.By(now, w.link.Wake())
	}
	m.lost = slices.DeleteFunc(m.lost, func(w *worker) bool { return now-w.gone >= lostShown })
	if len(m.brokers) > 0 && now-m.lastLink >= orphanedAfter && len(m.workers) > 0 && !m.draining {
		m.sendAway(now)
	}
}

// workerDied takes out a worker that must be dead. An MDP worker that an operator
// has drained, and that ran nothing, has ended as it should.
func (m *Machine) workerDied(now role.Time, w *worker) {
	switch {
	case w.mdp != nil && w.drainAsked && w.empty():
		m.workerLeft(now, w, "drained by an operator")
	case w.doomed != 0:
		m.workerGone(now, w, wire.ReasonKilled)
	default:
		m.workerGone(now, w, "its connection is gone")
	}
}

// sendAway sends the workers of a queue that has no broker to other queues, those
// that know of any.
func (m *Machine) sendAway(now role.Time) {
	m.lastLink = now // and again in ten seconds for those that come back
	m.cfg.Log.Warn("no broker for 10 s; workers are sent to other queues")
	for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
		if w.mdp == nil {
			m.dismiss(now, w, "queue "+m.name+" has had no broker for 10 s")
			m.workerGone(now, w, "sent to another queue")
		}
	}
}
