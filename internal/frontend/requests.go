package frontend

import (
	"container/heap"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// request is one that has been accepted and not yet answered.
type request struct {
	msg      wire.Message
	seq      uint64
	state    uint8 // see requestStates
	flow     *flow
	turn     int // in flow.line, counted from the flow's beginning
	deadline role.Time
	given    role.Time // first to a broker; 0 not yet
	accepted role.Time
	answer   func(Answer)
	broker   *broker              // nil: homeless
	place    *job.Place[*request] // homeless: where it waits
	sent     *wire.Message        // what the broker's link carries
	index    int                  // in deadlines
}

// Submit takes a request if a broker has room for it. Then, and only then,
// answer is called, once, in the owner's turn, unless Cancel comes first. The
// number is for Cancel.
func (m *Machine) Submit(now role.Time, q Request, answer func(Answer)) (number uint64, why Refusal) {
	why = m.admit(now, &q)
	if why != Accepted {
		m.refused[why]++
		return 0, why
	}
	m.last++
	r := &request{seq: m.last, accepted: now, deadline: now + q.Timeout, answer: answer}
	r.msg = wire.Message{
		Header: wire.Header{
			Type: wire.TypeJob, Job: q.ID, AttemptLimit: uint8(m.cfg.Attempts(q.Function)), Origin: m.me, OriginSeq: r.seq,
		},
		Meta: wire.Meta{Function: q.Function, ContentType: q.ContentType, Client: q.Client, Request: q.HTTP, Trace: q.Trace},
	}
	if r.msg.FunctionVersion = q.Version; q.Version == 0 && m.deployed[q.Function] != nil {
		r.msg.FunctionVersion = m.deployed[q.Function].Current
	}
	if q.Log {
		r.msg.Flags |= wire.FlagLog
	}
	r.msg.ResultRoom = m.room(q.Function)
	r.msg.SetBody(q.Body)
	switch {
	case !m.homeless.Waits(q.Function) && m.send(now, r): // behind those that wait for room
	case m.renews(now, q.Function, r.msg.Size()):
		m.await(r)
	default:
		m.last--
		if why = Full; m.ring.Len() == 0 {
			why = NoBroker
		}
		m.refused[why]++
		return 0, why
	}
	m.open[r.seq] = r
	m.opened(now, r)
	heap.Push(&m.deadlines, r)
	m.timer.By(now, r.deadline)
	m.accepted++
	return r.seq, Accepted
}

func (m *Machine) admit(now role.Time, q *Request) Refusal {
	if m.draining {
		return Stopping
	}
	if !m.knows(now, q.Function) {
		return m.unknown(now, q.Function)
	}
	if m.overloaded(now, q) {
		return Full
	}
	return Accepted
}

// knows reports whether a function is built in, or some queue has it, or has had
// it a moment ago: all queues may have begun anew.
func (m *Machine) knows(now role.Time, fn string) bool {
	if m.builtIn[fn] {
		return true
	}
	if d := m.deployed[fn]; d != nil {
		return d.Current != 0 && !d.Removed
	}
	f := m.served[fn]
	if m.bus.View.Serves(now, fn) {
		if f == nil {
			f = &function{}
			m.served[fn] = f
		}
		f.last = now
		return true
	}
	return f != nil && (now-f.last < servedFor || m.flows[fn] != nil && m.flows[fn].open > 0)
}

// send gives a request to the next broker in turn where its function has room;
// false if there is none.
func (m *Machine) send(now role.Time, r *request) bool {
	fn, size := r.msg.Meta.Function, r.msg.Size()
	b, ok := m.ring.Next(func(b *broker) bool { return b.Link().Room() && b.shares.Fits(fn, size, b.Link().Free()) })
	if !ok {
		return false
	}
	out := r.msg
	out.OriginOpen = m.oldestOpen(r.seq)
	out.TTLMillis = uint32(max((r.deadline - now).Milliseconds(), 1))
	if r.given == 0 {
		r.given = now
	}
	out.Waited = uint32((now - r.given).Milliseconds())
	r.broker, r.sent = b, &out
	r.msg.Flags |= wire.FlagResent // from now on
	b.held[r.seq] = r
	m.paths.requests.Step(&r.state, given)
	b.shares.Add(fn, size)
	b.Link().Send(now, &out)
	return true
}

// release takes a request from its broker's books.
func (b *broker) release(r *request) {
	delete(b.held, r.seq)
	b.shares.Remove(r.msg.Meta.Function, r.msg.Size())
	r.broker, r.sent = nil, nil
}

// attempted notes that a request's job was started again, for whoever it is
// sent to if its broker is lost.
func (m *Machine) attempted(msg *wire.Message) {
	if r := m.open[msg.OriginSeq]; r != nil && msg.Origin == m.me && r.msg.Job == msg.Job {
		r.msg.Attempt = max(r.msg.Attempt, msg.Attempt)
		r.msg.AttemptLimit = max(r.msg.AttemptLimit, msg.AttemptLimit)
		r.msg.Flags |= msg.Flags & wire.FlagAlone
	}
}

// result closes a request with its answer.
func (m *Machine) result(now role.Time, msg *wire.Message) {
	r := m.open[msg.OriginSeq]
	if r == nil || msg.Origin != m.me || r.msg.Job != msg.Job {
		m.late++ // answered by another run, or its client has gone
		return
	}
	a := Answer{
		Code: msg.Code, ContentType: msg.Meta.ContentType, Body: msg.Body, Reason: msg.Meta.Reason,
		ErrorType: msg.Meta.ErrorType, LogTail: msg.Meta.LogTail, Version: msg.FunctionVersion,
		Queue: msg.Meta.Queue, Worker: msg.Meta.Worker, Attempt: int(msg.Attempt),
	}
	if err := msg.CheckBody(); err != nil {
		a = Answer{Code: wire.CodeCorrupt, Reason: err.Error(), Queue: a.Queue, Worker: a.Worker, Attempt: a.Attempt}
	}
	r.flow.answer(now, r)
	m.close(r)
	m.answered++
	m.count(now, r, a.Code)
	if a.Code != wire.CodeOK {
		m.failed++
	}
	m.returned(r.msg.Meta.Function, len(msg.Body))
	r.answer(a)
}

// Cancel drops a request whose client has gone. Unknown numbers are ignored.
func (m *Machine) Cancel(now role.Time, number uint64) {
	if r := m.open[number]; r != nil {
		m.cancel(now, r)
	}
}

func (m *Machine) cancel(now role.Time, r *request) {
	if b := r.broker; b != nil && b.Link() != nil {
		b.Link().Void(r.sent)
		c := &wire.Message{Header: wire.Header{Type: wire.TypeCancel, Job: r.msg.Job, Origin: m.me, OriginSeq: r.seq}}
		c.SetBody(nil)
		b.Link().Send(now, c)
	}
	m.close(r)
}

func (m *Machine) close(r *request) {
	delete(m.open, r.seq)
	m.paths.requests.Step(&r.state, absent)
	r.flow.closed(r)
	if r.broker != nil {
		r.broker.release(r)
	}
	m.awaitNoMore(r)
	heap.Remove(&m.deadlines, r.index)
}

// oldestOpen is the number below which everything is closed; at most seq.
func (m *Machine) oldestOpen(seq uint64) uint64 {
	for m.oldest < seq && m.open[m.oldest] == nil {
		m.oldest++
	}
	return min(m.oldest, seq)
}
