package worker

import (
	"fmt"
	"math"
	"slices"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// given takes a job. It starts at once if a slot is free, as the queue
// believes; a run that its queue has given up may still hold one.
func (m *Machine) given(now role.Time, msg *wire.Message) {
	if t := m.jobs[msg.Job]; t != nil {
		if t.state == unwanted {
			t.again = msg
		} else { // an earlier attempt still runs here: its result will do
			t.msg.Attempt = msg.Attempt
		}
		return
	}
	m.begin(now, msg)
}

func (m *Machine) begin(now role.Time, msg *wire.Message) {
	t := &task{msg: msg, came: now, deadline: now + role.Time(msg.TTLMillis)*1e6}
	m.jobs[msg.Job] = t
	if err := msg.CheckBody(); err != nil {
		m.outcome(now, t, Outcome{Code: wire.CodeCorrupt, Reason: err.Error()})
		return
	}
	m.paths.tasks.Now(&t.state, lined)
	m.line.Push(t)
	m.fill(now)
	m.returnLate(now)
}

// trusted reports whether jobs may be started: the queue has heard this worker
// lately, and has not given them to others.
func (m *Machine) trusted(now role.Time) bool {
	return m.queue != nil && m.queue.Link() != nil && m.queue.Link().Trusted(now)
}

// runs reports whether a job was started and has not finished.
func (t *task) runs() bool { return t != nil && (t.state == running || t.state == unwanted) }

// fill starts what the slots allow.
func (m *Machine) fill(now role.Time) {
	for m.line.Len() > 0 && m.running < m.cfg.Self.Slots && m.trusted(now) {
		t := m.line.Items()[0]
		m.line.Drop(1)
		if now >= t.deadline {
			m.outcome(now, t, Outcome{Code: wire.CodeExpired, Reason: "its time ran out before the worker could start it"})
			continue
		}
		m.paths.tasks.Now(&t.state, running)
		t.started = now
		m.running++
		m.starts = append(m.starts, Start{Job: t.msg, Timeout: t.deadline - now})
	}
}

// cancelled drops a job that nobody waits for, and asks a running one to stop.
// The queue keeps its slot until it is told that the job is not here any more.
func (m *Machine) cancelled(now role.Time, id wire.JobID) {
	t := m.jobs[id]
	if t.runs() {
		m.paths.tasks.Now(&t.state, unwanted)
		t.again = nil
		m.stops = append(m.stops, id)
		return
	}
	m.giveBack(now, id)
	if t == nil {
		return
	}
	m.paths.tasks.Now(&t.state, absent)
	delete(m.jobs, id)
	if i := slices.Index(m.line.Items(), t); i >= 0 {
		m.line.Delete(i)
	}
}

// Starts returns what is to be run since the last call; it is valid until the next.
func (m *Machine) Starts() []Start {
	s := m.starts
	clear(m.handed)
	m.starts, m.handed = m.handed[:0], s
	return s
}

// Stops returns the jobs whose runs are to be stopped since the last call.
func (m *Machine) Stops() []wire.JobID {
	s := m.stops
	m.stops = nil
	return s
}

// Finished takes the outcome of a run that Starts asked for.
func (m *Machine) Finished(now role.Time, id wire.JobID, o Outcome) {
	t := m.jobs[id]
	if !t.runs() {
		return
	}
	m.running--
	t.ran = now - t.started
	m.runs.Add(t.msg.Meta.Function, int(o.Code), t.ran)
	m.outcome(now, t, o)
	m.fill(now)
}

// outcome sends a job's result, or keeps it for a queue that is out of sight.
func (m *Machine) outcome(now role.Time, t *task, o Outcome) {
	delete(m.jobs, t.msg.Job)
	wanted := t.state != unwanted
	m.paths.tasks.Now(&t.state, absent)
	switch {
	case t.again != nil:
		m.begin(now, t.again)
		return
	case !wanted:
		m.giveBack(now, t.msg.Job)
		return
	case int64(len(o.Body)) > m.cfg.MaxBody:
		o = Outcome{Code: wire.CodeFunctionFailed, Reason: fmt.Sprintf(
			"the function returned %d bytes; at most %d are passed on (--max-body)", len(o.Body), m.cfg.MaxBody)}
	}
	r := &wire.Message{
		Header: wire.Header{Type: wire.TypeResult, Job: t.msg.Job, Attempt: t.msg.Attempt, Code: o.Code, FunctionVersion: o.Version, RanMicros: t.ranMicros()},
		Meta:   wire.Meta{ContentType: o.ContentType, Reason: o.Reason, ErrorType: o.ErrorType, LogTail: o.LogTail},
	}
	r.SetBody(o.Body)
	if m.queue != nil && m.queue.Link() != nil {
		m.queue.Link().Send(now, r)
		return
	}
	m.undelivered = append(m.undelivered, r)
}

// ranMicros is how long the job's run took, as a RESULT tells; 0 if there was none.
func (t *task) ranMicros() uint32 {
	if t.started == 0 {
		return 0
	}
	return uint32(min(max(t.ran.Microseconds(), 1), math.MaxUint32))
}

// aheadFor is how long jobs may wait here for a slot. They were given ahead, because runs
// of their function are over at once, and now one is not; others may have a slot for them.
const aheadFor = 30 * time.Millisecond

// returnLate gives back what has waited for a slot too long.
func (m *Machine) returnLate(now role.Time) {
	if m.line.Len() == 0 || m.running < m.cfg.Self.Slots {
		return
	}
	due := m.line.Items()[0].came + aheadFor
	if !m.trusted(now) {
		due = now + aheadFor // it could not be told
	}
	if now < due {
		m.timer.By(now, due)
		return
	}
	m.returnLine(now)
}

// returnLine gives back all that has not been started.
func (m *Machine) returnLine(now role.Time) {
	for _, t := range m.line.Items() {
		m.giveBack(now, t.msg.Job)
		m.paths.tasks.Now(&t.state, absent)
		delete(m.jobs, t.msg.Job)
	}
	m.line.Drop(m.line.Len())
}

// giveBack tells the queue that a job is not here any more, and has no result.
func (m *Machine) giveBack(now role.Time, id wire.JobID) {
	if m.queue == nil || m.queue.Link() == nil {
		return
	}
	r := &wire.Message{Header: wire.Header{Type: wire.TypeReturn, Job: id}}
	r.SetBody(nil)
	m.queue.Link().Send(now, r)
}
