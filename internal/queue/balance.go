package queue

import (
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// unevenFor is how long a queue must have had too many workers before it sends
// one away, so that joining ones are not chased about.
const unevenFor = time.Second

// balance sends one idle worker to another queue if this one has at least two
// more than the queue with the fewest and no queue has more than this one. So
// queues that come late, or come back, get their share. Only native workers
// are sent: the simplest REQ worker does not know how to join twice, and an MDP
// worker knows no other queue. Those are not counted either.
func (m *Machine) balance(now role.Time) {
	if !m.mostWorkers(now) {
		m.uneven = 0
		return
	}
	if m.uneven == 0 {
		m.uneven = now
	}
	m.timer.By(now, m.uneven+unevenFor)
	if now < m.uneven+unevenFor {
		return
	}
	m.uneven = 0 // and again, if it is still so, after others have been heard
	for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
		if w.link != nil && w.link.Ready() && w.free() == w.slots {
			m.dismiss(now, w, "another queue has fewer workers")
			m.workerLeft(now, w, "sent to a queue with fewer workers")
			return
		}
	}
}

// mostWorkers reports whether this queue is the one to send a worker away.
func (m *Machine) mostWorkers(now role.Time) bool {
	all, pinned := m.liveWorkers()
	mine := all - pinned
	if mine < 2 || m.draining || !m.linked() {
		return false
	}
	fewest := mine
	for inc, s := range m.bus.View.Live(now, wire.RoleQueue) {
		if inc == m.me || s.Draining {
			continue
		}
		if s.Placed() > mine || s.Placed() == mine && s.Name < m.name {
			return false
		}
		fewest = min(fewest, s.Placed())
	}
	return mine-fewest >= 2
}
