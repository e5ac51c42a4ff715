package queue

import (
	"fmt"
	"strings"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// A REQ worker says one thing and then waits for one answer, so the queue owes
// it exactly one: a job, or a ping within pingEvery. While it is busy its
// socket takes no message; a probe that its REQ socket throws away tells
// whether the connection is still there.
const (
	pingEvery  = time.Second
	pongWithin = 3 * time.Second
)

// probe does not begin as an answer to a REQ must; libzmq's REQ discards it.
var probe = [][]byte{[]byte("PROB"), {}, []byte("x")}

type reqState struct {
	phase uint8     // see reqStates
	since role.Time // when the phase began
	next  role.Time // when the next ping or probe is due
	job   *entry
}

// fromREQ takes a message of a worker behind a REQ socket. Whatever it is, it
// is answered once.
func (m *Machine) fromREQ(now role.Time, p role.Packet) error {
	w := m.foreigner(now, p.Peer, kindREQ)
	t, err := wire.DecodeText(p.Frames[1:])
	if err != nil {
		if w == nil {
			m.textTo(p.Peer, &wire.Text{Command: wire.TextError, Reason: err.Error()})
		} else {
			m.reqSpoiled(now, w, err)
		}
		return err
	}
	if t.Command == wire.TextReady {
		return m.reqReadied(now, w, p.Peer, t)
	}
	if w == nil { // of a queue that ran here before
		m.textTo(p.Peer, &wire.Text{Command: wire.TextRejoin, Reason: "not known here; begin with READY"})
		return nil
	}
	w.heard, w.cut = now, false
	switch {
	case t.Command == wire.TextPong && w.req.phase == reqPinged:
	case (t.Command == wire.TextResult || t.Command == wire.TextFail) && w.req.phase == reqBusy:
		m.reqResult(now, w, t)
	default:
		err := fmt.Errorf("%w: %s out of turn", wire.ErrMalformed, t.Command)
		m.reqSpoiled(now, w, err)
		return err
	}
	m.reqIdle(now, w)
	return nil
}

// reqReadied takes up a worker, or one that begins again.
func (m *Machine) reqReadied(now role.Time, w *worker, route string, t *wire.Text) error {
	if w != nil {
		m.workerGone(now, w, "joined again")
	}
	if err := m.mayJoin(t.Name, t.Functions); err != nil {
		m.textTo(route, &wire.Text{Command: wire.TextError, Reason: err.Error()})
		return err
	}
	w = m.newWorker(now, routeKey(route), t.Name, route, t.Functions, 1)
	m.reqNumber++
	w.id, w.req = fmt.Sprintf("req-%d", m.reqNumber), &reqState{}
	w.give = func(now role.Time, e *entry) {
		m.paths.req.Now(&w.req.phase, reqBusy)
		w.req.since, w.req.next, w.req.job = now, now+pingEvery, e
		m.replyREQ(w, &wire.Text{Command: wire.TextJob, Job: e.msg.Job, Function: e.msg.Meta.Function, Body: e.msg.Body})
	}
	m.reqIdle(now, w)
	if !m.draining {
		m.welcome(now, w)
	}
	return nil
}

// reqIdle makes a worker ready for the next job.
func (m *Machine) reqIdle(now role.Time, w *worker) {
	m.paths.req.Now(&w.req.phase, reqReady)
	w.req.since, w.req.next, w.req.job = now, now+pingEvery, nil
	clear(w.stopping)
	m.timer.By(now, w.req.next)
	switch {
	case w.drainAsked: // the one answer that is owed
		m.replyREQ(w, &wire.Text{Command: wire.TextLeave, Reason: "drained by an operator"})
		m.workerLeft(now, w, "drained by an operator")
	case m.draining:
		m.dismiss(now, w, "queue "+m.name+" stops")
		m.workerLeft(now, w, "sent to another queue")
	case w.welcomed:
		m.serve(now, w)
	}
}

func (m *Machine) reqResult(now role.Time, w *worker, t *wire.Text) {
	e := w.req.job
	if !m.wants(w, e) {
		return
	}
	if t.Job != e.msg.Job {
		m.fail(now, e, wire.CodeFunctionFailed, w.name, fmt.Sprintf("the worker answered with job id %s", t.Job))
		return
	}
	out := &wire.Message{Meta: wire.Meta{ContentType: t.ContentType, Worker: w.name}}
	if t.Command == wire.TextFail {
		out.Code, out.Meta.Reason = wire.CodeFunctionError, t.Reason
		out.Meta.ContentType, t.Body = "text/plain; charset=utf-8", []byte(t.Reason)
	} else if out.Meta.ContentType == "" {
		out.Meta.ContentType = e.msg.Meta.ContentType
	}
	out.SetBody(t.Body)
	m.returned(now, w, e.function, e, 0, out.Code)
	m.finish(now, e, out)
}

// Exceeded takes a message beyond the link's bounds. A REQ worker is answered: it
// waits for one reply to it. A result that is too large is the job's end; it
// would be no smaller at another worker.
func (m *Machine) Exceeded(now role.Time, p role.Packet, excess *role.Excess) {
	if p.Link != LinkWorkers || len(p.Frames) == 0 || len(p.Frames[0]) > 0 {
		return
	}
	m.awake(now)
	m.now = now
	m.doubt(now)
	w := m.workers[routeKey(p.Peer)]
	if w != nil && w.mdp != nil || wire.IsMDP(p.Frames) {
		m.mdpExceeded(now, w, p.Frames, excess)
		return
	}
	if w != nil {
		m.reqTooLarge(now, w, p.Frames, excess)
	}
	m.textTo(p.Peer, &wire.Text{Command: wire.TextError, Reason: excess.Error()})
	if w != nil {
		m.workerGone(now, w, "broke the protocol: "+excess.Error())
	}
}

// reqTooLarge ends the job of a worker if it is its result that was too large.
func (m *Machine) reqTooLarge(now role.Time, w *worker, frames [][]byte, excess *role.Excess) {
	e := w.req.job
	if excess.Of != role.Bytes || w.req.phase != reqBusy || len(frames) < 3 || m.jobs[e.msg.Job] != e || e.worker != w {
		return
	}
	if said := string(frames[1]); said != wire.TextResult && said != wire.TextFail || !strings.EqualFold(string(frames[2]), e.msg.Job.String()) {
		return
	}
	around := int64(len(frames[1]) + len(frames[2]))
	m.fail(now, e, wire.CodeFunctionFailed, w.name, fmt.Sprintf("the function returned %d bytes; at most %d are taken (--max-body of the queue, and 1 MiB)",
		excess.Got-around, excess.Limit-around))
}

// reqSpoiled drops a worker that does not keep to the protocol, and says so.
func (m *Machine) reqSpoiled(now role.Time, w *worker, err error) {
	m.replyREQ(w, &wire.Text{Command: wire.TextRejoin, Reason: err.Error()})
	m.workerGone(now, w, "broke the protocol: "+err.Error())
}

func (m *Machine) replyREQ(w *worker, t *wire.Text) { m.textTo(w.route, t) }

// textTo sends a text message in the envelope that REQ expects.
func (m *Machine) textTo(route string, t *wire.Text) {
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{
		Link: LinkWorkers, Peer: route, Frames: append([][]byte{{}}, t.Frames()...),
	}})
}

// tickREQ pings an idle worker, probes a busy one, and gives up a silent one.
func (m *Machine) tickREQ(now role.Time, w *worker) {
	r := w.req
	if r.phase == reqPinged {
		if now >= r.since+pongWithin {
			m.workerGone(now, w, "no PONG for 3 s")
			return
		}
		r.next = r.since + pongWithin
	} else if now >= r.next {
		r.next = now + pingEvery
		if r.phase == reqReady {
			m.paths.req.Now(&w.req.phase, reqPinged)
			r.since, r.next = now, now+pongWithin
			m.replyREQ(w, &wire.Text{Command: wire.TextPing})
		} else {
			m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkWorkers, Peer: w.route, Frames: probe}})
		}
	}
	m.timer.By(now, r.next)
}
