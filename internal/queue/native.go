package queue

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// fromWorker sorts by what the peer speaks: REQ puts an empty frame in front, and
// so does MDP, which has its name in the second.
func (m *Machine) fromWorker(now role.Time, p role.Packet) error {
	switch {
	case p.Shared: // which only parts of faasd send
	case wire.IsMDP(p.Frames):
		return m.fromMDP(now, p)
	case len(p.Frames) > 1 && len(p.Frames[0]) == 0:
		return m.fromREQ(now, p)
	}
	msg, err := wire.Decode(p.Frames)
	if err != nil {
		return err
	}
	if p.Shared {
		msg.OwnBody()
	}
	w := m.workers[workerKey{native: msg.Sender}]
	if w == nil {
		if msg.Type != wire.TypeHello {
			return nil // of a link that is over; the next HELLO settles it
		}
		if w, err = m.meetWorker(now, p.Peer, msg); err != nil {
			job.Refuse(now, m.me, msg, wire.CodeUnusable, err.Error(), func(frames [][]byte) {
				m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkWorkers, Peer: p.Peer, Frames: frames}})
			})
			return err
		}
	}
	if w.route != p.Peer { // it has connected anew
		delete(m.routes, w.route)
		w.route = p.Peer
		m.routes[w.route] = w
	}
	return m.fromNative(now, w, msg)
}

// meetWorker takes up a native worker that announces itself.
func (m *Machine) meetWorker(now role.Time, route string, hello *wire.Message) (*worker, error) {
	var member wire.Member
	if err := wire.DecodeJSON(hello.Body, &member); err != nil {
		return nil, err
	}
	if err := member.CheckWorker(); err != nil {
		return nil, err
	}
	if member.Incarnation != hello.Sender {
		return nil, fmt.Errorf("%w: HELLO of worker %.80q from somebody else", wire.ErrMalformed, member.Name)
	}
	if err := m.mayJoin(member.Name, member.Functions); err != nil {
		return nil, err
	}
	w := m.newWorker(now, workerKey{native: hello.Sender}, member.Name, route, member.Functions, member.Slots)
	w.member, w.builtIn = member, member.Functions
	w.give = func(now role.Time, e *entry) {
		out := *e.msg
		out.TTLMillis = uint32(max((e.deadline - now).Milliseconds(), 1))
		e.sent = &out
		w.link.Link().Send(now, &out)
	}
	w.link = job.NewAcceptor(m.me, hello.Sender, job.Window{Count: 1 << 40, Bytes: 1 << 60}, now, func(frames [][]byte) {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkWorkers, Peer: w.route, Frames: frames}, Batch: true})
	})
	m.routes[route] = w
	return w, nil
}

func (m *Machine) fromNative(now role.Time, w *worker, msg *wire.Message) error {
	back := w.quiet
	w.heard, w.cut, w.quiet = now, false, false
	switch event := w.link.Receive(now, msg); {
	case event == job.Up:
		w.recheck = maps.Clone(w.jobs)
		clear(w.stopping)
		w.telling = nil // by the link before
		m.tellCatalogue(now, w)
	case event == job.Down:
		m.workerLeft(now, w, msg.Meta.Reason)
		return nil
	case event == job.Fresh:
		if err := m.fromNativeFresh(now, w, msg); err != nil {
			return err
		}
	case msg.Type == wire.TypeHello && w.link.Ready():
		if drains := msg.Flags&wire.FlagDraining != 0; drains != w.draining {
			w.draining = drains
			m.look(w)
			m.workersChanged(now)
		}
		m.compare(now, w, msg)
		m.stays(now, w, msg)
		m.welcome(now, w)
	}
	if back {
		m.serve(now, w)
	}
	if w.link.Poll(now) == job.Down {
		m.workerGone(now, w, w.link.Why())
		return nil
	}
	m.timer.By(now, w.link.Wake())
	return nil
}

func (m *Machine) fromNativeFresh(now role.Time, w *worker, msg *wire.Message) error {
	switch msg.Type {
	case wire.TypeResult:
		m.resultArrived(now, w, msg)
		m.dismissDrained(now, w)
	case wire.TypeReturn:
		delete(w.stopping, msg.Job)
		if e := w.jobs[msg.Job]; e != nil {
			w.gaveBack(now)
			m.takeBack(now, e)
		}
		m.serve(now, w)
		m.dismissDrained(now, w)
	case wire.TypeLines:
		return m.linesArrived(w, msg)
	case wire.TypeServes:
		return m.served(now, w, msg)
	default:
		return fmt.Errorf("%w: %s from a worker", wire.ErrMalformed, msg.Type)
	}
	return nil
}

// cancelAt tells the worker of a running job to stop. Its slot is taken until
// the worker says that it has. Another's program cannot be told; its result will be
// dropped.
func (m *Machine) cancelAt(now role.Time, e *entry) {
	w := e.worker
	if !w.foreign() && (w.link == nil || w.link.Link() == nil) {
		return
	}
	w.stopping[e.msg.Job] = now
	m.timer.By(now, now+stuckAfter)
	if w.foreign() {
		return
	}
	if e.sent != nil {
		w.link.Link().Void(e.sent)
	}
	c := &wire.Message{Header: wire.Header{Type: wire.TypeCancel, Job: e.msg.Job}}
	c.SetBody(nil)
	w.link.Link().Send(now, c)
}

// compare looks, once for each link, which of the jobs that it was given by the
// link before a worker really has. What it should have and has not, it never will, and has not been started; what it has
// and should not holds a slot until it says how that ended.
func (m *Machine) compare(now role.Time, w *worker, hello *wire.Message) {
	if w.recheck == nil || hello.Receiver != m.me {
		return // one that was sent before the link was known may be older than its results
	}
	given := w.recheck
	w.recheck = nil
	var member wire.Member
	if wire.DecodeJSON(hello.Body, &member) != nil {
		return
	}
	m.repeatOrders(now, w, member.Drained)
	for id, e := range role.InOrderFunc(given, wire.JobID.Compare) {
		if w.jobs[id] != e {
			continue
		}
		if e.sent = nil; !slices.Contains(member.Jobs, id) {
			m.takeBack(now, e)
		}
	}
	for _, id := range member.Jobs {
		if w.jobs[id] == nil {
			w.stopping[id] = now // another queue gave it
		}
	}
}

// takeBack makes a job that a worker was given and has not started runnable
// again. The attempt does not count; but its number, if it was told to brokers,
// is not used again.
func (m *Machine) takeBack(now role.Time, e *entry) {
	if e.sent != nil && e.worker.link.Link() != nil {
		e.worker.link.Link().Void(e.sent)
	}
	if e.msg.Attempt > 1 {
		e.uncounted()
		m.reportAttempt(now, e)
	} else {
		e.msg.Attempt--
	}
	m.requeue(now, e)
}

// uncounted has the present run not count against the job's limit.
func (e *entry) uncounted() {
	e.msg.AttemptLimit = min(e.msg.AttemptLimit, math.MaxUint8-1) + 1
}
