package queue

import (
	"container/list"
	"slices"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// entry is a job that this queue holds.
type entry struct {
	msg      *wire.Message // as it came; Attempt is kept current
	function *function     // that it calls
	size     uint64
	state    uint8     // see jobStates
	number   uint64    // its place in line: +1 each job that arrives here
	arrived  role.Time // at its broker, from where it may have waited at other queues
	here     role.Time // since when it is at this queue
	deadline role.Time
	routes   []route  // where the result goes; the last is the latest owner
	only     [1]route // routes, while there is one

	place   *list.Element // waiting: in its function's line
	asked   route         // moving: who was asked
	worker  *worker       // running
	started role.Time     // running: since when
	overdue bool          // running: it has gone on for long
	ahead   bool          // running, but waits at its worker, to which it was given ahead
	long    bool          // running: its function was thought to take long when it was given
	brief   bool          // running: its function's runs were brief, likewise
	sent    *wire.Message // what the worker's link carries; nil for foreign workers
}

// route is a broker that waits for the job's result.
type route struct {
	broker     *broker
	link       *job.Link // whose credit the job uses
	assignment uint32
}

// jobArrived takes a job, or one more broker that waits for it.
func (m *Machine) jobArrived(now role.Time, b *broker, msg *wire.Message) {
	m.results.Closed(msg.Origin, msg.OriginOpen)
	r := route{b, b.Link(), msg.Assignment}
	if old := m.results.Get(msg.Job); old != nil {
		r.settle(msg.Size())
		m.reply(now, r, old)
		return
	}
	if e := m.jobs[msg.Job]; e != nil {
		e.leave(b)
		e.routes = append(e.routes, r)
		if e.place != nil { // it may have to wait in another line now
			f := e.function
			f.lineOf(e).Remove(e.place)
			e.raise(msg)
			e.place = m.insert(f, e)
		} else {
			e.raise(msg)
		}
		m.resume(now, e)
		return
	}
	m.arrivals++
	m.numbers++
	f := m.function(msg.Meta.Function)
	f.jobs++
	e := &entry{msg: msg, function: f, size: msg.Size(), number: m.numbers, arrived: now - role.Time(msg.Waited)*1e6, here: now, deadline: now + role.Time(msg.TTLMillis)*1e6}
	e.only[0] = r
	e.routes = e.only[:]
	m.jobs[msg.Job] = e
	if msg.Moves > 0 {
		m.taken++
		m.take.arrived(msg.Meta.Function)
	}
	if f.arrived++; !f.long() {
		m.shortCame = now
	}
	if first := f.oldest(); first != nil && msg.Moves > 0 && e.arrived < first.arrived {
		e.number = first.number - 1
	}
	m.enqueue(e)
	m.dispatch(now, f)
	m.bus.Changed()
	switch {
	case e.state != waiting || e.place == nil: // a worker has it, its time had run out, or it is held
	case m.draining:
		m.askMove(now, e, "")
	default:
		m.offer(now, f)
	}
}

// finish sends a job's outcome to every broker that waits for it and keeps it.
func (m *Machine) finish(now role.Time, e *entry, out *wire.Message) {
	in := e.msg
	out.Type = wire.TypeResult
	out.Job, out.Attempt, out.AttemptLimit = in.Job, in.Attempt, in.AttemptLimit
	out.Moves = in.Moves
	out.Origin, out.OriginSeq = in.Origin, in.OriginSeq
	out.TraceID, out.SpanID, out.TraceFlags = in.TraceID, in.SpanID, in.TraceFlags
	out.Meta.Function, out.Meta.Queue = in.Meta.Function, m.name
	m.count(now, e, out.Code)
	routes := e.routes
	m.remove(e)
	m.results.Put(out)
	for i, r := range routes {
		if i < len(routes)-1 {
			m.reply(now, r, out)
		} else {
			m.pass(now, r, out)
		}
	}
	m.bus.Changed()
}

// count notes a job that has its result.
func (m *Machine) count(now role.Time, e *entry, code wire.Code) {
	f := e.function
	m.done++
	f.done++
	if code != wire.CodeOK {
		m.failed++
		f.failed++
	}
	m.latencies.add(now, f.name, now-e.arrived)
	m.jobTally.Add(f.name, int(code), now-e.arrived)
}

// reply sends a copy of a result to one broker: every link numbers its own.
func (m *Machine) reply(now role.Time, r route, result *wire.Message) {
	out := *result
	m.pass(now, r, &out)
}

// pass sends a result to one broker. No other link has it; but it may be kept.
func (m *Machine) pass(now role.Time, r route, result *wire.Message) {
	link := r.broker.Link()
	if link == nil {
		return // kept; the job comes again if it is still wanted
	}
	result.Assignment, result.Owner = r.assignment, link.Peer
	link.Send(now, result)
}

// fail finishes a job without a body.
func (m *Machine) fail(now role.Time, e *entry, code wire.Code, worker, reason string) {
	out := &wire.Message{Header: wire.Header{Code: code}, Meta: wire.Meta{Reason: reason, Worker: worker}}
	out.SetBody(nil)
	m.finish(now, e, out)
}

// remove takes a job out and returns its credit.
func (m *Machine) remove(e *entry) {
	m.detach(e)
	m.paths.jobs.Step(&e.state, absent)
	delete(m.jobs, e.msg.Job)
	for _, r := range e.routes {
		r.settle(e.size)
	}
	e.routes = nil
	e.function.jobs--
	m.forgetIfIdle(e.function)
}

// detach takes a job from its worker or out of its line.
func (m *Machine) detach(e *entry) {
	f := e.function
	if e.place != nil {
		f.lineOf(e).Remove(e.place)
		e.place = nil
	}
	if w := e.worker; w != nil {
		delete(w.jobs, e.msg.Job)
		if e.long {
			w.long--
		}
		if e.brief {
			w.brief--
		}
		if e.overdue {
			e.overdue = false
			f.overdue--
		}
		m.runsNot(m.now, w, e)
		e.worker, e.sent = nil, nil
	}
}

// requeue puts a job whose worker has gone, or has given it back, into its line
// where it was.
func (m *Machine) requeue(now role.Time, e *entry) {
	m.detach(e)
	if len(e.routes) == 0 {
		m.remove(e) // its broker is gone too; whoever answers for it sends it again
		return
	}
	m.enqueue(e)
}

// enqueue puts a job that no worker has into its line.
func (m *Machine) enqueue(e *entry) {
	if e.confirmed() {
		m.paths.jobs.Step(&e.state, waiting)
	} else {
		m.paths.jobs.Step(&e.state, held)
	}
	e.place = m.insert(e.function, e)
}

// cancelled drops a job for one broker, and altogether if no other waits. A
// CANCEL of an older assignment is about a copy that is no longer here.
func (m *Machine) cancelled(now role.Time, b *broker, msg *wire.Message) {
	e := m.jobs[msg.Job]
	if e == nil || !e.has(b, msg.Assignment) {
		return
	}
	e.leave(b)
	if len(e.routes) > 0 {
		m.resume(now, e)
		return
	}
	w := e.worker
	if w != nil {
		m.cancelAt(now, e)
	}
	m.remove(e)
	if w != nil {
		m.serve(now, w)
	}
	m.bus.Changed()
}

// resume makes a job runnable here again whose routes have changed: one whose
// move nobody will answer any more, because the route that was asked is gone and
// another is left; or one that was held, and has a broker now that is heard. One
// whose only broker that was heard is gone is held instead.
func (m *Machine) resume(now role.Time, e *entry) {
	if e.state == moving && !e.has(e.asked.broker, e.asked.assignment) || e.state == held && e.confirmed() || e.state == waiting && !e.confirmed() {
		m.requeue(now, e)
		m.dispatch(now, e.function)
	}
}

// raise notes what another says of the job's attempts.
func (e *entry) raise(msg *wire.Message) {
	e.msg.Attempt = max(e.msg.Attempt, msg.Attempt)
	e.msg.AttemptLimit = max(e.msg.AttemptLimit, msg.AttemptLimit)
	e.msg.Flags |= msg.Flags & wire.FlagAlone
}

// alone reports whether the job must run while its worker runs nothing else.
func (e *entry) alone() bool { return e.msg.Flags&wire.FlagAlone != 0 }

// has reports whether a broker waits for the job under that assignment.
func (e *entry) has(b *broker, assignment uint32) bool {
	return slices.ContainsFunc(e.routes, func(r route) bool { return r.broker == b && r.assignment == assignment })
}

// leave takes a broker off the job's routes; false if it was not on them.
func (e *entry) leave(b *broker) bool {
	for i, r := range e.routes {
		if r.broker == b {
			r.settle(e.size)
			e.routes = append(e.routes[:i:i], e.routes[i+1:]...)
			return true
		}
	}
	return false
}

// settle returns the job's credit, unless its link is over.
func (r route) settle(size uint64) {
	if r.broker.Link() == r.link && r.link != nil {
		r.link.Settle(size)
	}
}

// asked tells a broker whether a job is here, waiting, running or finished.
func (m *Machine) asked(now role.Time, b *broker, id wire.JobID) {
	answer := &wire.Message{Header: wire.Header{Type: wire.TypeHave, Job: id}}
	if m.jobs[id] == nil && m.results.Get(id) == nil {
		answer.Code = wire.CodeNoJob
	}
	answer.SetBody(nil)
	b.Link().Send(now, answer)
}
