package queue

import (
	"cmp"
	"slices"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// state is what the queue publishes of itself.
func (m *Machine) state() wire.State {
	q := &wire.QueueState{
		Functions: make(map[string]wire.FunctionState, len(m.functions)),
		Running:   m.running, Done: m.done, Moved: m.moved, Taken: m.taken,
	}
	for _, w := range m.workers {
		if w.welcomed {
			q.Slots += w.slots
			q.Free += w.free()
		}
	}
	for name, f := range m.functions {
		s := wire.FunctionState{Workers: f.workers, Free: m.free(f), Waiting: f.line.Len(), Running: f.running}
		if front := f.line.Front(); front != nil {
			s.Oldest = (m.now - front.Value.(*entry).arrived).Milliseconds()
		}
		q.Functions[name] = s
		q.Waiting += s.Waiting
	}
	self := m.cfg.Self
	self.Workers = m.liveWorkers()
	return wire.State{Member: self, Draining: m.draining, Malformed: m.MalformedCount(), Queue: q}
}

// detail lists the workers, those lost lately included.
func (m *Machine) detail() wire.Detail {
	d := wire.Detail{Role: wire.RoleQueue, Name: m.name, Incarnation: m.me, Workers: []wire.WorkerDetail{}}
	for _, w := range m.workers {
		if w.welcomed {
			d.Workers = append(d.Workers, m.describe(w))
		}
	}
	for _, w := range m.lost {
		d.Workers = append(d.Workers, m.describe(w))
	}
	slices.SortFunc(d.Workers, func(a, b wire.WorkerDetail) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Incarnation, b.Incarnation))
	})
	return d
}

func (m *Machine) describe(w *worker) wire.WorkerDetail {
	d := wire.WorkerDetail{
		Name: w.name, Kind: w.kind(), Host: w.member.Host, PID: w.member.PID, State: wire.WorkerUp,
		Functions: w.functions, Slots: w.slots, Running: len(w.jobs), Done: w.done,
		HeardMillis: (m.now - w.heard).Milliseconds(),
	}
	if w.req == nil {
		d.Incarnation = w.member.Incarnation.String()
	}
	switch {
	case w.gone != 0:
		d.State, d.Reason = wire.WorkerLost, w.reason
	case w.draining:
		d.State = wire.WorkerDraining
	}
	return d
}

func (m *Machine) event(now role.Time, level, kind, worker, id, text string) {
	m.bus.Event(now, wire.Event{
		Level: level, Role: wire.RoleQueue, Name: m.name, Kind: kind, Worker: worker, Job: id, Text: text,
	})
}
