package sim

import (
	"encoding/binary"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// slack is what is taken for "in time": clocks differ, ticks are 20 ms apart,
// and a message's usual time under way is not counted against anybody.
const slack = 500 * time.Millisecond

// A violation is a promise that was broken.
type violation struct {
	at   time.Duration
	call *call // nil if it is of none
	what string
}

// watched is what is remembered of a run to judge it.
type watched struct {
	violations []violation
	runs       map[wire.JobID][]*run
	current    map[*Node]map[wire.JobID]*run
	heard      map[string]time.Duration    // "queue worker": when what the queue last took up of the worker's had come
	takes      map[wire.Incarnation]uint64 // the last number of each queue's asking
	lapsed     map[string]time.Duration    // likewise: when it last did so after a silence as long as a lease
	given      map[wire.JobID][]giving
	moves      map[wire.JobID]wire.Header   // what a queue has last asked a broker to move
	latest     map[*Node]word               // REQ workers: the last one that they have taken up
	ordered    map[*Node]bool               // workers that an operator has told to die
	stops      map[*Node][][2]time.Duration // when processes were stopped, and went on
	asked      map[string][]asked           // by queue and function: handovers it has asked for
	died       map[wire.Incarnation]death   // queues
	holding    map[*Node]*holding
}

// word is a message from a queue, or from a broker.
type word struct {
	queue wire.Incarnation // 0: it has died
	at    time.Duration    // when it came
}

// run is one run of a job.
type run struct {
	worker  *Node
	queue   wire.Incarnation // whose worker it is; 0: not known, of a REQ worker
	conn    *conn            // between the two, of a REQ worker
	at      time.Duration
	attempt uint8
	req     bool // of a REQ worker, which is not told the attempt, nor that it must be alone
	alone   bool // it must be alone at its worker
	ended   bool
	lost    bool // its worker died in it
}

// giving is a broker's giving a job to a queue, as the queue heard of it.
type giving struct {
	owner      wire.Incarnation
	assignment uint32
	queue      string
	to         wire.Incarnation // of the queue
	at         time.Duration
	moves      uint8
	left       int // runs that may still count, as the broker says
	custody    int // +1 each time that it is given out anew, not because its queue has asked for that
}

// asked is a queue's asking others for waiting jobs, and how many have not come.
type asked struct {
	at   time.Duration
	jobs int
}

func (t *tormented) broken(c *call, format string, args ...any) {
	v := violation{t.Now(), c, fmt.Sprintf(format, args...)}
	t.Note("BROKEN: %s", v.what)
	if len(t.watched.violations) < 20 {
		t.watched.violations = append(t.watched.violations, v)
	}
}

// watch looks at everything that arrives, at every run that starts, and around.
func (t *tormented) watch() {
	t.watched = watched{
		runs: make(map[wire.JobID][]*run), current: make(map[*Node]map[wire.JobID]*run),
		heard: make(map[string]time.Duration), lapsed: make(map[string]time.Duration), takes: make(map[wire.Incarnation]uint64), given: make(map[wire.JobID][]giving),
		moves: make(map[wire.JobID]wire.Header), latest: make(map[*Node]word), ordered: make(map[*Node]bool), stops: make(map[*Node][][2]time.Duration),
		asked: make(map[string][]asked), died: make(map[wire.Incarnation]death),
		holding: make(map[*Node]*holding),
	}
	t.Started, t.Ended = t.startWatched, t.endWatched
	t.Arrived = t.arrived
	t.Died = func(n *Node) {
		if strings.HasPrefix(n.Name, "queue") {
			t.watched.died[n.Incarnation] = death{n.born, t.Now()}
		}
		for _, r := range t.watched.current[n] {
			r.lost = true
		}
		delete(t.watched.current, n)
	}
	t.look()
}

func (t *tormented) arrived(from string, to *Node, p role.Packet, at time.Duration) {
	switch {
	case strings.HasPrefix(to.Name, "queue"):
		t.countHeld(to)
		t.checkReceiver(to, p)
		t.checkAsking(to, p)
		if t.offered[from] != nil {
			way := to.Name + " " + from
			if at-t.watched.heard[way] >= lease-t.underWay()-t.stood(t.node(from), 0) {
				t.watched.lapsed[way] = t.Now()
			}
			t.watched.heard[way] = at
		}
		if len(p.Frames) == 3 && len(p.Frames[1]) > 3 && wire.Type(p.Frames[1][3]) == wire.TypeJob {
			if m, err := wire.Decode(p.Frames[1:]); err == nil {
				t.watched.handedOver(to.Name+" "+m.Meta.Function, m)
				t.isGiven(to, m)
			}
		}
	case strings.HasPrefix(to.Name, "broker"):
		t.countHeld(to)
		if len(p.Frames) == 2 && len(p.Frames[0]) > 3 && wire.Type(p.Frames[0][3]) == wire.TypeMove {
			if m, err := wire.Decode(p.Frames); err == nil {
				t.watched.moves[m.Job] = m.Header
			}
		}
	case strings.HasPrefix(to.Name, "req"):
		w := word{at: at}
		if q := t.node(from); q != nil && q.born <= at {
			w.queue = q.Incarnation
		}
		t.watched.latest[to] = w
	case t.zombies && at == t.Now() && strings.HasPrefix(to.Name, "worker") && len(p.Frames) == 2 && len(p.Frames[0]) > 3 && wire.Type(p.Frames[0][3]) == wire.TypeJob:
		if m, err := wire.Decode(p.Frames); err == nil {
			t.checkZombie(m)
		}
	}
}

// isGiven notes that a queue has taken a job from a broker.
func (t *tormented) isGiven(to *Node, m *wire.Message) {
	g := giving{owner: m.Sender, assignment: m.Assignment, queue: to.Name, to: to.Incarnation, at: t.Now(), moves: m.Moves, left: int(m.AttemptLimit) - int(m.Attempt)}
	if c := t.byID[m.Job]; c != nil && (m.Attempt == 0 && g.left != t.attempts(c.function) || g.left > t.attempts(c.function)+t.losses()*t.Queues) {
		t.broken(c, "%s is told that %d runs may count, of %d in all, after %d losses of queues and brokers", to.Name, g.left, t.attempts(c.function), t.losses())
	}
	var before giving // by the same broker
	for _, o := range t.watched.given[m.Job] {
		if o.owner == g.owner && o.assignment == g.assignment {
			return // repeated
		}
		if g.custody = max(g.custody, o.custody+1); o.owner == g.owner {
			before = o
		}
	}
	if h := t.watched.moves[m.Job]; h.Receiver == m.Sender && h.Attempt == m.Attempt && h.AttemptLimit == m.AttemptLimit && g.moves == before.moves+1 {
		g.custody = before.custody
	}
	t.watched.given[m.Job] = append(t.watched.given[m.Job], g)
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
	list = append(list, asked{t.Now(), take.Count})
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

// handedOver notes that a job which was asked for has come.
func (w *watched) handedOver(way string, m *wire.Message) {
	for i, a := range w.asked[way] {
		if m.Moves > 0 && a.jobs > 0 {
			w.asked[way][i].jobs--
			return
		}
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

// death is when a process was started, and when it died.
type death struct{ born, at time.Duration }

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

// holding is where a broker's or a queue's machine has its jobs.
type holding struct{ jobs, frontends, running reflect.Value }

// lookEvery is how often it is looked at what must hold at any time, also while
// nothing happens.
const lookEvery = 100 * ms

func (t *tormented) look() {
	t.checkViews()
	t.checkBounds()
	t.checkOrphan()
	t.After(lookEvery, t.look)
}

// keptAlone is how long a queue keeps its workers that has lost its last broker.
const keptAlone = 10 * time.Second

// checkOrphan: a queue that no broker can reach sends its workers to others.
func (t *tormented) checkOrphan() {
	q := t.node(t.orphaned.name)
	if q == nil || q.Stopped() || t.Now() < max(t.orphaned.since, q.born)+lease+keptAlone+slack {
		return
	}
	for i := reflect.ValueOf(q.Machine).Elem().FieldByName("workers").MapRange(); i.Next(); {
		if w := i.Value().Elem(); w.FieldByName("welcomed").Bool() {
			t.broken(nil, "%s keeps %s, and has had no broker for %v", q.Name, w.FieldByName("name"), keptAlone)
		}
	}
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

// startWatched checks what must hold whenever a run starts.
func (t *tormented) startWatched(n *Node, s worker.Start) {
	c := t.byID[s.Job.Job]
	if c == nil {
		t.broken(nil, "%s runs a job that nobody asked for", n.Name)
		return
	}
	if string(s.Job.Body) != c.body || s.Job.Meta.Function != c.function {
		t.broken(c, "%s is given %q for %s, want %q for %s", n.Name, s.Job.Body, s.Job.Meta.Function, c.body, c.function)
	}
	r := &run{worker: n, queue: s.Job.Sender, at: t.Now(), attempt: s.Job.Attempt, alone: s.Job.Flags&wire.FlagAlone != 0}
	if strings.HasPrefix(n.Name, "req") {
		r.queue, r.req = t.watched.latest[n].queue, true
		for _, conn := range n.socket(linkREQQueue, "peer").conns {
			if conn.bound.node.Incarnation == r.queue {
				r.conn = conn
			}
		}
	}
	if s.Job.Sender != 0 && t.Now() > c.Asked+c.timeout+slack+t.stood(nil, c.Asked) {
		t.broken(c, "%s starts it %v after its time had run out", n.Name, t.Now()-c.Asked-c.timeout)
	}
	for _, o := range t.watched.runs[c.ID] {
		t.checkLease(c, o, r)
		if t.zombies && !r.req && !o.req && o.queue == r.queue && o.attempt > r.attempt {
			t.broken(c, "%s starts attempt %d, and its queue has given attempt %d to %s meanwhile", n.Name, r.attempt, o.attempt, o.worker.Name)
		}
	}
	t.watched.runs[c.ID] = append(t.watched.runs[c.ID], r)
	for _, o := range t.watched.runs[c.ID][:len(t.watched.runs[c.ID])-1] {
		if t.unique && r.attempt != 0 && o.attempt == r.attempt {
			t.broken(c, "%s and %s both run attempt %d", o.worker.Name, n.Name, r.attempt)
		}
	}
	if first := len(t.watched.runs[c.ID]) == 1; first && t.shared && c.function != "other" && t.Now() > c.Asked+2500*ms {
		t.broken(c, "%s starts it %v after it was asked for, beside a flood of another function", n.Name, t.Now()-c.Asked)
	}
	if t.orderly && c.gone && t.Now() > c.goneAt+100*ms {
		t.broken(c, "%s starts it %v after its client has gone", n.Name, t.Now()-c.goneAt)
	}
	if t.once && len(t.watched.runs[c.ID]) > 1 {
		t.broken(c, "%s runs it again, though nothing was lost that ran it", n.Name)
	}
	current := t.watched.current[n]
	if current == nil {
		current = make(map[wire.JobID]*run)
		t.watched.current[n] = current
	}
	current[c.ID] = r
	slots := t.Slots
	if r.req {
		slots = 1
	}
	if len(current) > slots {
		t.broken(c, "%s runs %d jobs with %d slots", n.Name, len(current), slots)
	}
}

// checkLease: while the worker that a queue has given a job to lives and runs
// it, the queue gives it to no other before it has been silent for 3 s. What
// comes from one whose clock has stood still may have lain somewhere for so long.
// A REQ worker says nothing while it runs: its connection is its lease.
func (t *tormented) checkLease(c *call, before, r *run) {
	if before.queue == 0 || before.queue != r.queue || before.worker == r.worker || before.ended || before.worker.dead || before.worker.left {
		return
	}
	if r.req && t.watched.latest[r.worker].at < before.at || !r.req && !before.req && r.attempt < before.attempt {
		return // given long ago to a worker that was stopped, and went on
	}
	if before.req {
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

// underWay is how long before it came a message may have been sent: what the
// network takes at most, and more where both ends have been slow.
func (t *tormented) underWay() time.Duration {
	if t.harmed[slowDown.kind] > 0 {
		return usual + 2*latest
	}
	return usual
}

// usual is more than what messages take where nobody is slow, to the millisecond
// in which a link counts, and what clocks differ by in a lease.
const usual = 10 * ms

// lease is how long a worker may be silent before its jobs are given to others.
const lease = 3 * time.Second

// process is the living process of an incarnation; empty if there is none.
func (t *tormented) process(inc wire.Incarnation) string {
	for _, n := range t.nodes {
		if n.Incarnation == inc {
			return n.Name
		}
	}
	return ""
}

func (t *tormented) endWatched(n *Node, id wire.JobID) {
	if r := t.watched.current[n][id]; r != nil {
		r.ended = true
		delete(t.watched.current[n], id)
	}
}

// judge waits until all is over and looks at what is left.
func (t *tormented) judge() {
	for t.Now() < t.until { // what ends may bring the next
		t.Run(t.until - t.Now())
	}
	end := t.Now() + answeredWithin
	t.Note("all faults are over")
	t.Until(end-t.Now(), func() bool { return !slices.ContainsFunc(t.calls, t.owed) })
	for _, c := range t.calls {
		if t.owed(c) {
			t.broken(c, "no answer %v after the last fault: asked at %v, %v to live", answeredWithin, c.Asked, c.timeout)
		}
	}
	if t.poison > 0 { // three runs, each of whose losses may take 3 s to notice, alone
		t.Until(time.Minute, func() bool {
			return !slices.ContainsFunc(t.calls, func(c *call) bool { return c.poison && !c.Done() && !c.gone && !c.frontend.dead })
		})
	}
	for _, c := range t.calls {
		t.judgeCall(c)
	}
	t.Run(3500 * ms)
	rest := t.rest()
	for i := 0; i < 6 && len(rest) > 0; i++ { // what kills workers may have done so until now
		t.Run(time.Second)
		rest = t.rest()
	}
	for _, what := range rest {
		t.broken(nil, "%s", what)
	}
	t.serves()
	for _, odd := range strange(t.World) {
		t.broken(nil, "%s", odd)
	}
}

// owed reports whether a client still waits that ought to have its answer.
func (t *tormented) owed(c *call) bool {
	return !c.Done() && !c.gone && !c.poison && !c.frontend.dead
}

func (t *tormented) judgeCall(c *call) {
	switch {
	case len(c.Answers) > 1:
		t.broken(c, "answered %d times", len(c.Answers))
	case len(c.Answers) == 0 || c.Refusal != frontend.Accepted:
		if c.poison && !c.Done() && !c.gone && !c.frontend.dead {
			t.broken(c, "a job that kills its workers is not given up")
		}
		return
	}
	a := c.Answers[0]
	if a.Code == wire.CodeOK && string(a.Body) != c.body {
		t.broken(c, "answered %q, want %q", a.Body, c.body)
	}
	if c.Took > c.timeout+25*ms && !c.paused {
		t.broken(c, "answered after %v, with %v to live", c.Took, c.timeout)
	}
	runs := t.watched.runs[c.ID]
	switch {
	case a.Code == wire.CodeOK && !c.poison:
	case a.Code == wire.CodeExpired && c.timeout < forGood:
	case a.Code == wire.CodeLeaving && c.frontend.dead:
	case a.Code == wire.CodeWorkersLost && c.poison:
	default:
		t.broken(c, "answered %+v after %d runs", a, len(runs))
	}
	t.checkAttempts(c)
}

// checkAttempts: a job whose worker is lost is run again, but no more runs count
// than its attempts. A run counts if its worker died in it. It does not count if
//   - the worker had said goodbye before, or an operator had told it to die;
//   - something else was lost with it: then the next one is alone at its worker,
//     and so are all after that;
//   - it was begun before some broker gave the job out anew, without being asked
//     to by the queue that had it: that one, or another broker, was taken for lost,
//     and what it knew is lost with it, and perhaps the run that goes on. The broker
//     then says how many are left, one more for each loss of each queue at most
//     (isGiven).
func (t *tormented) checkAttempts(c *call) {
	runs, given, limit := t.watched.runs[c.ID], t.watched.given[c.ID], t.attempts(c.function)
	if len(runs) <= limit {
		return
	}
	counts, before := make(map[int]int), make(map[int]*run) // by custody
	for _, r := range runs {
		custody, anew := 0, 0
		there := make(map[wire.Incarnation]giving) // by broker: where it has given it last
		for _, g := range given {
			if g.at > r.at {
				break
			}
			if limit, anew = max(limit, g.left), max(anew, g.custody); g.assignment > there[g.owner].assignment {
				there[g.owner] = g
			}
		}
		for _, g := range there {
			if g.to == r.queue {
				custody = max(custody, g.custody)
			}
		}
		if o := before[custody]; o != nil {
			switch {
			case o.alone && !r.alone && !r.req && r.attempt > o.attempt: // not given before that one, to a worker that stood still
				t.broken(c, "%s is given it beside others, though it must run alone", r.worker.Name)
			case t.Slots > 1 && !o.req && !o.alone && (r.alone || r.req) && t.counts(o):
				counts[custody]-- // something else was lost with it
			}
		}
		before[custody] = r
		if t.counts(r) {
			counts[custody]++
		}
		if n := counts[custody]; n > limit+anew {
			t.broken(c, "%d runs count that have cost it its worker, of %d in all; %d may", n, len(runs), limit+anew)
			return
		}
	}
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

// counts is whether a run counts against its job's attempts, if nothing else was
// lost with it.
func (t *tormented) counts(r *run) bool {
	return r.lost && !r.worker.left && !t.watched.ordered[r.worker]
}

// rest tells what is left of any job anywhere, and who does not know who is there.
func (t *tormented) rest() (wrong []string) {
	note := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	living, queues := make(map[wire.Incarnation]string), 0
	for _, n := range t.nodes {
		if n.Incarnation != 0 {
			living[n.Incarnation] = n.Name
		}
		if strings.HasPrefix(n.Name, "queue") {
			queues++
		}
		for way, count := range held(n) {
			note("%s still has %d in %s", n.Name, count, way)
		}
	}
	for _, n := range t.nodes {
		workers, seen := 0, 0
		for inc, s := range n.seen() {
			workers += s.Workers
			if seen++; living[inc] == "" {
				note("%s takes a queue for alive that is not: %s", n.Name, s.Name)
			}
		}
		if n.views() && (seen != queues || workers != len(t.workers())) {
			note("%s sees %d queues with %d workers, there are %d with %d", n.Name, seen, workers, queues, len(t.workers()))
		}
		if strings.HasPrefix(n.Name, "coordinator") {
			t.judgeCoordinator(n, living, note)
		}
	}
	return wrong
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

// judgeCoordinator checks that a coordinator has a fresh state of everybody who
// publishes one to it, and of nobody else.
func (t *tormented) judgeCoordinator(n *Node, living map[wire.Incarnation]string, note func(string, ...any)) {
	fresh := make(map[wire.Incarnation]bool)
	for i := reflect.ValueOf(n.Machine).Elem().FieldByName("states").MapRange(); i.Next(); {
		kept := i.Value().Elem()
		if n.Clock()-time.Duration(kept.FieldByName("at").Int()) >= lease {
			continue
		}
		var s wire.State
		if err := wire.DecodeJSON(kept.FieldByName("value").Bytes(), &s); err != nil {
			note("%s keeps what is no state: %v", n.Name, err)
		}
		if fresh[s.Incarnation] = true; living[s.Incarnation] == "" {
			note("%s has a fresh state of %s, which is dead", n.Name, s.Name)
		}
	}
	for inc, name := range living {
		if !fresh[inc] && !strings.HasPrefix(name, "worker") && !strings.HasPrefix(name, "coordinator") {
			note("%s has no fresh state of %s", n.Name, name)
		}
	}
}

// serves checks that all is well: requests are answered at once, at every
// frontend so many that each queue gets some.
func (t *tormented) serves() {
	t.Serve = Echo
	for _, n := range slices.Clone(t.nodes) {
		if !strings.HasPrefix(n.Name, "frontend") {
			continue
		}
		for i := range 16 {
			c := t.ask(n, &call{function: "echo", timeout: forGood, body: fmt.Sprint("after all ", i)})
			if !t.Until(time.Second, c.Done) || !c.OK() {
				t.broken(c, "afterwards a request is not answered within a second: refusal %d, %+v", c.Refusal, c.Answers)
			}
		}
	}
	if t.forgets {
		t.checkResults()
	}
}

// checkResults: with each job a queue hears which results of its frontend are
// wanted no more. After all, the last few of each are left.
func (t *tormented) checkResults() {
	for _, n := range t.nodes {
		if !strings.HasPrefix(n.Name, "queue") {
			continue
		}
		kept := reflect.ValueOf(n.Machine).Elem().FieldByName("results").Elem().FieldByName("byID").Len()
		if kept > 12 {
			t.broken(nil, "%s keeps %d results; the last requests were one by one", n.Name, kept)
		}
	}
}

func (t *tormented) workers() (names []string) {
	for name := range t.offered {
		if t.Lives(name) {
			names = append(names, name)
		}
	}
	return names
}
