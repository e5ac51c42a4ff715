package queue

import (
	"time"

	"faasd/internal/role"
)

// Functions whose runs take long, or hang, would fill every slot and have the
// others wait for as long: jobs that run are not taken back. So together they take
// all slots of a worker but one, while functions are called whose runs are short.
const (
	// longRun is from when on runs take long, on average.
	longRun = 250 * time.Millisecond
	// restrainedFor is for how long a job of a short function has the others leave
	// room for the next.
	restrainedFor = 10 * time.Second
)

// ran notes how long a run of f took.
func (f *function) ran(took time.Duration) {
	if f.took == 0 {
		f.took = took
	}
	f.took = max(f.took+(took-f.took)/8, 1)
}

// long reports whether f's runs take long. Until one has ended, they may; and while
// one goes on for long, whatever the others took.
func (f *function) long() bool { return f.took == 0 || f.took >= longRun || f.overdue > 0 }

// findOverdue notes which of a worker's runs have turned out to take long.
func (m *Machine) findOverdue(now role.Time, w *worker) {
	for _, e := range w.jobs {
		switch {
		case e.overdue || e.ahead:
		case now-e.started < longRun:
			m.timer.By(now, e.started+longRun)
		default:
			e.overdue = true
			e.function.overdue++
			if !e.long {
				e.long = true
				w.long++
			}
		}
	}
}

// restrained reports whether f leaves a slot of each worker to others.
func (m *Machine) restrained(f *function) bool {
	return f.long() && m.shortCame != 0 && m.now < m.shortCame+restrainedFor
}

// room is how many jobs a worker can be given of a function, which may be
// restrained.
func (w *worker) room(now role.Time, restrained bool) int {
	n := w.free()
	if restrained && w.slots > 1 {
		n = max(min(n, w.slots-1-w.long-w.stoppingLately(now)), 0)
	}
	return n
}

// stoppingLately counts the runs that were told to stop and may still do so: they
// have taken long. Those that never will have others wait no more.
func (w *worker) stoppingLately(now role.Time) int { return len(w.stopping) - w.hung(now) }

// dispatchLeft gives jobs that were held back slots that need not be left any more.
func (m *Machine) dispatchLeft(now role.Time) {
	if m.shortCame != 0 {
		m.dispatchAll(now)
	}
}
