package coordinator

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
)

// Ready reports that it is bound: whoever comes is told what there is.
func (m *Machine) Ready() bool { return true }

// Waits says what it is not ready without.
func (m *Machine) Waits() string { return "waits for nothing" }

// Measure tells what the coordinator has counted.
func (m *Machine) Measure(_ role.Time, to *metrics.Sink) {
	to.Set(metrics.CoordinatorMembers, float64(len(m.states)), m.cfg.Self.Name)
}
