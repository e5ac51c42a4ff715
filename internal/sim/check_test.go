package sim

import (
	"encoding/binary"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// slack is what is taken for "in time": clocks differ, ticks are 20 ms apart,
// and a message's usual time under way is not counted against anybody.
const slack = 500 * time.Millisecond

// lease is how long a worker may be silent before its jobs are given to others.
const lease = 3 * time.Second

// usual is more than what messages take where nobody is slow, to the millisecond
// in which a link counts, and what clocks differ by in a lease.
const usual = 10 * ms

// underWay is how long before it came a message may have been sent: what the
// network takes at most, and more where both ends have been slow.
func (t *tormented) underWay() time.Duration {
	if t.harmed[slowDown.kind] > 0 {
		return usual + 2*latest
	}
	return usual
}

// losses is how often queues or brokers may have been taken for lost so far.
func (t *tormented) losses() (n int) {
	for _, f := range []fault{stop, shut, partition, isolate, lose, slowDown, breakPipe, replace, suspend, stopApart, orphan} {
		n += t.harmed[f.kind]
	}
	for _, o := range t.all {
		if o.dead && (strings.HasPrefix(o.Name, "queue") || strings.HasPrefix(o.Name, "broker")) {
			n++
		}
	}
	return n
}

// checkReceiver: what a broker publishes for one incarnation of a queue reaches
// no other, whatever its name.
func (t *tormented) checkReceiver(to *Node, p role.Packet) {
	if len(p.Frames) != 3 || len(p.Frames[1]) < wire.HeaderSize {
		return
	}
	if receiver := binary.BigEndian.Uint64(p.Frames[1][72:]); receiver != 0 && receiver != uint64(to.Incarnation) {
		t.broken(nil, "%s is sent what is for another incarnation of its name", to.Name)
	}
}

// checkLeft: a broker that gives a job to a queue says that as many of its runs
// may count as its attempts are, and at most one more for each time that a queue
// was taken for lost, at whose waking others may be too.
func (t *tormented) checkLeft(c *call, g giving, m *wire.Message) {
	limit, losses := t.attempts(c.function), t.losses()
	if m.Attempt == 0 && g.left != limit || g.left > limit+losses*t.Queues {
		t.broken(c, "%s is told that %d runs may count, of %d in all, after %d losses of queues and brokers", g.queue, g.left, limit, losses)
	}
}

// checkZombie: a queue starts no job that its broker has given to another
// queue, which it does when it has not heard of the first for 3 s.
func (t *tormented) checkZombie(m *wire.Message) {
	queue := t.process(m.Sender)
	latest := make(map[wire.Incarnation]giving) // what this queue was given, by broker
	for _, g := range t.watched.given[m.Job] {
		if g.queue == queue {
			latest[g.owner] = g
		}
	}
	for _, mine := range latest {
		taken := slices.ContainsFunc(t.watched.given[m.Job], func(g giving) bool {
			return g.owner == mine.owner && g.assignment > mine.assignment && g.queue != queue
		})
		if !taken {
			return
		}
	}
	if len(latest) > 0 {
		t.broken(t.byID[m.Job], "%s starts a job that its broker has given to another queue meanwhile", queue)
	}
}

// askAgain is when a queue may ask again for what has not come: after 250 ms, as
// it has sent the questions, whose times under way differ by some.
const askAgain = 240 * time.Millisecond

// checkAsking: a queue asks others for no more jobs than its workers have slots.
// What does not come, or is said not to be there, it may ask for again.
func (t *tormented) checkAsking(to *Node, p role.Packet) {
	topic := string(p.Frames[0])
	if !t.herd || !strings.HasPrefix(topic, wire.TopicTake) {
		var offer wire.Offer
		if t.herd && strings.HasPrefix(topic, wire.TopicOffer) && wire.DecodeBus(p.Frames, &offer) == nil && offer.Waiting == 0 {
			delete(t.watched.asked, to.Name+" "+offer.Function)
		}
		return
	}
	var take wire.Take
	if wire.DecodeBus(p.Frames, &take) != nil {
		return
	}
	taker := t.process(take.Taker)
	way := taker + " " + take.Function
	if taker == "" || t.watched.takes[take.Taker] >= take.Number {
		return
	}
	t.watched.takes[take.Taker] = take.Number
	list := slices.DeleteFunc(t.watched.asked[way], func(a asked) bool { return a.jobs == 0 || t.Now() > a.at+askAgain })
	list = append(list, asked{t.Now(), take.Count - t.cameEarly(way, take.Count)})
	t.watched.asked[way] = list
	jobs := 0
	for _, a := range list {
		jobs += a.jobs
	}
	workers := reflect.ValueOf(t.Node(taker).Machine).Elem().FieldByName("workers").Len()
	if slots := workers * t.Slots; jobs > slots {
		t.broken(nil, "%s asks others for %d jobs of %s within %v, with %d slots", taker, jobs, take.Function, askAgain, slots)
	}
}

// holding is where a broker's or a queue's machine has its jobs.
type holding struct{ jobs, frontends, running reflect.Value }

// countHeld checks that a broker or a queue holds no more jobs than the windows
// of its peers, and the slots of its workers, allow.
func (t *tormented) countHeld(n *Node) {
	h := t.watched.holding[n]
	if h == nil {
		m := reflect.ValueOf(n.Machine).Elem()
		h = &holding{m.FieldByName("jobs"), m.FieldByName("frontends"), m.FieldByName("running")}
		t.watched.holding[n] = h
	}
	peers, more := t.Brokers, 0
	if h.frontends.IsValid() {
		peers = 2 * h.frontends.Len() // what came by the link before is there until it is claimed
	} else {
		more = int(h.running.Int())
	}
	if held := h.jobs.Len(); uint64(held) > uint64(peers)*t.Window+uint64(more) {
		t.broken(nil, "%s holds %d jobs of %d peers, each of which may have %d there", n.Name, held, peers, t.Window)
	}
}

// besideAFlood is how long a request may wait for a slot that others flood: runs
// of these take 0.2 s, and of its own function as many may be under way.
const besideAFlood = 2500 * ms

// checkRun: a run is of what was asked for, in its time, in a slot, and wanted.
func (t *tormented) checkRun(c *call, r *run, s worker.Start) {
	n, first := r.worker, t.watched.runs[c.ID][0] == r
	if string(s.Job.Body) != c.body || s.Job.Meta.Function != c.function {
		t.broken(c, "%s is given %q for %s, want %q for %s", n.Name, s.Job.Body, s.Job.Meta.Function, c.body, c.function)
	}
	slots := t.Slots
	if r.foreign {
		slots = 1
	}
	if jobs := len(t.watched.current[n]); jobs > slots {
		t.broken(c, "%s runs %d jobs with %d slots", n.Name, jobs, slots)
	}
	if !r.foreign && t.Now() > c.Asked+c.timeout+slack+t.stood(nil, c.Asked) {
		t.broken(c, "%s starts it %v after its time had run out", n.Name, t.Now()-c.Asked-c.timeout)
	}
	if t.shared && first && c.function != "other" && t.Now() > c.Asked+besideAFlood {
		t.broken(c, "%s starts it %v after it was asked for, beside a flood of another function", n.Name, t.Now()-c.Asked)
	}
	if t.orderly && c.gone && t.Now() > c.goneAt+100*ms {
		t.broken(c, "%s starts it %v after its client has gone", n.Name, t.Now()-c.goneAt)
	}
	if t.once && !first {
		t.broken(c, "%s runs it again, though nothing was lost that ran it", n.Name)
	}
}

// checkAgain: a run that comes after another of its job has a number of its own,
// and is later also to its queue.
func (t *tormented) checkAgain(c *call, before, r *run) {
	t.checkLease(c, before, r)
	if r.foreign || before.foreign {
		return
	}
	if t.unique && before.attempt == r.attempt {
		t.broken(c, "%s and %s both run attempt %d", before.worker.Name, r.worker.Name, r.attempt)
	}
	if t.zombies && before.queue == r.queue && before.attempt > r.attempt {
		t.broken(c, "%s starts attempt %d, and its queue has given attempt %d to %s meanwhile", r.worker.Name, r.attempt, before.attempt, before.worker.Name)
	}
}

// checkLease: while the worker that a queue has given a job to lives and runs
// it, the queue gives it to no other before it has been silent for 3 s. What
// comes from one whose clock has stood still may have lain somewhere for so long.
// A foreign worker says nothing while it runs: its connection is its lease.
func (t *tormented) checkLease(c *call, before, r *run) {
	if before.queue == 0 || before.queue != r.queue || before.worker == r.worker || before.ended || before.worker.dead || before.worker.left {
		return
	}
	if r.foreign && t.watched.latest[r.worker].at < before.at {
		return // a foreign worker that was stopped goes on with what it had been given before
	}
	if !r.foreign && (before.foreign || r.attempt <= before.attempt) && t.stood(r.worker, 0) > 0 {
		return // a worker cannot know that it was suspended with its clock
	}
	if before.foreign {
		if before.unwanted {
			return // what came again meanwhile is new to the queue: from a broker that has not heard, or of a frontend that was taken for lost
		}
		if before.conn != nil && !before.conn.closed {
			t.broken(c, "%s is given a job that %s, connected with the same queue all the time, still runs", r.worker.Name, before.worker.Name)
		}
		return
	}
	way := t.process(r.queue) + " " + before.worker.Name
	silent := r.at - t.watched.heard[way]
	if allowed := lease - t.underWay() - t.stood(before.worker, 0); silent < allowed && t.watched.lapsed[way] < before.at {
		t.broken(c, "%s is given a job that %s, heard %v ago by the same queue, still runs", r.worker.Name, before.worker.Name, silent)
	}
}

// lookEvery is how often it is looked at what must hold at any time, also while
// nothing happens.
const lookEvery = 100 * ms

func (t *tormented) look() {
	t.checkViews()
	t.checkBounds()
	t.checkOrphan()
	t.After(lookEvery, t.look)
}

// checkBounds checks what each peer has at each broker and queue, in bytes.
func (t *tormented) checkBounds() {
	for _, n := range t.nodes {
		m := reflect.ValueOf(n.Machine).Elem()
		switch {
		case strings.HasPrefix(n.Name, "broker"):
			for i := m.FieldByName("frontends").MapRange(); i.Next(); {
				t.checkBytes(n, i.Value().Elem().FieldByName("jobs"))
			}
		case strings.HasPrefix(n.Name, "queue"):
			t.checkBytes(n, m.FieldByName("jobs"))
		}
	}
}

func (t *tormented) checkBytes(n *Node, jobs reflect.Value) {
	bytes, largest := uint64(0), uint64(0)
	for i := jobs.MapRange(); i.Next(); {
		size := i.Value().Elem().FieldByName("size").Uint()
		bytes, largest = bytes+size, max(largest, size)
	}
	bound := 2 * t.WindowBytes // what came by the link before is there until it is claimed
	if strings.HasPrefix(n.Name, "queue") {
		bound = t.WindowBytes * uint64(t.Brokers+1) // those that run have no broker any more
	}
	if bytes > max(bound, largest) {
		t.broken(nil, "%s holds %d bytes of one peer's jobs, which may be %d", n.Name, bytes, bound)
	}
}

// checkViews: a queue that is dead counts for nobody as alive for longer than it
// may have been silent. Who was stopped before it had heard that queue for a
// while takes what it then finds for its first words.
func (t *tormented) checkViews() {
	allowed := lease + slack + 2*t.underWay() // two hops
	for _, n := range t.nodes {
		if n.Stopped() {
			continue
		}
		for inc, s := range n.seen() {
			d, dead := t.watched.died[inc]
			since := d.at
			for _, stop := range t.watched.stops[n] {
				if stop[0] < max(n.born, d.born)+2*time.Second {
					since = max(since, stop[1])
				}
			}
			if dead && t.Now() > since+allowed+t.stood(nil, d.at) {
				t.broken(nil, "%s takes %s for alive, %v after its death", n.Name, s.Name, t.Now()-d.at)
			}
		}
	}
}

// views reports whether a process looks who is there.
func (n *Node) views() bool {
	return strings.HasPrefix(n.Name, "frontend") || strings.HasPrefix(n.Name, "queue")
}

// seen are the queues that a process takes for alive.
func (n *Node) seen() iter.Seq2[wire.Incarnation, *wire.State] {
	if !n.views() {
		return func(func(wire.Incarnation, *wire.State) bool) {}
	}
	v := reflect.ValueOf(n.Machine).Elem().FieldByName("bus").Elem().FieldByName("View")
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Interface().(interface {
		Live(now time.Duration, role string) iter.Seq2[wire.Incarnation, *wire.State]
	}).Live(n.Clock(), wire.RoleQueue)
}

// keptAlone is how long a queue keeps its workers that has lost its last broker.
const keptAlone = 10 * time.Second

// checkOrphan: a queue that no broker can reach sends its workers to others, but
// for those that know no other.
func (t *tormented) checkOrphan() {
	q := t.node(t.orphaned.name)
	if q == nil || q.Stopped() || t.Now() < max(t.orphaned.since, q.born)+lease+keptAlone+slack {
		return
	}
	for i := reflect.ValueOf(q.Machine).Elem().FieldByName("workers").MapRange(); i.Next(); {
		if w := i.Value().Elem(); w.FieldByName("welcomed").Bool() && w.FieldByName("mdp").IsNil() {
			t.broken(nil, "%s keeps %s, and has had no broker for %v", q.Name, w.FieldByName("name"), keptAlone)
		}
	}
}
