package queue

import (
	"slices"
	"strings"

	"faasd/internal/role"
)

// crew is workers that serve the same functions. Mostly there is one, so that
// what a worker does for a result does not grow with the functions that it has.
type crew struct {
	key       string
	functions []string // sorted
	serves    map[string]bool
	members   int
	idle      []*worker // with a free slot, the longest idle first; checked when used
}

// join puts a worker into the crew that serves these functions, and counts it
// for each. It is in none.
func (m *Machine) join(w *worker, functions []string) {
	names := slices.Compact(slices.Sorted(slices.Values(functions)))
	key := strings.Join(names, " ")
	c := m.crews[key]
	if c == nil {
		c = &crew{key: key, functions: names, serves: make(map[string]bool, len(names))}
		m.crews[key] = c
		for _, name := range names {
			c.serves[name] = true
			f := m.function(name)
			f.crews = append(f.crews, c)
		}
	}
	c.members++
	w.crew = c
	for _, name := range names {
		m.function(name).workers++
	}
}

// part takes a worker out of its crew. What its crew was is still to be seen in it.
func (m *Machine) part(w *worker) {
	before := w.crew.functions
	m.leaveCrew(w)
	m.forgetIdle(before)
}

// regroup moves a worker to the crew of those that serve these functions.
func (m *Machine) regroup(w *worker, functions []string) {
	before := w.crew.functions
	m.leaveCrew(w)
	m.join(w, functions)
	m.forgetIdle(before) // only now: what is known of how long a function's runs take is kept while it has a worker
}

// leaveCrew is part without forgetting functions that nobody serves now.
func (m *Machine) leaveCrew(w *worker) {
	c := w.crew
	w.crew, w.inLine = &crew{functions: c.functions, serves: c.serves}, false
	c.members--
	c.idle = slices.DeleteFunc(c.idle, func(o *worker) bool { return o == w })
	for _, name := range c.functions {
		f := m.function(name)
		f.workers--
		if f.kept == w {
			f.kept, w.kept = nil, false
		}
		if c.members == 0 {
			f.crews = slices.DeleteFunc(f.crews, func(o *crew) bool { return o == c })
		}
	}
	if c.members == 0 {
		delete(m.crews, c.key)
	}
}

func (m *Machine) forgetIdle(functions []string) {
	for _, name := range functions {
		m.forgetIfIdle(m.function(name))
	}
}

// lineUp puts a worker with a free slot in its crew's line.
func (m *Machine) lineUp(w *worker) {
	if !w.inLine && w.free() > 0 {
		m.lined++
		w.inLine, w.lined = true, m.lined
		w.crew.idle = append(w.crew.idle, w)
	}
}

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

// emptyWorker returns a worker that runs nothing, nil if there is none.
func (f *function) emptyWorker() *worker {
	for _, c := range f.crews {
		for _, w := range c.idle {
			if w.free() > 0 && w.empty() {
				return w
			}
		}
	}
	return nil
}

// free counts the slots that could take a job of f now.
func (m *Machine) free(f *function) int {
	n, restrained := 0, m.restrained(f)
	for _, c := range f.crews {
		n += c.room(m.now, restrained)
	}
	return n
}

// room counts the slots of a crew that could take a job of a function, which may
// be restrained.
func (c *crew) room(now role.Time, restrained bool) (n int) {
	for _, w := range c.idle {
		n += w.room(now, restrained)
	}
	return n
}

// slots counts those of f's workers, unless they are quiet.
func (m *Machine) slots(f *function) (n int) {
	for _, w := range m.workers {
		if w.welcomed && !w.quiet && w.crew.serves[f.name] {
			n += w.slots
		}
	}
	return n
}
