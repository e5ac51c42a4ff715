package queue

import (
	"cmp"
	"maps"
	"slices"

	"faasd/internal/job"
	"faasd/internal/role"
)

// confirmed reports whether some broker that waits for the job has been heard
// lately.
func (e *entry) confirmed() bool {
	return slices.ContainsFunc(e.routes, func(r route) bool { return r.broker.state == linked && r.broker.Link() == r.link && r.link != nil })
}

// doubt looks which brokers have not heard this queue, as far as it knows, for
// too long to start their jobs.
func (m *Machine) doubt(now role.Time) {
	for _, b := range m.brokers {
		link := b.Link()
		switch {
		case link == nil:
			m.paths.brokers.Now(&b.state, absent)
		case b.state == unsure: // until it says that it has heard
		case !link.Trusted(now):
			m.paths.brokers.Now(&b.state, unsure)
			m.sortOut(now)
		default:
			m.timer.By(now, link.Assured()+job.TrustedFor)
		}
	}
}

// trust starts a broker's jobs again once it has been heard.
func (m *Machine) trust(now role.Time, b *broker) {
	if link := b.Link(); b.state == unsure && link != nil && link.Trusted(now) {
		m.paths.brokers.Now(&b.state, linked)
		m.sortOut(now)
		m.dispatchAll(now)
	}
}

// sortOut moves waiting jobs between the lines of those that may be started and
// those that may not.
func (m *Machine) sortOut(now role.Time) {
	byArrival := slices.SortedFunc(maps.Values(m.jobs), func(a, b *entry) int { return cmp.Compare(a.number, b.number) })
	for _, e := range byArrival {
		if e.state != waiting && e.state != held || (e.state == waiting) == e.confirmed() {
			continue
		}
		m.detach(e)
		if m.enqueue(e); e.state == waiting && m.draining {
			m.askMove(now, e, "")
		}
	}
}
