package broker

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
)

// Ready reports whether there is a queue to give jobs to.
func (m *Machine) Ready() bool { return m.Routable() > 0 }

// Waits says what it is not ready without.
func (m *Machine) Waits() string { return "waits for a queue" }

// Measure tells what the broker has counted.
func (m *Machine) Measure(_ role.Time, to *metrics.Sink) {
	name := m.cfg.Self.Name
	to.Flag(metrics.PartDraining, m.draining, m.cfg.Self.Role, name)
	to.Set(metrics.BrokerQueues, float64(m.Routable()), name)
	to.Set(metrics.BrokerHolding, float64(len(m.jobs)), name)
	to.Set(metrics.BrokerUnrouted, float64(m.unrouted.Len()), name)
	to.Set(metrics.BrokerAccepted, float64(m.accepted), name)
	to.Set(metrics.BrokerAnswered, float64(m.answered), name)
	to.Set(metrics.BrokerLate, float64(m.late), name)
}
