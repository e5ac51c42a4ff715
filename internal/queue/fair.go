package queue

import (
	"slices"

	"faasd/internal/role"
)

// dispatchAll gives all waiting jobs to whoever is free.
func (m *Machine) dispatchAll(now role.Time) { m.dispatchFairly(now, nil) }

// dispatchFairly gives free slots to the waiting jobs of some functions, all if
// serves is nil, each slot to the function that has the fewest at this queue. So
// a function of long jobs leaves slots to the others as its own become free, and
// one of many jobs does not go before one of few.
func (m *Machine) dispatchFairly(now role.Time, serves map[string]bool) {
	if len(m.awaiting) == 0 {
		return
	}
	m.choice = m.choice[:0]
	for name, f := range role.InOrder(m.awaiting) {
		if serves != nil && !serves[name] {
			continue
		}
		m.dispatchLone(now, f)
		if f.line.Len() > 0 {
			m.choice = append(m.choice, f)
			continue
		}
		if f.waiting() == 0 {
			delete(m.awaiting, name)
		}
		m.forgetIfIdle(f)
	}
	for len(m.choice) > 0 {
		next := 0
		for i, f := range m.choice {
			if f.before(m.choice[next]) {
				next = i
			}
		}
		if f := m.choice[next]; !m.dispatchNext(now, f) {
			m.choice = slices.Delete(m.choice, next, next+1)
			m.forgetIfIdle(f)
		}
	}
}

// before reports whether f's turn comes before g's: it runs fewer jobs, or as
// many and was served longer ago.
func (f *function) before(g *function) bool {
	return f.running < g.running || f.running == g.running && f.served < g.served
}
