package frontend

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// reasons name the refusals, in metrics.
var reasons = [...]string{
	UnknownFunction: "unknown-function", NotUp: "not-up", Uninformed: "not-known-yet", Full: "full", NoBroker: "no-broker", Stopping: "stopping",
}

// count notes how a request was answered.
func (m *Machine) count(now role.Time, r *request, code wire.Code) {
	m.jobs.Add(r.msg.Meta.Function, int(code), now-r.accepted)
}

// errors is how many requests were answered with an error of the function's own.
func (m *Machine) errors() uint64 { return m.jobs.Count(int(wire.CodeFunctionError)) }

// expired is how many requests were past their deadline, or their function's own
// timeout.
func (m *Machine) expired() uint64 {
	return m.jobs.Count(int(wire.CodeExpired)) + m.jobs.Count(int(wire.CodeTimedOut))
}

// Waits says why it does not do what it is for; "" if it does.
func (m *Machine) Waits() string {
	switch {
	case m.draining:
		return "drains"
	case !m.Ready():
		return "waits for a broker"
	}
	return ""
}

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
