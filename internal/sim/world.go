package sim

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"time"

	"faasd/internal/role"
)

const (
	// latency is how long a message is under way, unless a World says otherwise.
	latency = 100 * time.Microsecond
	// reconnectEvery is how often a socket without a connection tries again.
	reconnectEvery = 100 * time.Millisecond
	// heartbeatTimeout is the silence of a stopped process after which its
	// connections are given up, as libzmq's heartbeats do.
	heartbeatTimeout = 3 * time.Second
	// tickFloor is the least time between two ticks of a machine, as in internal/bus.
	tickFloor = time.Millisecond
)

// World is a number of processes, the network between them, and the time.
type World struct {
	now    time.Duration
	events events
	order  uint64
	nodes  []*Node            // in the order in which they were started
	all    []*Node            // and those that have ended
	bound  map[string]*socket // by endpoint
	cuts   map[pair]bool
	routes int    // routing ids given out
	told   uint64 // digest of all that was delivered

	// Digested is whether Digest is wanted: it costs some.
	Digested bool

	// Trace, if set, is told of everything that is delivered, and of what Note says.
	Trace func(at time.Duration, line string)

	// Arrived, if set, is told of every message that a process takes up, before
	// the process acts on it, and when it came: a process that was stopped takes
	// it up later.
	Arrived func(from string, to *Node, p role.Packet, at time.Duration)

	// Died, if set, is told of every process that ends.
	Died func(n *Node)

	// Latency, if set, says how long the next message between two processes is
	// under way. What goes the same way by the same connection keeps its order.
	Latency func(from, to string) time.Duration

	// Lose, if set, is asked of every message whether it gets lost. It may look
	// at the frames but must not change them.
	Lose func(from, to string, p role.Packet) bool

	// Repeat, if set, is asked of every message whether it arrives twice. ZeroMQ
	// does not repeat; roles that lie behind a new connection or a second
	// coordinator do. What REQ, and who is Faithful, sends and gets is not repeated.
	Repeat func(from, to string, p role.Packet) bool

	// Speed, if set, says how much faster than the world a process's clock runs,
	// in millionths; negative is slower.
	Speed func(name string) int64

	// Brittle, if set, names endpoints whose connections break when they lose a
	// message, as TCP's do. The others lose it in silence, which is harder on
	// those who use them.
	Brittle func(endpoint string) bool
}

// Digest sums up everything that was delivered so far, in order: two runs with
// the same digest were the same run.
func (w *World) Digest() uint64 { return w.told }

// Note adds a line to the trace.
func (w *World) Note(format string, args ...any) {
	if w.Trace != nil {
		w.Trace(w.now, fmt.Sprintf(format, args...))
	}
}

// latency is how long the next message from one process to another takes.
func (w *World) latency(from, to *Node) time.Duration {
	if w.Latency == nil {
		return latency
	}
	return w.Latency(from.Name, to.Name)
}

func (w *World) digest(to string, p role.Packet) {
	if !w.Digested {
		return
	}
	h := fnv.New64a()
	_ = binary.Write(h, binary.BigEndian, []uint64{w.told, uint64(w.now), uint64(p.Link)})
	_, _ = io.WriteString(h, to+"\x00"+p.Peer)
	for _, f := range p.Frames {
		_ = binary.Write(h, binary.BigEndian, uint64(len(f)))
		_, _ = h.Write(f)
	}
	w.told = h.Sum64()
}

type pair struct{ a, b string }

// NewWorld makes an empty world whose time is 0.
func NewWorld() *World {
	return &World{bound: make(map[string]*socket), cuts: make(map[pair]bool)}
}

// Now returns the time since the world began.
func (w *World) Now() time.Duration { return w.now }

// Run lets d pass.
func (w *World) Run(d time.Duration) {
	end := w.now + d
	for w.step(end) {
	}
	w.now = end
}

// Until lets time pass until ok holds, d at most, and reports whether it does.
func (w *World) Until(d time.Duration, ok func() bool) bool {
	for end := w.now + d; !ok(); {
		if !w.step(end) {
			w.now = end
			return ok()
		}
	}
	return true
}

// After has do done when d has passed.
func (w *World) After(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.events, event{w.now + d, w.order, do})
}

// step does the next thing that happens until end; false if there is none.
func (w *World) step(end time.Duration) bool {
	at, do := end+1, func() {}
	if len(w.events) > 0 {
		at = w.events[0].at
		do = func() { heap.Pop(&w.events).(event).do() }
	}
	for _, n := range w.nodes {
		if n.due < at {
			at, do = n.due, n.tick
		}
	}
	if at > end {
		return false
	}
	w.now = max(w.now, at)
	do()
	return true
}

// Cut has every message between two processes get lost, in both directions,
// until Heal. Their connections stay, but no new one is made.
func (w *World) Cut(a, b string) { w.cuts[pair{a, b}], w.cuts[pair{b, a}] = true, true }

// Heal takes a Cut back.
func (w *World) Heal(a, b string) {
	delete(w.cuts, pair{a, b})
	delete(w.cuts, pair{b, a})
}

// Break ends the connections between two processes. What was under way is
// lost; they connect again by themselves.
func (w *World) Break(a, b string) {
	for _, n := range w.nodes {
		if n.Name == a || n.Name == b {
			n.breakTowards(func(other string) bool { return other == a || other == b })
		}
	}
}

// lost reports whether a message gets lost.
func (w *World) lost(from, to *Node, p role.Packet) bool {
	return w.cuts[pair{from.Name, to.Name}] || w.Lose != nil && w.Lose(from.Name, to.Name, p)
}

// node returns the process of that name, nil if none lives.
func (w *World) node(name string) *Node {
	for _, n := range w.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

type event struct {
	at    time.Duration
	order uint64
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}
