package queue

import (
	"container/list"
	"fmt"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// function is what a queue knows of one function: who waits and who can serve.
type function struct {
	name    string
	line    *list.List // of *entry, waiting; the next to run in front
	lone    *list.List // likewise, those that must run alone
	held    *list.List // likewise, those that are not to be run yet
	kept    *worker    // is given nothing more until it is empty and one of lone can run there
	crews   []*crew    // whose workers serve it
	workers int
	jobs    int // that are here
	running int
	took    time.Duration // by a run, from its being given to its result, on average of the last; 0 not known
	overdue int           // of running, those that have gone on for long
	lasts   time.Duration // a run by itself, as workers say, with more weight to long ones; 0 not known
	served  uint64        // which start at this queue was its last

	counts
}

func (m *Machine) function(name string) *function {
	f := m.functions[name]
	if f == nil {
		f = &function{name: name, line: list.New(), lone: list.New(), held: list.New(), counts: m.past.recall(name)}
		m.functions[name] = f
	}
	return f
}

// forgetIfIdle drops a function that has no worker and no job. What it has counted
// is kept.
func (m *Machine) forgetIfIdle(f *function) {
	if f.workers == 0 && f.jobs == 0 && m.functions[f.name] == f {
		delete(m.functions, f.name)
		delete(m.awaiting, f.name)
		m.past.remember(f, m.catalogue)
	}
}

// lineOf is the line that a job waits in.
func (f *function) lineOf(e *entry) *list.List {
	switch {
	case e.state == held:
		return f.held
	case e.alone():
		return f.lone
	}
	return f.line
}

// insert puts a job into its line by its arrival; it is mostly the last, or
// among the first.
func (m *Machine) insert(f *function, e *entry) *list.Element {
	line := f.lineOf(e)
	m.awaiting[f.name] = f
	if last := line.Back(); last == nil || last.Value.(*entry).number < e.number {
		return line.PushBack(e)
	}
	for el := line.Front(); el != nil; el = el.Next() {
		if el.Value.(*entry).number > e.number {
			return line.InsertBefore(e, el)
		}
	}
	return line.PushBack(e)
}

// waiting is how many jobs wait for a worker, here or elsewhere.
func (f *function) waiting() int { return f.line.Len() + f.lone.Len() }

// oldest is the one of them that has waited longest, nil if none waits.
func (f *function) oldest() *entry {
	var first *entry
	for _, line := range []*list.List{f.line, f.lone} {
		if front := line.Front(); front != nil && (first == nil || front.Value.(*entry).number < first.number) {
			first = front.Value.(*entry)
		}
	}
	return first
}

// ahead counts the jobs of other queues that are the next to run, and returns
// the first behind them, nil if there is none.
func (f *function) ahead() (taken int, own *entry) {
	for el := f.line.Front(); el != nil; el = el.Next() {
		if own = el.Value.(*entry); own.msg.Moves == 0 {
			return taken, own
		}
		taken++
	}
	return taken, nil
}

// dispatch gives waiting jobs of f to free workers.
func (m *Machine) dispatch(now role.Time, f *function) {
	m.dispatchLone(now, f)
	for m.dispatchNext(now, f) {
	}
	m.forgetIfIdle(f)
}

// dispatchNext gives f's next job to a free worker; false if there is none of
// either.
func (m *Machine) dispatchNext(now role.Time, f *function) bool {
	e := m.nextToRun(now, f, f.line)
	if e == nil {
		return false
	}
	w := m.nextWorker(f)
	if w == nil {
		return false
	}
	m.start(now, f, e, w)
	m.lineUp(w)
	return true
}

// nextToRun returns the first job of a line, after ending those whose time or
// attempts have run out.
func (m *Machine) nextToRun(now role.Time, f *function, line *list.List) *entry {
	for front := line.Front(); front != nil; front = line.Front() {
		e := front.Value.(*entry)
		switch {
		case now >= e.deadline:
			m.fail(now, e, wire.CodeExpired, "", "its time ran out while it waited for a worker")
		case e.msg.Attempt >= e.msg.AttemptLimit:
			m.giveUp(now, e)
		default:
			return e
		}
	}
	return nil
}

// dispatchLone gives jobs that must run alone to workers that run nothing. If
// there is none, one worker is kept until it is empty.
func (m *Machine) dispatchLone(now role.Time, f *function) {
	for e := m.nextToRun(now, f, f.lone); e != nil; e = m.nextToRun(now, f, f.lone) {
		w := f.emptyWorker()
		if w == nil {
			m.keepWorker(f)
			return
		}
		m.release(f)
		m.start(now, f, e, w)
		w.alone = true
	}
	m.release(f)
}

// start gives a job to a worker.
func (m *Machine) start(now role.Time, f *function, e *entry, w *worker) {
	m.detach(e)
	m.paths.jobs.Step(&e.state, running)
	e.worker, e.started, e.long, e.brief = w, now, f.long(), f.brief()
	if e.long {
		w.long++
	}
	if e.brief {
		w.brief++
	}
	if e.msg.Attempt++; e.msg.Attempt > 1 {
		m.retries++
	}
	m.timer.By(now, now+longRun)
	if len(w.jobs)+len(w.stopping) < w.slots {
		m.runs(now, e)
	} else {
		e.ahead = true
		w.ahead.Push(e)
	}
	m.starts++
	f.served = m.starts
	w.jobs[e.msg.Job], w.alone = e, false
	w.give(now, e)
	if e.msg.Attempt > 1 {
		m.reportAttempt(now, e)
	}
}

// reportAttempt tells who answers for a job that it has been started more often
// than once, so that nobody who must give it out again counts from 0.
func (m *Machine) reportAttempt(now role.Time, e *entry) {
	for _, r := range e.routes {
		link := r.broker.Link()
		if link == nil || link != r.link {
			continue
		}
		n := &wire.Message{Header: wire.Header{
			Type: wire.TypeAttempt, Flags: e.msg.Flags & wire.FlagAlone, Job: e.msg.Job, Assignment: r.assignment,
			Attempt: e.msg.Attempt, AttemptLimit: e.msg.AttemptLimit,
		}}
		n.SetBody(nil)
		link.Send(now, n)
	}
}

// keepWorker gives nothing more to the worker that will soonest be empty.
func (m *Machine) keepWorker(f *function) {
	if f.kept != nil && f.kept.gone == 0 && !f.kept.draining && !f.kept.drainAsked && !f.kept.quiet {
		return
	}
	m.release(f)
	var best *worker
	for _, w := range m.workers {
		if !w.crew.serves[f.name] || !w.welcomed || w.alone && !w.empty() || w.kept || w.draining || w.drainAsked || w.cut || w.quiet {
			continue
		}
		if best == nil || len(w.jobs) < len(best.jobs) || len(w.jobs) == len(best.jobs) && w.id < best.id {
			best = w
		}
	}
	if f.kept = best; best != nil {
		best.kept = true
	}
}

// release lets the kept worker be given jobs again.
func (m *Machine) release(f *function) {
	if w := f.kept; w != nil {
		f.kept, w.kept = nil, false
		m.lineUp(w)
	}
}

func (m *Machine) giveUp(now role.Time, e *entry) {
	m.cfg.Log.Warn("job given up", "job", e.msg.Job, "function", e.msg.Meta.Function, "attempts", e.msg.Attempt)
	m.event(now, wire.LevelWarn, "job-given-up", "", e.msg.Job.String(),
		fmt.Sprintf("a job of %s is given up: it was lost alone with its worker as often as --attempts allows (%s in all)",
			e.msg.Meta.Function, wire.Plural(int(e.msg.Attempt), "run")))
	m.fail(now, e, wire.CodeWorkersLost, "", fmt.Sprintf(
		"it was lost alone with its worker as often as --attempts allows, after %s in all; the function may crash its worker",
		wire.Plural(int(e.msg.Attempt), "run")))
}
