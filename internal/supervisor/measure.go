package supervisor

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
)

// Waits says that it is always ready.
func (m *Machine) Waits() string { return "" }

// Measure tells how many workers are kept.
func (m *Machine) Measure(_ role.Time, to *metrics.Sink) {
	to.Set(metrics.SupervisorWanted, float64(m.wanted), m.cfg.Self.Name)
	to.Set(metrics.SupervisorProcesses, float64(len(m.running)), m.cfg.Self.Name)
}
