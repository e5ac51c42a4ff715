package worker

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Waits says why it does not do what it is for; "" if it does.
func (m *Machine) Waits() string {
	switch {
	case m.draining:
		return "drains"
	case m.queue == nil || m.queue.Link() == nil:
		return "waits for a queue to join"
	}
	return ""
}

// Measure tells what the worker has counted.
func (m *Machine) Measure(_ role.Time, to *metrics.Sink) {
	name := m.cfg.Self.Name
	to.Flag(metrics.PartDraining, m.draining, m.cfg.Self.Role, name)
	to.Set(metrics.WorkerSlots, float64(m.cfg.Self.Slots), name)
	to.Set(metrics.WorkerRunning, float64(m.running), name)
	to.Tally(&m.runs, metrics.WorkerRuns, metrics.WorkerRunSeconds, name, wire.ResultOf)
}
