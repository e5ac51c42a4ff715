package queue

import (
	"fmt"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// A worker that speaks MDP/Worker (ZeroMQ's RFC 7) runs one job at a time, and
// heartbeats go both ways. One that is busy need not send any: most are a single
// thread. It is known by its connection, and has no name.
const (
	// heartbeatEvery is what the workers of the ØMQ Guide do, and expect.
	heartbeatEvery = 2500 * time.Millisecond
	// heartbeatWithin is how long an idle worker may be silent; they give a
	// queue as long.
	heartbeatWithin = 3 * heartbeatEvery
)

type mdpState struct {
	phase uint8     // see mdpStates
	since role.Time // the silence, if it has nothing to do
	next  role.Time // when the next HEARTBEAT is due
	job   *entry
}

// fromMDP takes a message of a worker that speaks MDP. RFC 7 has one that is
// invalid dropped, with whoever sent it, and one that is only out of turn
// answered by DISCONNECT.
func (m *Machine) fromMDP(now role.Time, p role.Packet) error {
	w := m.foreigner(now, p.Peer, kindMDP)
	c, err := wire.DecodeMDP(p.Frames)
	switch {
	case err != nil && w != nil:
		m.workerGone(now, w, "broke the protocol: "+err.Error())
		return err
	case err != nil:
		return err
	case w != nil:
		return m.fromKnownMDP(now, w, c)
	case c.Command == wire.MDPReady:
		return m.mdpReadied(now, p.Peer, c.Service)
	case c.Command != wire.MDPDisconnect: // of a worker of the queue that was here before, or that was given up
		m.sayMDP(p.Peer, wire.MDPDisconnect)
	}
	return nil
}

func (m *Machine) fromKnownMDP(now role.Time, w *worker, c *wire.MDP) error {
	w.heard, w.mdp.since = now, now
	switch {
	case c.Command == wire.MDPHeartbeat:
	case c.Command == wire.MDPReply && w.mdp.phase == mdpBusy && c.Client == w.mdp.job.msg.Job.String():
		m.mdpReplied(now, w, c.Body)
		m.mdpIdle(now, w)
	case c.Command == wire.MDPDisconnect && len(w.jobs) > 0: // as if it had died of it
		m.workerGone(now, w, "said DISCONNECT instead of REPLY")
	case c.Command == wire.MDPDisconnect:
		m.workerLeft(now, w, "said DISCONNECT")
	default:
		err := fmt.Errorf("%w: %s out of turn", wire.ErrMalformed, c.Command)
		m.sayMDP(w.route, wire.MDPDisconnect)
		m.workerGone(now, w, "broke the protocol: "+err.Error())
		return err
	}
	return nil
}

// mdpReadied takes up a worker. There is no answer to READY: one that is refused
// hears nothing, and is told to begin anew when it sends its next HEARTBEAT. Were
// it told at once, it would be back at once.
func (m *Machine) mdpReadied(now role.Time, route, service string) error {
	name := fmt.Sprintf("mdp-%d", m.mdpNumber+1)
	if err := m.mayJoin(name, []string{service}); err != nil {
		return err
	}
	m.mdpNumber++
	w := m.newWorker(now, routeKey(route), name, route, []string{service}, 1)
	w.id, w.mdp = name, &mdpState{}
	w.give = func(now role.Time, e *entry) {
		m.paths.mdp.Now(&w.mdp.phase, mdpBusy)
		w.mdp.job, w.mdp.next = e, now+heartbeatEvery
		m.sendMDP(w.route, &wire.MDP{Command: wire.MDPRequest, Client: e.msg.Job.String(), Body: e.msg.Body})
	}
	m.paths.mdp.Now(&w.mdp.phase, mdpReady)
	w.mdp.since, w.mdp.next = now, now+heartbeatEvery
	m.timer.By(now, w.mdp.next)
	m.welcome(now, w)
	return nil
}

// mdpIdle makes a worker that has replied ready for the next job.
func (m *Machine) mdpIdle(now role.Time, w *worker) {
	m.paths.mdp.Now(&w.mdp.phase, mdpReady)
	w.mdp.job = nil
	clear(w.stopping)
	m.timer.By(now, w.mdp.since+heartbeatWithin)
	m.serve(now, w)
}

// mdpReplied ends a worker's job. MDP has no content types: the answer has the
// request's.
func (m *Machine) mdpReplied(now role.Time, w *worker, body []byte) {
	e := w.mdp.job
	if !m.wants(w, e) {
		return
	}
	out := &wire.Message{Meta: wire.Meta{ContentType: e.msg.Meta.ContentType, Worker: w.name}}
	out.SetBody(body)
	m.returned(now, w, e.function, e, 0, wire.CodeOK)
	m.finish(now, e, out)
}

// mdpExceeded takes a message that goes beyond the link's bounds and claims to be
// MDP, or comes from a worker that speaks it. The REPLY to its job ends that with
// the reason; anything else is invalid.
func (m *Machine) mdpExceeded(now role.Time, w *worker, frames [][]byte, excess *role.Excess) {
	if w == nil || w.mdp == nil || w.mdp.phase != mdpBusy {
		m.mdpInvalid(now, w, excess)
		return
	}
	e := w.mdp.job
	envelope, size, ok := wire.MDPReplyTo(frames, e.msg.Job.String())
	if !ok {
		m.mdpInvalid(now, w, excess)
		return
	}
	w.heard, w.mdp.since = now, now
	if m.wants(w, e) {
		reason := fmt.Sprintf("the function returned %d bytes; at most %d are taken (--max-body of the queue, and 1 MiB)", excess.Got-size, excess.Limit-size)
		if excess.Of == role.Frames {
			reason = fmt.Sprintf("the function returned a body of %d frames; at most %d are taken", excess.Got-envelope, excess.Limit-envelope)
		}
		m.returned(now, w, e.function, e, 0, wire.CodeFunctionFailed)
		m.fail(now, e, wire.CodeFunctionFailed, w.name, reason)
	}
	m.mdpIdle(now, w)
}

func (m *Machine) mdpInvalid(now role.Time, w *worker, why error) {
	if w != nil {
		m.workerGone(now, w, "broke the protocol: "+why.Error())
	}
}

// tickMDP sends a worker heartbeats, which come back if its connection is gone,
// and gives up an idle one that sends none.
func (m *Machine) tickMDP(now role.Time, w *worker) {
	if w.mdp.phase == mdpReady {
		if now >= w.mdp.since+heartbeatWithin {
			m.workerGone(now, w, "no HEARTBEAT for 7.5 s")
			return
		}
		m.timer.By(now, w.mdp.since+heartbeatWithin)
	}
	if now >= w.mdp.next {
		w.mdp.next = now + heartbeatEvery
		m.sayMDP(w.route, wire.MDPHeartbeat)
	}
	m.timer.By(now, w.mdp.next)
}

// sayMDP sends a command that is nothing else.
func (m *Machine) sayMDP(route string, c wire.MDPCommand) { m.sendMDP(route, &wire.MDP{Command: c}) }

func (m *Machine) sendMDP(route string, c *wire.MDP) {
	m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkWorkers, Peer: route, Frames: c.Frames()}})
}
