package queue

import (
	"slices"
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

// long reports whether f's runs take long. Until one has ended, they may.
func (f *function) long() bool { return f.took == 0 || f.took >= longRun }

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

// first finds the worker of a crew that has been idle longest of those that have
// room; -1 if none has.
func (c *crew) first(now role.Time, restrained bool) int {
	for len(c.idle) > 0 && c.idle[0].free() == 0 {
		c.leave(0)
	}
	return slices.IndexFunc(c.idle, func(w *worker) bool { return w.room(now, restrained) > 0 })
}

// leave takes a worker out of the line.
func (c *crew) leave(i int) {
	c.idle[i].inLine = false
	if i > 0 {
		c.idle = slices.Delete(c.idle, i, i+1)
		return
	}
	c.idle[0] = nil
	if c.idle = c.idle[1:]; len(c.idle) == 0 {
		c.idle = nil
	}
}

// nextWorker takes the worker that has been idle longest of those that have room
// for f; nil if there is none.
func (m *Machine) nextWorker(f *function) *worker {
	var from *crew
	at, restrained := -1, m.restrained(f)
	for _, c := range f.crews {
		if i := c.first(m.now, restrained); i >= 0 && (from == nil || c.idle[i].lined < from.idle[at].lined) {
			from, at = c, i
		}
	}
	if from == nil {
		return nil
	}
	w := from.idle[at]
	from.leave(at)
	return w
}

// dispatchLeft gives jobs that were held back slots that need not be left any more.
func (m *Machine) dispatchLeft(now role.Time) {
	if m.shortCame != 0 {
		m.dispatchAll(now)
	}
}
