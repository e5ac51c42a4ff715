package supervisor

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
)

// Ready reports that workers are kept.
func (m *Machine) Ready() bool { return true }

// Waits says what it is not ready without.
func (m *Machine) Waits() string { return "waits for nothing" }

// Measure tells how many workers are kept.
func (m *Machine) Measure(_ role.Time, to *metrics.Sink) {
	to.Set(metrics.SupervisorWanted, float64(m.wanted), m.cfg.Self.Name)
	to.Set(metrics.SupervisorProcesses, float64(len(m.running)), m.cfg.Self.Name)
}
