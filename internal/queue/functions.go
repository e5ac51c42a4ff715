package queue

import (
	"container/list"
	"fmt"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// function is what a queue knows of one function: who waits and who can serve.
type function struct {
	name    string
	line    *list.List // of *entry, waiting; the next to run in front
	idle    []*worker  // with a free slot, the longest idle first; checked when used
	workers int
	running int
}

func (m *Machine) function(name string) *function {
	f := m.functions[name]
	if f == nil {
		f = &function{name: name, line: list.New()}
		m.functions[name] = f
	}
	return f
}

// forgetIfIdle drops a function that has no worker and no job.
func (m *Machine) forgetIfIdle(f *function) {
	if f.workers == 0 && f.running == 0 && f.line.Len() == 0 && m.functions[f.name] == f {
		delete(m.functions, f.name)
	}
}

// insert puts a job into the line by its arrival; it is mostly among the first.
func (f *function) insert(e *entry) *list.Element {
	for el := f.line.Front(); el != nil; el = el.Next() {
		if el.Value.(*entry).arrived > e.arrived {
			return f.line.InsertBefore(e, el)
		}
	}
	return f.line.PushBack(e)
}

// free counts the slots that could take a job of f now.
func (m *Machine) free(f *function) int {
	n := 0
	for _, w := range f.idle {
		if w.serves(f) {
			n += w.free()
		}
	}
	return n
}

// lineUp puts a worker with a free slot in line for each of its functions.
func (m *Machine) lineUp(w *worker) {
	for _, name := range w.functions {
		if f := m.function(name); !w.inLine[name] && w.serves(f) {
			w.inLine[name] = true
			f.idle = append(f.idle, w)
		}
	}
}

// nextWorker takes the worker that has been idle longest; nil if none is free.
func (f *function) nextWorker() *worker {
	for len(f.idle) > 0 {
		w := f.idle[0]
		f.idle[0] = nil
		f.idle = f.idle[1:]
		w.inLine[f.name] = false
		if w.serves(f) {
			return w
		}
	}
	f.idle = nil
	return nil
}

// dispatch gives waiting jobs of f to free workers.
func (m *Machine) dispatch(now role.Time, f *function) {
	for front := f.line.Front(); front != nil; front = f.line.Front() {
		e := front.Value.(*entry)
		switch {
		case now >= e.deadline:
			m.fail(now, e, wire.CodeExpired, "", "its time ran out while it waited for a worker")
			continue
		case e.msg.Attempt >= e.msg.AttemptLimit:
			m.giveUp(now, e)
			continue
		}
		w := f.nextWorker()
		if w == nil {
			break
		}
		m.detach(e)
		e.state, e.worker, e.started = running, w, now
		e.msg.Attempt++
		f.running++
		m.running++
		w.jobs[e.msg.Job] = e
		w.give(now, e)
		m.lineUp(w)
	}
	m.forgetIfIdle(f)
}

func (m *Machine) giveUp(now role.Time, e *entry) {
	m.cfg.Log.Warn("job given up", "job", e.msg.Job, "function", e.msg.Meta.Function, "attempts", e.msg.Attempt)
	m.event(now, wire.LevelWarn, "job-given-up", "", e.msg.Job.String(),
		fmt.Sprintf("given up after %d attempts, each of whose workers was lost", e.msg.Attempt))
	m.fail(now, e, wire.CodeWorkersLost, "", fmt.Sprintf(
		"%d attempts were started and the worker of each was lost before it answered; the function may crash its worker", e.msg.Attempt))
}
