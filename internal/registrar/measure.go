package registrar

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
)

// Waits says that it is always ready.
func (m *Machine) Waits() string { return "" }

// Measure tells nothing beyond what is told of every part.
func (m *Machine) Measure(role.Time, *metrics.Sink) {}
