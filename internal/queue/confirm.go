package queue

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"faasd/internal/role"
)

// confirmedFor is how long after a broker was last known to count on this queue
// its jobs are started. It is less than the silence after which the broker gives
// them to others: a queue that was stopped and goes on must not start them too.
const confirmedFor = 2 * time.Second

// confirmed reports whether some broker that waits for the job has been heard
// lately.
func (e *entry) confirmed() bool {
	return slices.ContainsFunc(e.routes, func(r route) bool { return !r.broker.unsure && r.broker.Link() == r.link && r.link != nil })
}

// doubt looks which brokers have been silent too long to start their jobs.
func (m *Machine) doubt(now role.Time) {
	for _, b := range m.brokers {
		link := b.Link()
		switch {
		case link == nil:
			b.unsure = false
		case b.unsure: // until a message that is not old comes
		case now-link.Certain() >= confirmedFor:
			b.unsure = true
			m.sortOut(now)
		default:
			m.timer.By(now, link.Certain()+confirmedFor)
		}
	}
}

// trust starts a broker's jobs again once it has been heard.
func (m *Machine) trust(now role.Time, b *broker) {
	if link := b.Link(); b.unsure && (link == nil || now-link.Certain() < confirmedFor) {
		b.unsure = false
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
