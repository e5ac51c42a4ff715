package queue

import (
	"time"

	"faasd/internal/role"
)

// Runs that are over at once leave a worker idle until the next job has come, and
// have each job wake it. So native workers are given jobs of such functions before
// they have slots for them, while nothing else waits. A worker that does not come to
// them soon gives them back.
const (
	// briefRun is until when runs are brief, on average.
	briefRun = 200 * time.Microsecond
	// aheadMost is how many jobs more than its slots a worker is given.
	aheadMost = 48
	// aheadPause is for how long a worker that gave jobs back is given none ahead.
	aheadPause = time.Second
)

// toldRun notes how long a run of f took by itself, as its worker says; 0 is not known.
func (f *function) toldRun(took time.Duration) {
	if took == 0 {
		return
	}
	if f.run == 0 {
		f.run = took
	}
	f.run = max(f.run+(took-f.run)/8, 1)
}

// brief reports whether f's runs are known to be over at once.
func (f *function) brief() bool { return f.run != 0 && f.run <= briefRun }

// giveAhead gives a worker whose slots are taken its share of what waits, unless
// something runs there that may take longer.
func (m *Machine) giveAhead(now role.Time, w *worker) {
	if w.link == nil || !w.takes() || now < w.aheadFrom || m.draining || len(w.jobs) > w.brief || len(w.stopping) > 0 {
		return
	}
	f := m.onlyAwaited()
	if f == nil || !f.brief() || f.lone.Len() > 0 || !w.crew.serves[f.name] {
		return
	}
	share := (f.line.Len() + f.workers - 1) / f.workers
	for range min(share, w.slots+aheadMost-len(w.jobs)) {
		e := m.nextToRun(now, f, f.line)
		if e == nil {
			return
		}
		m.start(now, f, e, w)
	}
}

// onlyAwaited is the function whose jobs wait, nil if that is none or several.
func (m *Machine) onlyAwaited() (only *function) {
	for _, f := range m.awaiting {
		if f.waiting() == 0 {
			continue
		}
		if only != nil {
			return nil
		}
		only = f
	}
	return only
}

// ahead is how many jobs more than its slots a worker has.
func (w *worker) ahead() int { return max(len(w.jobs)+len(w.stopping)-w.slots, 0) }

// gaveBack notes that a worker has not come to a job that it was given.
func (w *worker) gaveBack(now role.Time) {
	if w.ahead() > 0 {
		w.aheadFrom = now + aheadPause
	}
}
