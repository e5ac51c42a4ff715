package job

import (
	"math/rand/v2"
	"testing"
	"time"

	"faasd/internal/wire"
)

// seeds is how many worlds each property is tried in.
const seeds = 60

// between returns a random time.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)+1))
}

// roughen gives the pipes delays that differ from message to message.
func (w *world) roughen() {
	for _, p := range []*pipe{w.initiator.out, w.acceptor.out} {
		base, jitter := between(w.rand, 0, 10*time.Millisecond), between(w.rand, 0, 50*time.Millisecond)
		p.delay = func() time.Duration { return base + between(w.rand, 0, jitter) }
	}
}

// chatter has n give jobs, and now and then take one back, until the end.
func (n *node) chatter(end time.Duration) {
	r := n.w.rand
	pause := between(r, 2*time.Millisecond, 200*time.Millisecond)
	var next func()
	next = func() {
		if n.w.now >= end {
			return
		}
		if n.link() != nil && !n.halted {
			for range 1 + r.IntN(3) {
				n.chat()
			}
		}
		wait := time.Duration(r.ExpFloat64() * float64(pause))
		if r.IntN(100) == 0 {
			wait += between(r, 0, 4*time.Second) // quiet for once
		}
		n.w.after(wait, next)
	}
	n.w.after(0, next)
}

func (n *node) chat() {
	r := n.w.rand
	if len(n.open) > 0 && r.IntN(8) == 0 {
		oldest := uint64(1 << 63)
		for number := range n.open {
			oldest = min(oldest, number)
		}
		n.cancel(n.open[oldest])
		return
	}
	body := r.IntN(1000)
	switch r.IntN(20) {
	case 0:
		body = int(n.window.Bytes) + r.IntN(1000) // larger than the window
	case 1, 2:
		body = r.IntN(int(n.window.Bytes))
	}
	if n.link().Room() {
		n.send(wire.TypeJob, 0, body)
	}
}

// minSize is what a job without a body counts.
var minSize = new(wire.Message).Size()

// disturb breaks the pipes for a while, briefly enough that neither side gives
// the other up: a beacon a second gets through before and after.
func (w *world) disturb(end time.Duration) {
	r := w.rand
	for at := time.Second; at < end-time.Second; {
		length := between(r, 10*time.Millisecond, 950*time.Millisecond)
		ways := 1 + r.IntN(3)
		kind := r.IntN(4)
		chance := 0.05 + 0.9*r.Float64()
		for i, p := range []*pipe{w.initiator.out, w.acceptor.out} {
			if ways>>i&1 == 0 {
				continue
			}
			w.after(at, func() {
				switch kind {
				case 0:
					p.lose = chance
				case 1:
					p.cut, p.queue = true, nil // a connection that breaks loses what is in it
				case 2:
					p.double = chance
				case 3:
					p.lose, p.double = chance/2, chance/2
				}
			})
			w.after(at+length, func() { p.cut, p.lose, p.double = false, 0, 0 })
		}
		at += length + between(r, 1200*time.Millisecond, 2*time.Second)
	}
}

func newConversation(t *testing.T, seed uint64) *world {
	w := newWorld(t, seed, Window{})
	for _, n := range []*node{w.initiator, w.acceptor} {
		n.window = Window{Count: 1 + w.rand.Uint64N(40), Bytes: 2000 + w.rand.Uint64N(60_000)}
	}
	w.initiator.begin()
	w.roughen()
	w.run(time.Second)
	if !w.joined() {
		w.fail("no link after a second")
	}
	w.initiator.happened()
	w.acceptor.happened()
	return w
}

func TestEverythingArrivesOnceWhileBothLive(t *testing.T) {
	delivered, repaired, voids := 0, 0, 0
	for seed := range uint64(seeds) {
		w := newConversation(t, seed)
		const end = 15 * time.Second
		w.disturb(end)
		w.initiator.chatter(w.now + end)
		w.acceptor.chatter(w.now + end)
		w.run(end)
		w.run(4 * time.Second)

		for _, n := range []*node{w.initiator, w.acceptor} {
			if events := n.happened(); len(events) > 0 {
				w.fail("the link did not hold at %s: %v", n.name, events)
			}
		}
		for _, l := range w.letters {
			if l.arrived == 0 && !l.voided {
				w.fail("%s %d never arrived", l.msg.Type, l.number)
			}
			if l.arrived == 0 {
				voids++
			}
			delivered += l.arrived
		}
		w.expectRest()
		repaired += w.initiator.out.count[wire.TypeGaps] + w.acceptor.out.count[wire.TypeGaps]
	}
	// The property would hold for a network in which nothing happens too.
	if delivered < 100*seeds || repaired < seeds || voids < seeds/10 {
		t.Errorf("%d delivered, %d gaps reported, %d cancelled before they arrived: too calm to prove anything",
			delivered, repaired, voids)
	}
}

// expectRest wants nothing kept, nothing held, and the whole window free.
func (w *world) expectRest() {
	w.t.Helper()
	for _, n := range []*node{w.initiator, w.acceptor} {
		link, window := n.link(), w.other(n).window
		if kept := link.Unacknowledged(); len(kept) > 0 {
			w.fail("%s still keeps %d messages, the first a %s", n.name, len(kept), kept[0].Type)
		}
		if len(link.ahead) > 0 || len(link.missed) > 0 || len(n.held) > 0 {
			w.fail("%s: %d ahead of a gap, %d gaps, %d jobs held", n.name, len(link.ahead), len(link.missed), len(n.held))
		}
		w.expectWindow(n, window)
	}
}

func (w *world) other(n *node) *node {
	if n == w.initiator {
		return w.acceptor
	}
	return w.initiator
}

// expectWindow finds out by sending what n may have outstanding.
func (w *world) expectWindow(n *node, window Window) {
	w.t.Helper()
	link := n.link()
	if !link.Room() {
		w.fail("%s has nothing outstanding and no room for one job", n.name)
	}
	peer := w.other(n)
	work := peer.fresh
	peer.fresh = nil // nothing comes back for now
	sent := uint64(0)
	for link.Room() {
		n.send(wire.TypeJob, 0, 0)
		sent++
	}
	if want := min(window.Count, (window.Bytes+minSize-1)/minSize); sent != want {
		w.fail("%s may send %d jobs, its window is %+v", n.name, sent, window)
	}
	w.run(2 * time.Second)
	peer.fresh = work
}

func TestWhateverHappensNothingComesTwiceAndLinksComeBack(t *testing.T) {
	ends := 0
	for seed := range uint64(seeds) {
		w := newConversation(t, seed)
		const end = 30 * time.Second
		w.upset(end)
		w.initiator.chatter(w.now + end)
		w.acceptor.chatter(w.now + end)
		w.run(end)
		for _, n := range []*node{w.initiator, w.acceptor} {
			n.out.cut, n.out.lose, n.out.double = false, 0, 0
			n.resume()
		}
		w.run(6 * time.Second)
		if !w.joined() {
			w.fail("no link six seconds after the last disturbance")
		}
		ends += len(w.initiator.happened()) + len(w.acceptor.happened())
		there, back := w.initiator.send(wire.TypeJob, 0, 1), w.acceptor.send(wire.TypeJob, 0, 1)
		w.run(3 * time.Second)
		if there.arrived != 1 || back.arrived != 1 {
			w.fail("jobs of the new link arrived %d and %d times", there.arrived, back.arrived)
		}
		w.expectRest()
	}
	if ends < 5*seeds {
		t.Errorf("links began and ended %d times only: too calm to prove anything", ends)
	}
}

// upset does to the world whatever can be done to it.
func (w *world) upset(end time.Duration) {
	r := w.rand
	for at := time.Duration(0); at < end; at += between(r, 100*time.Millisecond, 4*time.Second) {
		n, other := w.initiator, w.acceptor
		if r.IntN(2) == 0 {
			n, other = other, n
		}
		p := n.out
		length := between(r, 0, 6*time.Second)
		chance := r.Float64()
		switch r.IntN(8) {
		case 0:
			w.after(at, func() { p.cut, p.queue = true, nil })
			w.after(at+length, func() { p.cut = false })
		case 1:
			w.after(at, func() { p.lose, p.double = chance, chance/2 })
			w.after(at+length, func() { p.lose, p.double = 0, 0 })
		case 2: // a new process; what was on the way to the old one reaches it
			w.after(at, n.restart)
		case 3: // or not
			w.after(at, func() {
				other.out.queue = nil
				n.restart()
			})
		case 4:
			w.after(at, func() {
				clear(w.acceptor.acceptors)
				w.acceptor.drop()
			})
		case 5:
			w.after(at, func() { n.halted = true })
			w.after(at+length, n.resume)
		case 6:
			w.after(at, func() { n.farewell() })
		case 7:
			w.after(at, func() { p.queue = nil })
		}
	}
}

func (n *node) farewell() {
	if n.halted {
		return
	}
	if n.acceptors == nil {
		n.initiator.Farewell(n.now(), "stopping")
		return
	}
	for peer, a := range n.acceptors {
		a.Farewell(n.now(), "stopping")
		delete(n.acceptors, peer) // as a queue does that sends its workers elsewhere
	}
	n.drop()
}

// resume lets a stopped process go on; it reads what has come in the meantime, then looks at its clock.
func (n *node) resume() {
	n.halted = false
	n.due = max(n.due, n.w.now+tickGap)
}
