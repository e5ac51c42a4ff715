package job

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"faasd/internal/wire"
)

// A world joins one initiator and one acceptor by two pipes, in virtual time.
// Everything in it follows from its seed.
type world struct {
	t    *testing.T
	seed uint64
	rand *rand.Rand
	now  time.Duration

	initiator, acceptor *node
	plans               []plan
	letters             []*letter // every numbered message ever sent, by number
}

type plan struct {
	at time.Duration
	do func()
}

// A node is one process: the initiating or the accepting one.
type node struct {
	w      *world
	name   string
	me     wire.Incarnation
	offset time.Duration // its clock reads the world's time plus this
	window Window
	out    *pipe
	due    time.Duration // when it polls next
	halted bool          // stopped by a signal: nothing is read or polled

	initiator *Initiator
	epochs    Epochs
	acceptors map[wire.Incarnation]*Acceptor // nil at the initiator

	log   []Event
	fresh func(*wire.Message) // what the process does with a new message; may be nil
	down  func()              // what it does when a link ends; may be nil

	open map[uint64]*letter // jobs sent that have no result yet
	held map[uint64]*letter // jobs received and not settled
}

// A letter is a numbered message and what has become of it.
type letter struct {
	number   uint64
	from, to wire.Incarnation
	epoch    uint32
	link     *Link // the sender's
	msg      *wire.Message
	size     uint64
	voided   bool
	settled  bool
	arrived  int
	at       time.Duration // when it arrived
}

// A pipe carries messages one way, in order, and loses what it is told to lose.
type pipe struct {
	w      *world
	to     *node
	queue  []parcel
	delay  func() time.Duration
	lose   float64 // of single messages
	double float64 // delivers a message twice
	cut    bool    // loses everything
	count  map[wire.Type]int
}

type parcel struct {
	at     time.Duration
	frames [][]byte
}

// tickGap is how finely roles tick; see role.Timer.
const tickGap = 20 * time.Millisecond

func newWorld(t *testing.T, seed uint64, window Window) *world {
	w := &world{t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 0))}
	// Numbers on clocks mean nothing to others: one process is a day old, one an hour.
	w.initiator = &node{w: w, name: "initiator", me: 0x1111, offset: 24 * time.Hour, window: window}
	w.acceptor = &node{w: w, name: "acceptor", me: 0xaaaa, offset: time.Hour, window: window}
	w.initiator.out, w.acceptor.out = newPipe(w, w.acceptor), newPipe(w, w.initiator)
	for _, n := range []*node{w.initiator, w.acceptor} {
		n.open, n.held = make(map[uint64]*letter), make(map[uint64]*letter)
		n.fresh, n.down = n.work, n.drop
	}
	w.acceptor.acceptors = make(map[wire.Incarnation]*Acceptor)
	w.initiator.begin()
	return w
}

func newPipe(w *world, to *node) *pipe {
	return &pipe{
		w: w, to: to, count: make(map[wire.Type]int),
		delay: func() time.Duration { return time.Millisecond },
	}
}

// linked returns a world in which a link has begun.
func linked(t *testing.T, window Window) *world {
	w := newWorld(t, 1, window)
	w.run(500 * time.Millisecond)
	if !w.joined() {
		t.Fatal("no link after half a second")
	}
	return w
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, %v: %s", w.seed, w.now, fmt.Sprintf(format, args...))
}

// after plans something.
func (w *world) after(d time.Duration, do func()) {
	p := plan{w.now + d, do}
	i, _ := slices.BinarySearchFunc(w.plans, p.at, func(p plan, at time.Duration) int {
		if p.at <= at {
			return -1
		}
		return 1
	})
	w.plans = slices.Insert(w.plans, i, p)
}

// run lets d pass.
func (w *world) run(d time.Duration) {
	end := w.now + d
	for {
		next, do := end, func() {}
		sooner := func(at time.Duration, f func()) {
			if at < next {
				next, do = max(at, w.now), f
			}
		}
		if len(w.plans) > 0 {
			sooner(w.plans[0].at, func() {
				p := w.plans[0]
				w.plans = w.plans[1:]
				p.do()
			})
		}
		for _, n := range []*node{w.initiator, w.acceptor} {
			if n.halted {
				continue
			}
			if p := w.into(n); len(p.queue) > 0 {
				sooner(p.queue[0].at, func() {
					frames := p.queue[0].frames
					p.queue = p.queue[1:]
					n.receive(frames)
				})
			}
			sooner(n.due, n.poll)
		}
		w.now = next
		if do(); next == end {
			return
		}
	}
}

func (w *world) into(n *node) *pipe {
	if n == w.initiator {
		return w.acceptor.out
	}
	return w.initiator.out
}

// joined reports whether both sides have the same link and know it.
func (w *world) joined() bool {
	a, b := w.initiator.link(), w.acceptor.link()
	return a != nil && b != nil && a.Epoch == b.Epoch && a.Peer == b.Me && b.Peer == a.Me
}

func (p *pipe) send(frames [][]byte) {
	m, err := wire.Decode(frames)
	if err != nil {
		p.w.fail("towards %s: %v", p.to.name, err)
	}
	p.count[m.Type]++
	if p.cut || p.w.rand.Float64() < p.lose {
		return
	}
	for range 2 {
		at := p.w.now + p.delay()
		if n := len(p.queue); n > 0 {
			at = max(at, p.queue[n-1].at)
		}
		p.queue = append(p.queue, parcel{at, frames})
		if p.w.rand.Float64() >= p.double {
			return
		}
	}
}

func (n *node) now() time.Duration { return n.w.now + n.offset }

// begin starts the initiating process, anew if it ran before.
func (n *node) begin() {
	n.epochs = 0
	announce := func() []byte { return fmt.Appendf(nil, `{"incarnation":%q}`, n.me) }
	n.initiator = NewInitiator(n.me, &n.epochs, n.window, announce, n.out.send)
	n.due = n.w.now
}

// restart replaces the process by a new one.
func (n *node) restart() {
	n.me++
	if n.acceptors == nil {
		n.begin()
	}
	clear(n.acceptors)
	clear(n.open)
	clear(n.held)
}

// link returns the link that jobs can be given to, nil if there is none.
func (n *node) link() *Link {
	if n.acceptors == nil {
		return n.initiator.Link()
	}
	if a := n.acceptors[n.w.initiator.me]; a != nil && a.Ready() {
		return a.Link()
	}
	return nil
}

// linkTo returns the link with one incarnation of the other process, whether
// it can be given jobs or not.
func (n *node) linkTo(peer wire.Incarnation) *Link {
	if n.acceptors == nil {
		return n.initiator.Link()
	}
	if a := n.acceptors[peer]; a != nil {
		return a.Link()
	}
	return nil
}

func (n *node) receive(frames [][]byte) {
	m, err := wire.Decode(frames)
	if err != nil {
		n.w.fail("%s: %v", n.name, err)
	}
	var e Event
	if n.acceptors == nil {
		e = n.initiator.Receive(n.now(), m)
	} else {
		a := n.acceptors[m.Sender]
		if a == nil {
			if m.Type != wire.TypeHello {
				return
			}
			a = NewAcceptor(n.me, m.Sender, n.window, n.now(), n.out.send)
			n.acceptors[m.Sender] = a
		}
		e = a.Receive(n.now(), m)
	}
	n.note(e, m.Sender)
	if e == Fresh {
		n.deliver(m)
	}
	n.poll()
}

func (n *node) poll() {
	if n.acceptors == nil {
		n.note(n.initiator.Poll(n.now()), 0)
	}
	for peer, a := range n.acceptors {
		n.note(a.Poll(n.now()), peer)
	}
	n.schedule()
}

// schedule plans the next poll.
func (n *node) schedule() {
	wake := time.Duration(1 << 62)
	if n.acceptors == nil {
		wake = n.initiator.Wake()
	}
	for _, a := range n.acceptors {
		wake = min(wake, a.Wake())
	}
	n.due = max(wake-n.offset, n.w.now+tickGap)
}

func (n *node) note(e Event, peer wire.Incarnation) {
	if e == None {
		return
	}
	n.log = append(n.log, e)
	if e == Down {
		delete(n.acceptors, peer)
	}
	if e != Fresh && n.down != nil {
		n.down()
	}
}

// drop forgets the jobs of links that are over.
func (n *node) drop() {
	for number, l := range n.open {
		if n.linkTo(l.to) != l.link {
			delete(n.open, number)
		}
	}
	for number, l := range n.held {
		if link := n.linkTo(l.from); link == nil || link.Epoch != l.epoch || l.to != n.me {
			delete(n.held, number)
		}
	}
}

// happened returns what has happened to links at n since the last call, apart from messages.
func (n *node) happened() []Event {
	log := slices.DeleteFunc(n.log, func(e Event) bool { return e == Fresh })
	n.log = nil
	return log
}

// deliver takes a new message: none comes twice, or to somebody else, or by another link than it was sent.
func (n *node) deliver(m *wire.Message) {
	if m.OriginSeq == 0 || m.OriginSeq > uint64(len(n.w.letters)) {
		n.w.fail("%s got a %s that nobody sent", n.name, m.Type)
	}
	l := n.w.letters[m.OriginSeq-1]
	l.arrived++
	l.at = n.w.now
	if l.arrived > 1 || l.to != n.me || l.from != m.Sender || l.epoch != m.LinkEpoch {
		n.w.fail("%s got %s %d of epoch %d for the %d. time in epoch %d", n.name, m.Type, l.number, l.epoch, l.arrived, m.LinkEpoch)
	}
	if n.fresh != nil {
		n.fresh(m)
	}
}

// send sends a message that is about the job with that number, if it is not a job itself.
func (n *node) send(typ wire.Type, about uint64, body int) *letter {
	link := n.link()
	l := &letter{number: uint64(len(n.w.letters) + 1), from: n.me, to: link.Peer, epoch: link.Epoch, link: link}
	l.msg = &wire.Message{Header: wire.Header{Type: typ, OriginSeq: l.number, OriginOpen: about, TTLMillis: 30_000}}
	l.msg.SetBody(make([]byte, body))
	l.size = l.msg.Size()
	n.w.letters = append(n.w.letters, l)
	if typ == wire.TypeJob {
		n.open[l.number] = l
	}
	n.checkWindow()
	link.Send(n.now(), l.msg)
	n.schedule()
	return l
}

// checkWindow wants no more jobs on the way to the other process and in it
// than it has allowed: less than its window, and one more.
func (n *node) checkWindow() {
	window := n.w.other(n).window
	var count, bytes, largest uint64
	for _, l := range n.open {
		if !l.settled && l.link == n.link() {
			count++
			bytes += l.size
			largest = max(largest, l.size)
		}
	}
	if count > window.Count || count > 1 && bytes-largest >= window.Bytes {
		n.w.fail("%s has %d jobs of %d bytes outstanding, the window is %+v", n.name, count, bytes, window)
	}
}

// work is what a process does with messages: jobs run a while and end in results.
func (n *node) work(m *wire.Message) {
	l := n.w.letters[m.OriginSeq-1]
	switch m.Type {
	case wire.TypeJob:
		if l.voided && l.settled {
			n.w.fail("job %d came to %s behind its cancellation", l.number, n.name)
		}
		n.held[l.number] = l
		var count, bytes, largest uint64
		for _, h := range n.held {
			if h.from == m.Sender { // the window is each sender's own
				count++
				bytes += h.size
				largest = max(largest, h.size)
			}
		}
		if count > n.window.Count || count > 1 && bytes-largest >= n.window.Bytes {
			n.w.fail("%s holds %d jobs of %d bytes, its window is %+v", n.name, count, bytes, n.window)
		}
		n.w.after(time.Duration(n.w.rand.ExpFloat64()*float64(100*time.Millisecond)), func() { n.finish(l) })
	case wire.TypeCancel:
		n.w.letters[m.OriginOpen-1].settled = true
		if h := n.held[m.OriginOpen]; h != nil {
			delete(n.held, h.number)
			n.linkTo(m.Sender).Settle(h.size)
		}
	case wire.TypeResult:
		delete(n.open, m.OriginOpen)
	}
}

func (n *node) finish(l *letter) {
	if link := n.link(); n.held[l.number] != l || link == nil || link.Peer != l.from {
		return // cancelled, or the link is over
	}
	if n.halted {
		n.w.after(tickGap, func() { n.finish(l) })
		return
	}
	delete(n.held, l.number)
	l.settled = true
	n.link().Settle(l.size)
	n.send(wire.TypeResult, l.number, 10)
}

// cancel takes a job back.
func (n *node) cancel(l *letter) {
	delete(n.open, l.number)
	l.voided = true
	l.link.Void(l.msg)
	n.send(wire.TypeCancel, l.number, 0)
}
