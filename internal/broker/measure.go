package broker

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
)

// Waits says why it does not do what it is for; "" if it does.
func (m *Machine) Waits() string {
	switch {
	case m.draining:
		return "drains"
	case m.Routable() == 0:
		return "waits for a queue"
	}
	return ""
}

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
