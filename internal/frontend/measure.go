package frontend

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// reasons name the refusals, in metrics.
var reasons = [...]string{
	UnknownFunction: "unknown-function", Uninformed: "not-known-yet", Full: "full", NoBroker: "no-broker", Stopping: "stopping",
}

// count notes how a request was answered.
func (m *Machine) count(now role.Time, r *request, code wire.Code) {
	m.jobs.Add(r.msg.Meta.Function, int(code), now-r.accepted)
}

// Waits says what it is not ready without.
func (m *Machine) Waits() string { return "waits for a broker" }

// Measure tells what the frontend has counted.
func (m *Machine) Measure(_ role.Time, to *metrics.Sink) {
	name := m.cfg.Self.Name
	to.Flag(metrics.PartDraining, m.draining, m.cfg.Self.Role, name)
	to.Set(metrics.FrontendOpen, float64(len(m.open)), name)
	to.Set(metrics.FrontendAccepted, float64(m.accepted), name)
	to.Set(metrics.FrontendLate, float64(m.late), name)
	for why, reason := range reasons {
		if reason != "" {
			to.Set(metrics.FrontendRefused, float64(m.refused[why]), name, reason)
		}
	}
	to.Tally(&m.jobs, metrics.FrontendJobs, metrics.FrontendJobSeconds, name, wire.ResultOf)
}
