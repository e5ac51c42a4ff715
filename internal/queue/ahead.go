package queue

import (
	"slices"
	"time"

	"faasd/internal/role"
)

// Runs that are over at once leave a worker idle until the next job has come, and
// have each job wake it. So native workers are given jobs of such functions before
// they have slots for them, while nothing else waits that they serve. A worker that
// does not come to them soon gives them back.
//
// A job that was given ahead waits at its worker, in w.ahead, and neither waits nor
// runs here. As workers run what they have in the order in which it came, the first of
// these runs once one that runs has ended.
const (
	// briefRun is until when runs are brief, on average.
	briefRun = 200 * time.Microsecond
	// aheadMost is how many jobs a worker is given ahead, and aheadTime how long it may
	// take it to run them all.
	aheadMost = 48
	aheadTime = 2 * time.Millisecond
	// aheadPause is for how long a worker that gave jobs back is given none ahead.
	aheadPause = time.Second
)

// lasted notes how long a run of f took by itself, as its worker says; 0 is not
// known. A long one counts for many: functions of which one run in a hundred takes
// long are not brief.
func (f *function) lasted(took time.Duration) {
	switch {
	case took == 0:
	case f.lasts == 0:
		f.lasts = took
	case took > f.lasts:
		f.lasts += (took - f.lasts + 1) / 2
	default:
		f.lasts -= (f.lasts - took) / 64
	}
}

// brief reports whether f's runs are known to be over at once.
func (f *function) brief() bool { return f.lasts != 0 && f.lasts <= briefRun && f.overdue == 0 }

// giveAhead gives a worker whose slots are taken its share of what waits, unless
// something runs there that may take longer.
func (m *Machine) giveAhead(now role.Time, w *worker) {
	if w.link == nil || !w.takes() || now < w.aheadFrom || m.draining || len(w.jobs) > w.brief || len(w.stopping) > 0 {
		return
	}
	f := m.onlyAwaited(w.crew)
	if f == nil || !f.brief() || f.lone.Len() > 0 {
		return
	}
	share := (f.line.Len() + f.workers - 1) / f.workers
	for range min(share, aheadMost-w.ahead.Len(), int(aheadTime/f.lasts)-w.ahead.Len()) {
		e := m.nextToRun(now, f, f.line)
		if e == nil || e.msg.Attempt > 0 { // each start of a later attempt is told to others
			return
		}
		m.start(now, f, e, w)
	}
}

// onlyAwaited is the function whose jobs wait, of those that a crew serves; nil if
// that is none or several.
func (m *Machine) onlyAwaited(c *crew) (only *function) {
	for name, f := range m.awaiting {
		if f.waiting() == 0 || !c.serves[name] {
			continue
		}
		if only != nil {
			return nil
		}
		only = f
	}
	return only
}

// runs notes that a worker runs a job, from now on.
func (m *Machine) runs(now role.Time, e *entry) {
	f := e.function
	e.ahead, e.started = false, now
	f.running++
	m.running++
}

// runsNot takes a job that its worker has no more, or has not any longer, from what
// runs there or waits there; then the next of those that wait there runs.
func (m *Machine) runsNot(now role.Time, w *worker, e *entry) {
	if e.ahead {
		e.ahead = false
		if i := slices.Index(w.ahead.Items(), e); i >= 0 {
			w.ahead.Delete(i)
		}
		return
	}
	e.function.running--
	m.running--
	for w.ahead.Len() > 0 && w.busy()+len(w.stopping) < w.slots {
		next := w.ahead.Items()[0]
		w.ahead.Drop(1)
		m.runs(now, next)
	}
}

// busy is how many of its slots a worker uses for jobs that are wanted.
func (w *worker) busy() int { return len(w.jobs) - w.ahead.Len() }

// gaveBack notes that a worker has given back a job that it was given: it has not
// come to it.
func (w *worker) gaveBack(now role.Time) { w.aheadFrom = now + aheadPause }
