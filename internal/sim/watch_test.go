package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// A violation is a promise that was broken.
type violation struct {
	at   time.Duration
	call *call // nil if it is of none
	what string
}

// watched is what is remembered of a system to judge it.
type watched struct {
	violations []violation
	runs       map[wire.JobID][]*run
	current    map[*Node]map[wire.JobID]*run
	heard      map[string]time.Duration    // "queue worker": when what the queue last took up of the worker's had come
	takes      map[wire.Incarnation]uint64 // the last number of each queue's asking
	lapsed     map[string]time.Duration    // likewise: when it last did so after a silence as long as a lease
	given      map[wire.JobID][]giving
	moves      map[wire.JobID]wire.Header   // what a queue has last asked a broker to move
	latest     map[*Node]word               // foreign workers: the last one that they have taken up
	ordered    map[*Node]bool               // workers that an operator has told to die
	stops      map[*Node][][2]time.Duration // when processes were stopped, and went on
	asked      map[string][]asked           // by queue and function: handovers it has asked for
	early      map[string][]time.Duration   // likewise: when jobs came that none of these had asked for
	died       map[wire.Incarnation]death   // queues
	holding    map[*Node]*holding
}

// run is one run of a job.
type run struct {
	worker  *Node
	queue   wire.Incarnation // whose worker it is; 0: not known, of a foreign worker
	conn    *conn            // between the two, of a foreign worker
	at      time.Duration
	attempt uint8
	foreign bool // its worker is not told the attempt, nor that it must be alone
	alone   bool // it must be alone at its worker
	ended   bool
	lost    bool // its worker died in it

	unwanted bool // the queue was told that nobody waits for it, and cannot tell the foreign worker that runs it
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

// word is a message from a queue, or from a broker.
type word struct {
	queue wire.Incarnation // 0: it has died
	at    time.Duration    // when it came
}

// asked is a queue's asking others for waiting jobs, and how many have not come.
type asked struct {
	at   time.Duration
	jobs int
}

// death is when a process was started, and when it died.
type death struct{ born, at time.Duration }

func (t *tormented) broken(c *call, format string, args ...any) {
	v := violation{t.Now(), c, fmt.Sprintf(format, args...)}
	t.Note("BROKEN: %s", v.what)
	if len(t.watched.violations) < 20 {
		t.watched.violations = append(t.watched.violations, v)
	}
}

// watch takes note of everything that arrives, of every run, and of who dies.
func (t *tormented) watch() {
	t.watched = watched{
		runs: make(map[wire.JobID][]*run), current: make(map[*Node]map[wire.JobID]*run),
		heard: make(map[string]time.Duration), lapsed: make(map[string]time.Duration), takes: make(map[wire.Incarnation]uint64), given: make(map[wire.JobID][]giving),
		moves: make(map[wire.JobID]wire.Header), latest: make(map[*Node]word), ordered: make(map[*Node]bool), stops: make(map[*Node][][2]time.Duration),
		asked: make(map[string][]asked), early: make(map[string][]time.Duration), died: make(map[wire.Incarnation]death),
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

// fromBroker takes note of what a queue hears of a job.
func (t *tormented) fromBroker(to *Node, p role.Packet) {
	kind := wire.Type(p.Frames[1][3])
	if kind != wire.TypeJob && kind != wire.TypeCancel {
		return
	}
	m, err := wire.Decode(p.Frames[1:])
	switch {
	case err != nil:
	case kind == wire.TypeJob:
		t.handedOver(to.Name+" "+m.Meta.Function, m)
		t.isGiven(to, m)
	case slices.ContainsFunc(t.watched.given[m.Job], func(g giving) bool {
		return g.to == to.Incarnation && g.owner == m.Sender && g.assignment == m.Assignment
	}):
		for _, r := range t.watched.runs[m.Job] {
			r.unwanted = r.unwanted || r.foreign && r.queue == to.Incarnation
		}
	}
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
		if len(p.Frames) == 3 && len(p.Frames[1]) > 3 {
			t.fromBroker(to, p)
		}
	case strings.HasPrefix(to.Name, "broker"):
		t.countHeld(to)
		if len(p.Frames) == 2 && len(p.Frames[0]) > 3 && wire.Type(p.Frames[0][3]) == wire.TypeMove {
			if m, err := wire.Decode(p.Frames); err == nil {
				t.watched.moves[m.Job] = m.Header
			}
		}
	case foreign(to.Name):
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
	if c := t.byID[m.Job]; c != nil {
		t.checkLeft(c, g, m)
	}
}

// handedOver notes that a job has come that was asked for, perhaps by a question
// that is still under way: its queue counts it for whatever it has asked for.
func (t *tormented) handedOver(way string, m *wire.Message) {
	if m.Moves == 0 {
		return
	}
	for i, a := range t.watched.asked[way] {
		if a.jobs > 0 {
			t.watched.asked[way][i].jobs--
			return
		}
	}
	t.watched.early[way] = append(t.watched.early[way], t.Now())
}

// cameEarly takes up to so many jobs that came while a question was under way.
func (t *tormented) cameEarly(way string, most int) int {
	early := slices.DeleteFunc(t.watched.early[way], func(at time.Duration) bool { return t.Now() > at+t.underWay() })
	n := min(len(early), most)
	t.watched.early[way] = early[n:]
	return n
}

func (t *tormented) startWatched(n *Node, s worker.Start) {
	c := t.byID[s.Job.Job]
	if c == nil {
		t.broken(nil, "%s runs a job that nobody asked for", n.Name)
		return
	}
	r := &run{worker: n, queue: s.Job.Sender, at: t.Now(), attempt: s.Job.Attempt, alone: s.Job.Flags&wire.FlagAlone != 0}
	if foreign(n.Name) {
		r.queue, r.foreign = t.watched.latest[n].queue, true
		link := linkREQQueue
		if strings.HasPrefix(n.Name, "mdp") {
			link = linkMDP
		}
		for _, conn := range n.socket(link, "peer").conns {
			if conn.bound.node.Incarnation == r.queue {
				r.conn = conn
			}
		}
	}
	before := t.watched.runs[c.ID]
	t.watched.runs[c.ID] = append(before, r)
	if t.watched.current[n] == nil {
		t.watched.current[n] = make(map[wire.JobID]*run)
	}
	t.watched.current[n][c.ID] = r
	t.checkRun(c, r, s)
	for _, o := range before {
		t.checkAgain(c, o, r)
	}
}

func (t *tormented) endWatched(n *Node, id wire.JobID) {
	if r := t.watched.current[n][id]; r != nil {
		r.ended = true
		delete(t.watched.current[n], id)
	}
}

// process is the living process of an incarnation; empty if there is none.
func (t *tormented) process(inc wire.Incarnation) string {
	for _, n := range t.nodes {
		if n.Incarnation == inc {
			return n.Name
		}
	}
	return ""
}
