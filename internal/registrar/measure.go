package registrar

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
)

// Ready reports that the store is open.
func (m *Machine) Ready() bool { return true }

// Waits says what it is not ready without.
func (m *Machine) Waits() string { return "waits for nothing" }

// Measure tells nothing beyond what is told of every part.
func (m *Machine) Measure(role.Time, *metrics.Sink) {}
