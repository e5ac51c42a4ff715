package queue

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"faasd/internal/job"
	"faasd/internal/role"
)

// confirmedFor is how long a broker's jobs are started after this queue has said
// something that the broker is known to have heard. It is less than the silence
// after which the broker gives them to others: a queue that was stopped, or was
// not heard, must not start them too.
const confirmedFor = job.LostAfter - 200*time.Millisecond

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
			m.hear(b, absent)
		case b.state == unsure: // until it says that it has heard
		case now-link.Assured() >= confirmedFor:
			m.hear(b, unsure)
			m.sortOut(now)
		default:
			m.timer.By(now, link.Assured()+confirmedFor)
		}
	}
}

// trust starts a broker's jobs again once it has been heard.
func (m *Machine) trust(now role.Time, b *broker) {
	if link := b.Link(); b.state == unsure && link != nil && now-link.Assured() < confirmedFor {
		m.hear(b, linked)
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
