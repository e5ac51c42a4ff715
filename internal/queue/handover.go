package queue

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Handover is by pull: a queue with free slots asks one that has jobs waiting
// (Take); that one asks each job's broker to give it to the asker (MOVE). The
// broker sends its own copy, so no body crosses the bus and custody never has a
// gap. Who has jobs waiting is known from the states that all queues publish,
// and sooner from an Offer.
const (
	// reservedFor is how long slots are kept for jobs that were asked for.
	reservedFor = 250 * time.Millisecond
	// maxMoves is how often a job changes queues, unless it has waited for settled
	// at the last one: so it does not wander, nor wait where it is not run.
	maxMoves = 3
	settled  = time.Second
	// muchOlder is how much longer a job must have waited elsewhere than any here
	// to be asked for though jobs wait here. Else those given to queues without
	// workers would wait while newer ones are run.
	muchOlder = time.Second
	// firstPause and longestPause are for how long a queue does not ask for jobs of a
	// function after two Takes in a row have brought less than they asked for: double
	// the time after each more, and a quarter of it once a job has come. Else each result at a queue whose worker is free for a moment would be
	// followed by a Take that comes too late.
	firstPause   = time.Millisecond
	longestPause = 64 * time.Millisecond
	// compareEvery is how often the waiting jobs here are compared with others'
	// while none is that much older.
	compareEvery = 100 * time.Millisecond
)

// takeState is what a queue remembers of its asking and of others'.
type takeState struct {
	number   uint64
	reserved map[string]reservation      // by function
	compare  map[string]role.Time        // by function: no comparison before this
	pauses   map[string]pause            // by function
	seen     map[wire.Incarnation]uint64 // the last number of each taker
	asked    map[wire.Incarnation]asked  // what was taken since the giver's last state
	rand     *rand.Rand
}

type reservation struct {
	slots int
	until role.Time
}

// pause is after Takes, or Offers, that brought too little, one after another.
type pause struct {
	until role.Time
	in    time.Duration // how long the next is
}

type asked struct {
	sequence uint64 // of the giver's state that this is counted against
	jobs     map[string]int
}

func (t *takeState) init(me wire.Incarnation) {
	t.reserved = make(map[string]reservation)
	t.compare = make(map[string]role.Time)
	t.pauses = make(map[string]pause)
	t.seen = make(map[wire.Incarnation]uint64)
	t.asked = make(map[wire.Incarnation]asked)
	t.rand = rand.New(rand.NewPCG(uint64(me), 0))
}

// slots is how many are kept for jobs of a function that were asked for.
func (t *takeState) slots(now role.Time, fn string) int {
	r, ok := t.reserved[fn]
	if ok && now >= r.until {
		delete(t.reserved, fn)
		return 0
	}
	return r.slots
}

// lacked notes that a giver had less than it was asked for.
func (t *takeState) lacked(now role.Time, giver wire.Incarnation, fn string) {
	delete(t.reserved, fn)
	if a := t.asked[giver]; a.jobs != nil {
		a.jobs[fn] = math.MaxInt32 // until its next state
	}
	p := t.pauses[fn]
	if p.in > 0 {
		p.until = now + p.in
	}
	p.in = min(max(2*p.in, firstPause), longestPause)
	t.pauses[fn] = p
}

// arrived notes that a job which was perhaps asked for has come.
func (t *takeState) arrived(fn string) {
	if p := t.pauses[fn]; p.in > firstPause {
		t.pauses[fn] = pause{in: p.in / 4}
	} else {
		delete(t.pauses, fn)
	}
	if r, ok := t.reserved[fn]; ok {
		if r.slots--; r.slots <= 0 {
			delete(t.reserved, fn)
		} else {
			t.reserved[fn] = r
		}
	}
}

// pull asks for jobs for every function that has free slots and none waiting, or
// for which jobs have waited much longer elsewhere.
func (m *Machine) pull(now role.Time) {
	if len(m.elsewhere) == 0 || m.draining || !m.linked() {
		return
	}
	for _, name := range m.elsewhere {
		f := m.functions[name]
		if f == nil || f.workers == 0 || f.waiting() > 0 && now < m.take.compare[name] {
			continue
		}
		if m.take.slots(now, name) > 0 {
			m.timer.By(now, m.take.reserved[name].until)
			continue
		}
		if until := m.take.pauses[name].until; now < until {
			m.timer.By(now, until)
			continue
		}
		slots, than := m.free(f), int64(-1)
		if f.waiting() > 0 {
			taken, own := f.ahead()
			if slots = m.slots(f) - taken; own != nil {
				than = (now - own.arrived + muchOlder).Milliseconds()
			}
		}
		giver, n := m.giver(now, name, than)
		if n = min(n, slots); n > 0 {
			m.ask(now, giver, name, n)
		} else if f.waiting() > 0 {
			m.take.compare[name] = now + compareEvery
		}
	}
}

// lookElsewhere looks for which functions more jobs wait at other queues than
// these have free slots for. What a result costs must not grow with the functions
// that are deployed.
func (m *Machine) lookElsewhere(now role.Time) {
	m.elsewhere = m.elsewhere[:0]
	for inc, s := range m.bus.View.Live(now, wire.RoleQueue) {
		if inc == m.me || s.Queue.Waiting == 0 {
			continue
		}
		for name, f := range s.Queue.Functions {
			if f.Waiting > f.Free {
				m.elsewhere = append(m.elsewhere, name)
			}
		}
	}
	slices.Sort(m.elsewhere)
	m.elsewhere = slices.Compact(m.elsewhere)
}

// giver finds the queue whose job for fn has waited longest, longer than that
// many ms, and how many it has beyond what its own free slots will take and what
// was asked for already.
func (m *Machine) giver(now role.Time, fn string, than int64) (inc wire.Incarnation, jobs int) {
	oldest := than
	for other, s := range m.bus.View.Live(now, wire.RoleQueue) {
		st, ok := s.Queue.Functions[fn]
		if !ok || other == m.me || st.Waiting <= st.Free {
			continue
		}
		n := st.Waiting - st.Free
		if a, ok := m.take.asked[other]; ok && a.sequence == s.Sequence {
			n -= a.jobs[fn]
		}
		if n > 0 && (st.Oldest > oldest || st.Oldest == oldest && inc != 0 && m.take.rand.IntN(2) == 0) {
			inc, jobs, oldest = other, n, st.Oldest
		}
	}
	return inc, jobs
}

func (m *Machine) ask(now role.Time, giver wire.Incarnation, fn string, n int) {
	t := &m.take
	t.number++
	t.reserved[fn] = reservation{t.reserved[fn].slots + n, now + reservedFor}
	m.timer.By(now, now+reservedFor)
	a := t.asked[giver]
	if seq := m.bus.View.Get(giver).State.Sequence; a.sequence != seq || a.jobs == nil {
		a = asked{sequence: seq, jobs: make(map[string]int)}
	}
	a.jobs[fn] += n
	t.asked[giver] = a
	m.bus.Send(wire.EncodeBus(wire.TakeTopic(giver), wire.Take{
		Taker: m.me, TakerName: m.name, Number: t.number, Function: fn, Count: n,
	}))
}

// handover takes an Offer or a Take.
func (m *Machine) handover(now role.Time, frames [][]byte) error {
	switch string(frames[0]) {
	case wire.OfferTopic(m.me):
		return m.offered(now, frames)
	case wire.TakeTopic(m.me):
		return m.takeAsked(now, frames)
	}
	return fmt.Errorf("%w: topic %.120q is not this queue's", wire.ErrMalformed, frames[0])
}

// takeAsked answers a Take: the jobs that have waited longest are offered.
func (m *Machine) takeAsked(now role.Time, frames [][]byte) error {
	var t wire.Take
	if err := wire.DecodeBus(frames, &t); err != nil {
		return err
	}
	if err := t.Check(); err != nil {
		return err
	}
	if t.Taker == m.me || t.Number <= m.take.seen[t.Taker] || m.bus.View.Get(t.Taker) == nil {
		return nil // heard already through another coordinator, or from a stranger
	}
	m.take.seen[t.Taker] = t.Number
	var give []*entry
	if f := m.functions[t.Function]; f != nil {
		for el := f.line.Front(); el != nil && len(give) < t.Count; el = el.Next() {
			if e := el.Value.(*entry); e.msg.Moves < maxMoves && e.movable() || m.stuckHere(now, f, e) {
				give = append(give, e)
			}
		}
		for el := f.lone.Front(); el != nil && len(give) < t.Count; el = el.Next() {
			if e := el.Value.(*entry); m.stuckHere(now, f, e) {
				give = append(give, e)
			}
		}
	}
	if len(give) > 0 {
		m.offers.quiet[t.Function] = pause{in: m.offers.quiet[t.Function].in / 4}
	}
	for _, e := range give {
		m.askMove(now, e, t.Taker.String())
	}
	if len(give) < t.Count { // the taker need not reserve slots for the rest
		m.offers.number++
		m.bus.Send(wire.EncodeBus(wire.OfferTopic(t.Taker), wire.Offer{Giver: m.me, Number: m.offers.number, Function: t.Function}))
	}
	return nil
}

// movable reports whether a job can go to another queue. One that two brokers wait
// for would be at two queues then.
func (e *entry) movable() bool { return len(e.routes) == 1 }

// stuckHere reports whether a job may go however often it has moved: there are no
// workers for it here, or it has waited for them too long.
func (m *Machine) stuckHere(now role.Time, f *function, e *entry) bool {
	return e.movable() && (f.workers == 0 || now-e.here >= settled)
}

// askMove asks a waiting job's broker to give it to another queue. The job
// stays here, not to be run, until the broker has answered.
func (m *Machine) askMove(now role.Time, e *entry, target string) {
	r := e.routes[len(e.routes)-1]
	link := r.broker.Link()
	if link == nil || link != r.link {
		return
	}
	m.detach(e)
	m.paths.jobs.Step(&e.state, moving)
	e.asked = r
	msg := &wire.Message{
		Header: wire.Header{
			Type: wire.TypeMove, Flags: e.msg.Flags & wire.FlagAlone, Job: e.msg.Job, Assignment: r.assignment,
			Attempt: e.msg.Attempt, AttemptLimit: e.msg.AttemptLimit,
		},
		Meta: wire.Meta{Target: target},
	}
	msg.SetBody(nil)
	link.Send(now, msg)
}

// jobMoved forgets a job that its broker has given to another queue. Answers
// about an older assignment, which a repaired link may bring late, do not count.
func (m *Machine) jobMoved(now role.Time, b *broker, msg *wire.Message) {
	e := m.jobs[msg.Job]
	if e == nil || e.state != moving || e.asked.broker != b || e.asked.assignment != msg.Assignment {
		return
	}
	m.moved++
	e.leave(b)
	if len(e.routes) > 0 {
		m.resume(now, e) // another broker still wants it from here
	} else {
		m.remove(e)
	}
	m.bus.Changed()
}

// moveRefused makes a job runnable here again.
func (m *Machine) moveRefused(now role.Time, b *broker, msg *wire.Message) {
	e := m.jobs[msg.Job]
	if e == nil || e.state != moving || e.asked.broker != b || e.asked.assignment != msg.Assignment {
		return
	}
	m.requeue(now, e)
	m.dispatch(now, e.function)
}

// moveWaiting offers all waiting jobs to whoever has room.
func (m *Machine) moveWaiting(now role.Time) {
	for _, e := range role.InOrderFunc(m.jobs, wire.JobID.Compare) {
		if e.state == waiting {
			m.askMove(now, e, "")
		}
	}
}

// forgetStrangers drops what is remembered of queues that are gone.
func (m *Machine) forgetStrangers() {
	gone := func(inc wire.Incarnation) bool { return m.bus.View.Get(inc) == nil }
	maps.DeleteFunc(m.take.seen, func(inc wire.Incarnation, _ uint64) bool { return gone(inc) })
	maps.DeleteFunc(m.take.asked, func(inc wire.Incarnation, _ asked) bool { return gone(inc) })
	maps.DeleteFunc(m.offers.seen, func(inc wire.Incarnation, _ uint64) bool { return gone(inc) })
	maps.DeleteFunc(m.offers.quiet, func(fn string, _ pause) bool { return m.functions[fn] == nil })
	maps.DeleteFunc(m.take.compare, func(fn string, _ role.Time) bool { return m.functions[fn] == nil })
	maps.DeleteFunc(m.take.pauses, func(fn string, _ pause) bool { return m.functions[fn] == nil })
	maps.DeleteFunc(m.take.reserved, func(fn string, _ reservation) bool { return m.functions[fn] == nil })
}

func (m *Machine) linked() bool {
	return slices.ContainsFunc(m.brokers, func(b *broker) bool { return b.Link() != (*job.Link)(nil) })
}
