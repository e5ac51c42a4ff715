package worker

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Ready reports whether the worker has joined a queue.
func (m *Machine) Ready() bool { return m.queue != nil && m.queue.Link() != nil }

// Waits says what it is not ready without.
func (m *Machine) Waits() string { return "waits for a queue to join" }

// Measure tells what the worker has counted.
func (m *Machine) Measure(_ role.Time, to *metrics.Sink) {
	name := m.cfg.Self.Name
	to.Flag(metrics.PartDraining, m.draining, m.cfg.Self.Role, name)
	to.Set(metrics.WorkerSlots, float64(m.cfg.Self.Slots), name)
	to.Set(metrics.WorkerRunning, float64(m.running), name)
	to.Tally(&m.runs, metrics.WorkerRuns, metrics.WorkerRunSeconds, name, wire.ResultOf)
}
