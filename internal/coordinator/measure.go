package coordinator

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
)

// Waits says that it is always ready.
func (m *Machine) Waits() string { return "" }

// Measure tells what the coordinator has counted.
func (m *Machine) Measure(_ role.Time, to *metrics.Sink) {
	to.Set(metrics.CoordinatorMembers, float64(len(m.states)), m.cfg.Self.Name)
}
