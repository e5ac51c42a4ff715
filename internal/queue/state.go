package queue

import (
	"cmp"
	"maps"
	"slices"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// state is what the queue publishes of itself.
func (m *Machine) state() wire.State {
	q := &wire.QueueState{
		Functions: make(map[string]wire.FunctionState, len(m.functions)),
		Running:   m.running, Arrived: m.arrivals, Done: m.done, Failed: m.failed, Moved: m.moved, Taken: m.taken, Late: m.late,
		Past: m.past.state(), Following: m.following(),
	}
	for _, w := range m.workers {
		if w.welcomed {
			q.Slots += w.slots
			q.Free += w.free()
		}
	}
	free := make(map[*crew][2]int, len(m.crews)) // for all functions, and for those that are restrained; counted once, not for each
	for _, c := range m.crews {
		free[c] = [2]int{c.room(m.now, false), c.room(m.now, true)}
	}
	for name, f := range m.functions {
		s := wire.FunctionState{
			Workers: f.workers, Waiting: f.waiting(), Running: f.running,
			Arrived: f.arrived, Done: f.done, Failed: f.failed,
		}
		of := 0
		if m.restrained(f) {
			of = 1
		}
		for _, c := range f.crews {
			s.Free += free[c][of]
		}
		if e := f.oldest(); e != nil {
			s.Oldest = (m.now - e.arrived).Milliseconds()
		}
		q.Functions[name] = s
		q.Waiting += s.Waiting
	}
	self := m.cfg.Self
	self.Workers, self.Pinned = m.liveWorkers()
	return wire.State{Member: self, Draining: m.draining, Malformed: m.MalformedCount(), Queue: q}
}

// detail lists the workers, those lost lately included, and the oldest jobs.
func (m *Machine) detail() wire.Detail {
	d := wire.Detail{
		Role: wire.RoleQueue, Name: m.name, Incarnation: m.me,
		Workers: []wire.WorkerDetail{}, Jobs: m.oldestJobs(), JobsTotal: len(m.jobs), Latency: m.latencies.encoded(m.now),
	}
	for _, w := range m.workers {
		if w.welcomed {
			d.Workers = append(d.Workers, m.describe(w))
		}
	}
	for _, w := range m.lost {
		d.Workers = append(d.Workers, m.describe(w))
	}
	slices.SortFunc(d.Workers, func(a, b wire.WorkerDetail) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	d.Fold()
	return d
}

func (m *Machine) describe(w *worker) wire.WorkerDetail {
	d := wire.WorkerDetail{
		ID: w.id, Name: w.name, Kind: w.kind(), Host: w.member.Host, PID: w.member.PID, State: wire.WorkerUp,
		Functions: w.crew.functions, Slots: w.slots, Running: w.busy(), Done: w.done, Failed: w.failed,
		HeardMillis: (m.now - w.heard).Milliseconds(), P99: w.p99(m.now),
	}
	if e := w.oldestJob(); e != nil {
		d.Job, d.RunMillis = e.msg.Job.String(), (m.now - e.started).Milliseconds()
	}
	d.Stuck = w.hung(m.now)
	switch {
	case w.gone != 0:
		d.State, d.Reason = wire.WorkerLost, w.reason
	case w.doomed != 0:
		d.State = wire.WorkerDying
	case w.draining || w.drainAsked:
		d.State = wire.WorkerDraining
	}
	return d
}

// oldestJobs describes the jobs that have been here longest.
func (m *Machine) oldestJobs() []wire.JobDetail {
	all := slices.SortedFunc(maps.Values(m.jobs), func(a, b *entry) int {
		return cmp.Compare(a.number, b.number)
	})
	list := []wire.JobDetail{}
	for _, e := range all[:min(len(all), wire.MaxJobs)] {
		list = append(list, m.describeJob(e))
	}
	return list
}

func (m *Machine) describeJob(e *entry) wire.JobDetail {
	d := wire.JobDetail{
		ID: e.msg.Job.String(), Function: e.msg.Meta.Function, State: wire.JobWaiting, Queue: m.name,
		Attempt: int(e.msg.Attempt), AttemptLimit: int(e.msg.AttemptLimit), Moves: int(e.msg.Moves), Bytes: len(e.msg.Body),
		AgeMillis: (m.now - e.arrived).Milliseconds(), LeftMillis: max((e.deadline - m.now).Milliseconds(), 0),
	}
	switch {
	case e.state == moving:
		d.State = wire.JobMoving
	case e.state == running && !e.ahead:
		d.State, d.Worker, d.RunMillis = wire.JobRunning, e.worker.name, (m.now - e.started).Milliseconds()
	}
	return d
}

func (m *Machine) event(now role.Time, level, kind, worker, id, text string) {
	m.bus.Event(now, wire.Event{
		Level: level, Role: wire.RoleQueue, Name: m.name, Kind: kind, Worker: worker, Job: id, Text: text,
	})
}
