package broker

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// entry is a job that this broker answers for, from its acceptance until its
// result is on the way to the frontend.
type entry struct {
	msg      *wire.Message // as it came; Attempt, Moves and Assignment are kept current
	frontend *frontend
	credit   *job.Link // the link whose credit the job uses
	size     uint64
	accepted role.Time // by the first broker that had it
	deadline role.Time
	resent   bool  // some queue has had it before
	state    uint8 // see jobStates

	search *search            // queues are asked whether they have it; nil if not
	holder *queue             // nil: no queue had room
	place  *job.Place[*entry] // in unrouted, then
	sent   *wire.Message      // what the holder's link carries
}

// accept takes custody of a job.
func (m *Machine) accept(now role.Time, f *frontend, msg *wire.Message) {
	if e := m.jobs[msg.Job]; e != nil {
		if e.msg.Origin != msg.Origin {
			f.Link().Settle(msg.Size()) // another frontend's job, whatever this one means by it
			return
		}
		// The frontend lost sight of us and sent it again by a new link.
		m.leaveFrontend(e)
		e.frontend, e.credit = f, f.Link()
		f.jobs[msg.Job] = e
		return
	}
	if msg.Flags&wire.FlagResent != 0 && f.awaits(msg.Job) {
		f.Link().Settle(msg.Size())
		return
	}
	e := &entry{
		msg: msg, frontend: f, credit: f.Link(), size: msg.Size(), accepted: now - role.Time(msg.Waited)*1e6, deadline: now + ttl(msg),
		resent: msg.Flags&wire.FlagResent != 0,
	}
	msg.Owner = m.me
	m.jobs[msg.Job] = e
	f.jobs[msg.Job] = e
	m.accepted++
	switch {
	case !e.resent:
		m.placeOrShelve(now, e)
	case !m.seek(now, e):
		m.notFound(now, e, false)
	}
}

// shelve keeps a job until some queue has room.
func (m *Machine) shelve(e *entry) {
	m.paths.jobs.Step(&e.state, unrouted)
	e.place = m.unrouted.Push(e.msg.Meta.Function, e)
}

func (m *Machine) unshelve(e *entry) {
	if e.place != nil {
		m.unrouted.Remove(e.place)
		e.place = nil
	}
}

// placeOrShelve gives a job to the next queue in turn, behind those of its
// function that wait for room already.
func (m *Machine) placeOrShelve(now role.Time, e *entry) {
	if m.unrouted.Waits(e.msg.Meta.Function) || !m.route(now, e) {
		m.shelve(e)
	}
}

// evenWithin is how many jobs more than the least a queue may hold and still
// have its turn. So queues with more workers get more under load, and one that
// does not answer is given little until it is known to be lost.
const evenWithin = 16

// route gives a job to the next queue in turn that has room and not many more
// jobs than the others; false if none has room.
func (m *Machine) route(now role.Time, e *entry) bool {
	even := func(q *queue) bool { return len(q.jobs) < m.least+evenWithin && q.fits(e) }
	q, ok := m.requests.Next(even)
	if !ok {
		m.least = math.MaxInt - evenWithin
		for _, q := range m.requests.All() {
			if q.fits(e) {
				m.least = min(m.least, len(q.jobs))
			}
		}
		q, ok = m.requests.Next(even)
	}
	if ok {
		m.assign(now, e, q)
	}
	return ok
}

// fits reports whether a queue has room for a job, and its function for one
// more there.
func (q *queue) fits(e *entry) bool {
	return q.Link().Room() && q.shares.Fits(e.msg.Meta.Function, e.size, q.Link().Free())
}

// assign gives a job to q under a new fence, so that whatever else is still
// under way from or to its last holder is known to be old.
func (m *Machine) assign(now role.Time, e *entry, q *queue) {
	m.unshelve(e)
	m.assignments++
	e.msg.Assignment = m.assignments
	out := *e.msg
	out.TTLMillis, out.Waited = left(now, e.deadline), uint32((now - e.accepted).Milliseconds())
	if e.resent {
		out.Flags |= wire.FlagResent
	}
	m.paths.jobs.Step(&e.state, given)
	e.holder, e.sent, e.resent = q, &out, true
	q.jobs[out.Job] = e
	q.shares.Add(out.Meta.Function, e.size)
	q.Link().Send(now, &out)
}

// release takes a job from its holder's books.
func (m *Machine) release(e *entry) {
	if e.holder != nil {
		delete(e.holder.jobs, e.msg.Job)
		e.holder.shares.Remove(e.msg.Meta.Function, e.size)
		m.least = min(m.least, len(e.holder.jobs))
		e.holder, e.sent = nil, nil
	}
}

// routeWaiting gives queues what no queue had room for, the functions in turn.
func (m *Machine) routeWaiting(now role.Time) {
	if m.unrouted.Len() == 0 {
		return
	}
	room := m.room()
	m.unrouted.Serve(func(e *entry) bool {
		if now >= e.deadline {
			m.close(e) // the frontend has answered; a CANCEL that comes finds nothing to do
			return true
		}
		if !room || !m.route(now, e) {
			return false
		}
		room = m.room()
		return true
	})
}

// room reports whether any queue has room for anything: thousands of functions
// may wait, and need not be tried in vain at each.
func (m *Machine) room() bool {
	for _, q := range m.requests.All() {
		if q.Link().Room() {
			return true
		}
	}
	return false
}

// rehomeAll gives the jobs that a lost queue held to other queues. What finds
// no room waits before what waits already, which is younger.
func (m *Machine) rehomeAll(now role.Time, q *queue) {
	jobs := slices.SortedFunc(maps.Values(q.jobs), func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.deadline, b.deadline), a.msg.Job.Compare(b.msg.Job))
	})
	var left []*entry
	for _, e := range jobs {
		m.release(e)
		e.uncounted()
		if !m.route(now, e) {
			left = append(left, e)
		}
	}
	for _, e := range slices.Backward(left) {
		m.paths.jobs.Step(&e.state, unrouted)
		e.place = m.unrouted.PushFront(e.msg.Meta.Function, e)
	}
}

// raise notes what a queue says of the job's attempts.
func (e *entry) raise(msg *wire.Message) {
	e.msg.Attempt = max(e.msg.Attempt, msg.Attempt)
	e.msg.AttemptLimit = max(e.msg.AttemptLimit, msg.AttemptLimit)
	e.msg.Flags |= msg.Flags & wire.FlagAlone
}

// uncounted is for a job that was lost with its queue, or may have been. The
// next run gets a number of its own: a first one is not reported, and of a later
// one the report may have been lost with the queue. What was lost so does not
// count against the limit.
func (e *entry) uncounted() {
	e.msg.Attempt = min(e.msg.Attempt, math.MaxUint8-1) + 1
	e.msg.AttemptLimit = min(e.msg.AttemptLimit, math.MaxUint8-1) + 1
}

// attempted passes on that a job was started again.
func (m *Machine) attempted(now role.Time, msg *wire.Message) {
	e := m.jobs[msg.Job]
	if e == nil {
		return
	}
	e.raise(msg)
	if link := e.frontend.Link(); link != nil {
		n := &wire.Message{Header: wire.Header{
			Type: wire.TypeAttempt, Flags: e.msg.Flags & wire.FlagAlone, Job: msg.Job, Attempt: e.msg.Attempt,
			AttemptLimit: e.msg.AttemptLimit, Origin: e.msg.Origin, OriginSeq: e.msg.OriginSeq,
		}}
		n.SetBody(nil)
		link.Send(now, n)
	}
}

// result passes a job's outcome on and gives up custody: from here the
// frontend's link keeps it until it has arrived.
func (m *Machine) result(now role.Time, q *queue, msg *wire.Message) {
	e := m.jobs[msg.Job]
	if e == nil {
		m.late++ // cancelled, or answered by another run
		return
	}
	if e.holder != nil && e.holder != q {
		m.cancelAt(now, e)
	}
	m.release(e)
	m.close(e)
	m.answered++
	if link := e.frontend.Link(); link != nil {
		msg.Header = wire.Header{
			Type: wire.TypeResult, Job: msg.Job, Code: msg.Code, Attempt: msg.Attempt,
			AttemptLimit: msg.AttemptLimit, Moves: e.msg.Moves, Assignment: e.msg.Assignment,
			Origin: e.msg.Origin, OriginSeq: e.msg.OriginSeq, Owner: m.me,
			BodyLength: msg.BodyLength, BodyChecksum: msg.BodyChecksum,
			FunctionVersion: msg.FunctionVersion, TraceID: msg.TraceID, SpanID: msg.SpanID, TraceFlags: msg.TraceFlags,
		}
		link.Send(now, msg)
	}
}

// move gives a job to the queue that asked its holder for it, or to any other
// if the holder only wants to be rid of it.
func (m *Machine) move(now role.Time, q *queue, msg *wire.Message) {
	reply := &wire.Message{Header: wire.Header{Type: wire.TypeMoved, Job: msg.Job, Assignment: msg.Assignment}}
	reply.SetBody(nil)
	e := m.jobs[msg.Job]
	if e == nil || e.holder != q || e.msg.Assignment != msg.Assignment {
		q.Link().Send(now, reply) // no longer the holder's: it may forget the job
		return
	}
	taker, ok := m.taker(q, e, msg.Meta.Target)
	if !ok {
		reply.Type, reply.Code = wire.TypeRefused, wire.CodeNoQueue
		q.Link().Send(now, reply)
		return
	}
	m.release(e)
	e.raise(msg)
	e.msg.Moves = min(e.msg.Moves, math.MaxUint8-1) + 1
	m.assign(now, e, taker)
	q.Link().Send(now, reply)
}

func (m *Machine) taker(giver *queue, e *entry, target string) (*queue, bool) {
	fits := func(q *queue) bool { return q != giver && q.routable && q.fits(e) }
	if target == "" {
		return m.requests.Next(fits)
	}
	inc, err := wire.ParseIncarnation(target)
	if err != nil {
		return nil, false
	}
	q := m.queues[inc]
	return q, q != nil && fits(q)
}

// cancel drops a job that nobody waits for any more.
func (m *Machine) cancel(now role.Time, f *frontend, msg *wire.Message) {
	if e := m.jobs[msg.Job]; e != nil && e.frontend == f {
		m.drop(now, e)
	}
}

func (m *Machine) drop(now role.Time, e *entry) {
	if e.holder != nil {
		m.cancelAt(now, e)
		m.release(e)
	}
	m.close(e)
}

// cancelAt tells a job's holder to stop. If the job itself has not arrived
// there yet, it never will.
func (m *Machine) cancelAt(now role.Time, e *entry) {
	link := e.holder.Link()
	if link == nil {
		return
	}
	link.Void(e.sent)
	c := &wire.Message{Header: wire.Header{Type: wire.TypeCancel, Job: e.msg.Job, Assignment: e.msg.Assignment}}
	c.SetBody(nil)
	link.Send(now, c)
}

// close removes a job and returns its credit to the frontend.
func (m *Machine) close(e *entry) {
	m.unshelve(e)
	m.endSearch(e)
	m.paths.jobs.Step(&e.state, absent)
	delete(m.jobs, e.msg.Job)
	m.leaveFrontend(e)
}

func (m *Machine) leaveFrontend(e *entry) {
	delete(e.frontend.jobs, e.msg.Job)
	if link := e.frontend.Link(); link == e.credit && link != nil {
		link.Settle(e.size)
	}
}

func ttl(m *wire.Message) role.Time { return role.Time(m.TTLMillis) * 1e6 }

// left is the time to live, in ms, of a job with that deadline.
func left(now, deadline role.Time) uint32 {
	return uint32(max((deadline - now).Milliseconds(), 0))
}
