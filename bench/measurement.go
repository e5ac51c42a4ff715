package main

import (
	"context"
	"fmt"
)

// checkBytes is how much the checked pass after one measurement sends at most, unless that is less than one request for
// each connection.
const checkBytes = 64 << 20

// A measurement is one run of wrk and the checked pass after it.
type measurement struct {
	Round  int    `json:"round"`
	System string `json:"system"`
	load
	wrkResult
	RPS          float64   `json:"rps"`
	CPU          float64   `json:"system_cpu_ms_per_request"` // or s for 1,000
	Memory       int       `json:"system_memory_bytes"`       // at the end of wrk's run; see memory
	Checked      int       `json:"checked"`
	CheckFailed  int       `json:"check_failed"`
	FirstFailure string    `json:"first_failure,omitempty"`
	Open         *openLoop `json:"open_loop,omitempty"` // at openClients
}

// measure has wrk load a system for some seconds, and checks its answers. If they have not crossed the system, that is an error.
func (b *bench) measure(ctx context.Context, sys *system, l load) (measurement, error) {
	crossed, err := sys.crossed(ctx)
	if err != nil {
		return measurement{}, err
	}
	before, err := sys.cpu()
	if err != nil {
		return measurement{}, err
	}
	m, err := b.wrk(ctx, sys, l, b.seconds)
	if err != nil {
		return m, err
	}
	after, err := sys.cpu()
	if err != nil {
		return m, err
	}
	m.CPU = 1000 * (after - before).Seconds() / float64(m.Requests)
	pids, err := sys.pids()
	if err != nil {
		return m, err
	}
	if m.Memory, err = memory(pids...); err != nil {
		return m, err
	}
	if sys.crosses {
		if err := sys.awaitCrossings(ctx, crossed, m.Requests); err != nil {
			return m, fmt.Errorf("%s, %s: %w", sys.name, l, err)
		}
	}
	checked, err := check(ctx, sys, l, min(b.check, max(checkBytes/l.Body, l.Clients)))
	if err != nil {
		return m, fmt.Errorf("%s, %s: %w", sys.name, l, err)
	}
	m.Checked, m.CheckFailed, m.FirstFailure = checked.sent, checked.failed, checked.first
	return m, sys.alive()
}

// failures is what was lost or wrong.
func (m measurement) failures() int {
	sum := m.Errors.sum() + m.CheckFailed
	if m.Open != nil {
		sum += m.Open.Failures
	}
	return sum
}

func (m measurement) String() string {
	s := fmt.Sprintf("%-4s %3d clients, %6s: %7.0f requests/s, p50 %s, p99 %s, p99.9 %s, CPU %.0f µs each, %.0f MB, lost or wrong %d",
		m.System, m.Clients, size(m.Body), m.RPS, duration(m.P50), duration(m.P99), duration(m.P999), 1000*m.CPU, megabytes(m.Memory), m.failures())
	if e := m.Errors; e.sum() > 0 {
		s += fmt.Sprintf(" (wrk: connect %d, read %d, write %d, timeout %d, status %d, body %d)",
			e.Connect, e.Read, e.Write, e.Timeout, e.Status, e.Body)
	}
	if m.FirstFailure != "" {
		s += " (" + m.FirstFailure + ")"
	}
	if m.Open != nil {
		s += "; " + m.Open.String()
	}
	return s
}

func megabytes(n int) float64 { return float64(n) / 1e6 }

// duration writes microseconds as people read them.
func duration(us float64) string {
	if us < 1000 {
		return fmt.Sprintf("%.0f µs", us)
	}
	return fmt.Sprintf("%.2f ms", us/1000)
}
