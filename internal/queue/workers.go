package queue

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// lostShown is how long a worker that was lost is still listed.
const lostShown = 30e9

// maxLost bounds the lost workers that are listed.
const maxLost = 256

// Kinds of worker, by what they speak.
const (
	kindNative = "native"
	kindREQ    = "req"
)

// maxWorkers bounds the workers of one queue.
const maxWorkers = 16 << 10

// workerKey tells workers apart: native ones by incarnation, REQ ones by route.
type workerKey struct {
	native wire.Incarnation
	req    string
}

func compareWorkers(a, b workerKey) int {
	return cmp.Or(cmp.Compare(a.native, b.native), cmp.Compare(a.req, b.req))
}

// worker is one that has joined. Exactly one of link and req is set until it is lost.
type worker struct {
	key        workerKey
	id         string // for operators, unique within the queue
	name       string
	member     wire.Member // native
	route      string      // its present routing id
	functions  []string
	slots      int
	draining   bool      // it has said so itself
	drainAsked bool      // an operator has asked it to drain
	undrainSeq uint64    // number of the message that takes that back; 0: none is on its way
	doomed     role.Time // since when it should be dead, by an operator's command; 0 it need not
	welcomed   bool      // has been counted in
	alone      bool      // the one job that it has must be the only one
	kept       bool      // it is given nothing until it is empty
	cut        bool      // a packet to it found no connection, and nothing has come since
	recheck    bool      // its link is new: its first HELLO says which of its jobs it has
	jobs       map[wire.JobID]*entry
	stopping   map[wire.JobID]bool // not wanted from it and perhaps still running; each holds a slot
	inLine     map[string]bool     // functions in whose idle line it stands
	joined     role.Time
	heard      role.Time
	done       uint64
	gone       role.Time // when it was lost
	reason     string

	link *job.Acceptor // native
	req  *reqState     // REQ
	give func(now role.Time, e *entry)
}

func (w *worker) kind() string {
	if w.req != nil {
		return kindREQ
	}
	return kindNative
}

// free is how many more jobs it can be given now.
func (w *worker) free() int {
	switch {
	case w.gone != 0 || w.draining || w.drainAsked || w.doomed != 0 || w.cut:
		return 0
	case w.req != nil && w.req.phase != reqReady:
		return 0
	case w.link != nil && !w.link.Ready():
		return 0
	case w.alone || w.kept && len(w.jobs)+len(w.stopping) > 0:
		return 0
	}
	return max(w.slots-len(w.jobs)-len(w.stopping), 0)
}

// excuse takes back silence that this process has slept through.
func (w *worker) excuse(slept role.Time) {
	if w.link != nil {
		w.link.Excuse(slept)
	} else {
		w.req.since += slept
	}
}

func (w *worker) serves(f *function) bool {
	return w.free() > 0 && slices.Contains(w.functions, f.name)
}

// fromWorker sorts by what the peer speaks: REQ puts an empty frame in front.
func (m *Machine) fromWorker(now role.Time, p role.Packet) error {
	if len(p.Frames) > 1 && len(p.Frames[0]) == 0 {
		return m.fromREQ(now, p)
	}
	msg, err := wire.Decode(p.Frames)
	if err != nil {
		return err
	}
	w := m.workers[workerKey{native: msg.Sender}]
	if w == nil {
		if msg.Type != wire.TypeHello {
			return nil // of a link that is over; the next HELLO settles it
		}
		if w, err = m.meetWorker(now, p.Peer, msg); err != nil {
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
	if member.Incarnation != hello.Sender || len(m.workers) >= maxWorkers {
		return nil, fmt.Errorf("%w: HELLO of worker %.80q from somebody else, or beyond %d workers", wire.ErrMalformed, member.Name, maxWorkers)
	}
	w := m.newWorker(now, workerKey{native: hello.Sender}, member.Name, route, member.Functions, member.Slots)
	w.member = member
	w.give = func(now role.Time, e *entry) {
		out := *e.msg
		out.TTLMillis = uint32(max((e.deadline - now).Milliseconds(), 1))
		e.sent = &out
		w.link.Link().Send(now, &out)
	}
	w.link = job.NewAcceptor(m.me, hello.Sender, job.Window{Count: 1 << 40, Bytes: 1 << 60}, now, func(frames [][]byte) {
		m.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: LinkWorkers, Peer: w.route, Frames: frames}})
	})
	m.routes[route] = w
	return w, nil
}

func (m *Machine) newWorker(now role.Time, key workerKey, name, route string, functions []string, slots int) *worker {
	w := &worker{
		key: key, id: key.native.String(), name: name, route: route, functions: functions, slots: slots, joined: now, heard: now,
		jobs: make(map[wire.JobID]*entry), inLine: make(map[string]bool),
		stopping: make(map[wire.JobID]bool),
	}
	if key.native == 0 {
		m.reqNumber++
		w.id = fmt.Sprintf("req-%d", m.reqNumber)
	}
	m.workers[key] = w
	for _, fn := range functions {
		m.function(fn).workers++
	}
	return w
}

func (m *Machine) fromNative(now role.Time, w *worker, msg *wire.Message) error {
	w.heard, w.cut = now, false
	switch event := w.link.Receive(now, msg); {
	case event == job.Up:
		w.recheck = true
		clear(w.stopping)
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
			m.workersChanged(now)
		}
		m.compare(now, w, msg)
		m.stays(now, w, msg)
		m.welcome(now, w)
	}
	if w.link.Poll(now) == job.Down {
		m.workerGone(now, w, "silent for 3 s")
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
			m.takeBack(now, e)
		}
		m.serve(now, w)
		m.dismissDrained(now, w)
	default:
		return fmt.Errorf("%w: %s from a worker", wire.ErrMalformed, msg.Type)
	}
	return nil
}

// welcome counts a worker in once it can be given jobs.
func (m *Machine) welcome(now role.Time, w *worker) {
	if w.welcomed {
		m.serve(now, w)
		return
	}
	w.welcomed = true
	if w.key.native != 0 { // one that comes back is lost no more
		m.lost = slices.DeleteFunc(m.lost, func(o *worker) bool { return o.key == w.key })
	}
	m.cfg.Log.Info("worker joined", "worker", w.name, "kind", w.kind(), "functions", w.functions, "slots", w.slots)
	m.event(now, wire.LevelInfo, "worker-joined", w.name, "", fmt.Sprintf("joined %s with %s", m.name, wire.Plural(w.slots, "slot")))
	m.serve(now, w)
	m.workersChanged(now)
}

// serve gives waiting jobs of the worker's functions to whoever is free.
func (m *Machine) serve(now role.Time, w *worker) {
	m.lineUp(w)
	for _, fn := range w.functions {
		m.dispatch(now, m.function(fn))
	}
	m.bus.Changed()
	m.pull(now)
}

// resultArrived takes a worker's result. The first one of a job counts,
// whichever run it comes from.
func (m *Machine) resultArrived(now role.Time, w *worker, msg *wire.Message) {
	delete(w.stopping, msg.Job)
	e := m.jobs[msg.Job]
	if e == nil {
		m.late++ // cancelled, moved, or answered by another run
		m.serve(now, w)
		return
	}
	if e.state == running && e.worker != w {
		m.cancelAt(now, e)
	}
	w.done++
	out := &wire.Message{
		Header: wire.Header{Code: msg.Code, BodyLength: msg.BodyLength, BodyChecksum: msg.BodyChecksum},
		Meta:   wire.Meta{ContentType: msg.Meta.ContentType, Worker: w.name, Reason: msg.Meta.Reason},
		Body:   msg.Body,
	}
	m.finish(now, e, out)
	m.serve(now, w)
}

// cancelAt tells the worker of a running job to stop. Its slot is taken until
// the worker says that it has. A REQ worker cannot be told; its result will be
// dropped.
func (m *Machine) cancelAt(now role.Time, e *entry) {
	w := e.worker
	if w.link == nil || w.link.Link() == nil {
		return
	}
	w.stopping[e.msg.Job] = true
	if e.sent != nil {
		w.link.Link().Void(e.sent)
	}
	c := &wire.Message{Header: wire.Header{Type: wire.TypeCancel, Job: e.msg.Job}}
	c.SetBody(nil)
	w.link.Link().Send(now, c)
}

// compare looks, once for each link, which jobs a worker really has. What it
// should have and has not, it never will, and has not been started; what it has
// and should not holds a slot until it says how that ended.
func (m *Machine) compare(now role.Time, w *worker, hello *wire.Message) {
	if !w.recheck || hello.Receiver != m.me {
		return // one that was sent before the link was known may be older than its results
	}
	w.recheck = false
	var member wire.Member
	if wire.DecodeJSON(hello.Body, &member) != nil {
		return
	}
	m.repeatOrders(now, w, member.Drained)
	for id, e := range role.InOrderFunc(w.jobs, wire.JobID.Compare) {
		if e.sent = nil; !slices.Contains(member.Jobs, id) {
			m.takeBack(now, e)
		}
	}
	for _, id := range member.Jobs {
		if w.jobs[id] == nil {
			w.stopping[id] = true // another queue gave it
		}
	}
}

// takeBack makes a job that a worker was given and has not started runnable
// again. The attempt does not count.
func (m *Machine) takeBack(now role.Time, e *entry) {
	if e.sent != nil && e.worker.link.Link() != nil {
		e.worker.link.Link().Void(e.sent)
	}
	e.msg.Attempt--
	m.requeue(now, e)
}

// Unreachable is told that a packet found no connection. A job in it was not
// started. What becomes of the worker is for the next tick: more packets to it
// may come back first.
func (m *Machine) Unreachable(now role.Time, p role.Packet) {
	w := m.workers[reqKey(p.Peer)]
	if w == nil {
		w = m.routes[p.Peer]
	}
	if w == nil {
		return
	}
	w.cut = true
	if w.doomed != 0 && isKill(p.Frames) {
		w.doomed = 0 // it has not heard; whatever became of it, it was not that
	}
	if id, ok := w.jobIn(p.Frames); ok {
		if e := w.jobs[id]; e != nil {
			m.takeBack(now, e)
		}
	}
	m.dispatchAll(now)
	m.timer.By(now, now)
}

func isKill(frames [][]byte) bool {
	msg, err := wire.Decode(frames)
	return err == nil && msg.Type == wire.TypeKill
}

// jobIn returns the job that a packet to w was to give it.
func (w *worker) jobIn(frames [][]byte) (id wire.JobID, ok bool) {
	if w.link != nil {
		msg, err := wire.Decode(frames)
		if err != nil || msg.Type != wire.TypeJob {
			return id, false
		}
		return msg.Job, true
	}
	if len(frames) < 2 {
		return id, false
	}
	t, err := wire.DecodeText(frames[1:])
	if err != nil || t.Command != wire.TextJob {
		return id, false
	}
	return t.Job, true
}

// dead reports whether a worker whose connection is gone must have died: one
// on this host has. One elsewhere may be cut off and still running, so its jobs
// wait until it is back or its lease ends.
func (m *Machine) dead(w *worker) bool {
	return w.cut && (w.req != nil || w.member.Host == m.cfg.Self.Host && w.member.Host != "")
}

// workerGone gives up a worker that was lost. It is shown as lost for a while.
func (m *Machine) workerGone(now role.Time, w *worker, why string) {
	if m.workers[w.key] != w {
		return
	}
	if !w.welcomed { // it never was one of ours
		m.dropWorker(now, w)
		return
	}
	w.gone, w.reason = now, why
	if m.lost = append(m.lost, w); len(m.lost) > maxLost {
		m.lost = m.lost[1:]
	}
	m.cfg.Log.Warn("worker lost", "worker", w.name, "why", why, "jobs_requeued", len(w.jobs))
	m.event(now, wire.LevelWarn, "worker-lost", w.name, "", fmt.Sprintf("lost (%s); %s given to others", why, wire.Plural(len(w.jobs), "job")))
	m.dropWorker(now, w)
	w.link = nil // it may keep bodies
}

// workerLeft lets a worker go that said goodbye.
func (m *Machine) workerLeft(now role.Time, w *worker, why string) {
	m.cfg.Log.Info("worker left", "worker", w.name, "why", why, "jobs_requeued", len(w.jobs))
	m.event(now, wire.LevelInfo, "worker-left", w.name, "", fmt.Sprintf("left (%s)", why))
	m.dropWorker(now, w)
}

// dropWorker takes a worker out and gives its jobs to others.
func (m *Machine) dropWorker(now role.Time, w *worker) {
	delete(m.workers, w.key)
	if m.routes[w.route] == w {
		delete(m.routes, w.route)
	}
	w.draining = true // no more jobs, whoever still has it in a line
	for _, fn := range w.functions {
		f := m.function(fn)
		f.workers--
		f.idle = slices.DeleteFunc(f.idle, func(o *worker) bool { return o == w })
		if f.kept == w {
			f.kept = nil
		}
	}
	m.requeueAll(now, w)
	for _, fn := range w.functions {
		m.forgetIfIdle(m.function(fn))
	}
	m.workersChanged(now)
}

// requeueAll puts a worker's jobs back in line. Only a run that was lost alone
// counts against a job's limit: one that ended by a command, or in order, was
// not its job's fault. Of jobs that were lost together any may have taken the
// worker along; which one, they show by running alone next.
func (m *Machine) requeueAll(now role.Time, w *worker) {
	lost := slices.SortedFunc(maps.Values(w.jobs), func(a, b *entry) int { return cmp.Compare(a.number, b.number) })
	died, together := w.gone != 0 && w.doomed == 0, len(lost) > 1
	for _, e := range lost {
		m.detach(e)
		if !died || together {
			e.msg.AttemptLimit = min(e.msg.AttemptLimit, math.MaxUint8-1) + 1
		}
		if died && together {
			e.msg.Flags |= wire.FlagAlone
		}
		m.requeue(now, e)
	}
	m.dispatchAll(now)
}

func (m *Machine) dispatchAll(now role.Time) {
	for _, f := range role.InOrder(m.functions) {
		m.dispatch(now, f)
	}
}

// dismiss sends a worker to another queue.
func (m *Machine) dismiss(now role.Time, w *worker, why string) {
	if w.req == nil {
		w.link.Farewell(now, why)
	} else if w.req.phase == reqReady { // at other times no answer is owed
		m.replyREQ(w, &wire.Text{Command: wire.TextRejoin, Reason: why})
	}
}

func (m *Machine) tickWorkers(now role.Time) {
	for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
		if m.dead(w) {
			why := "its connection is gone"
			if w.doomed != 0 {
				why = "killed by an operator"
			}
			m.workerGone(now, w, why)
			continue
		}
		if w.doomed != 0 && m.tickDoomed(now, w) {
			continue
		}
		if w.req != nil {
			m.tickREQ(now, w)
			continue
		}
		if w.link.Poll(now) == job.Down {
			m.workerGone(now, w, "silent for 3 s")
			continue
		}
		m.timer.By(now, w.link.Wake())
	}
	m.lost = slices.DeleteFunc(m.lost, func(w *worker) bool { return now-w.gone >= lostShown })
	if len(m.brokers) > 0 && now-m.lastLink >= orphanedAfter && len(m.workers) > 0 && !m.draining {
		m.lastLink = now // and again in ten seconds for those that come back
		m.cfg.Log.Warn("no broker for 10 s; workers are sent to other queues")
		for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
			m.dismiss(now, w, "queue "+m.name+" has had no broker for 10 s")
			m.workerGone(now, w, "sent to another queue")
		}
	}
}

// liveWorkers counts those that take jobs.
func (m *Machine) liveWorkers() int {
	n := 0
	for _, w := range m.workers {
		if w.welcomed && !w.draining && !w.drainAsked && w.doomed == 0 {
			n++
		}
	}
	return n
}
