package job

import (
	"testing"
	"time"

	"faasd/internal/wire"
)

// A directory is a process with an initiator for each of some addresses, and the
// parts that are there. What is sent takes a millisecond.
type directory struct {
	t      *testing.T
	now    time.Duration
	epochs Epochs
	peers  Peers
	ends   []*end
	parts  map[string]*part // by address; one may be at several
	way    []func()         // what is on its way
}

// end is what the process has at one address.
type end struct {
	*Initiator
	address string
	open    bool
	ups     int
	downs   int
	dials   int
}

type part struct {
	me       wire.Incarnation
	acceptor *Acceptor
	ups      int
}

func newDirectory(t *testing.T, addresses ...string) *directory {
	d := &directory{t: t, now: time.Second, peers: make(Peers), parts: make(map[string]*part)}
	for _, a := range addresses {
		e := &end{address: a, open: true, dials: 1}
		e.Initiator = NewInitiator(here, &d.epochs, wide, func() []byte { return nil }, func(frames [][]byte) { d.send(e, frames) })
		e.Among(d.peers)
		d.ends = append(d.ends, e)
	}
	return d
}

// put has a new part be at addresses.
func (d *directory) put(me wire.Incarnation, addresses ...string) *part {
	p := &part{me: me}
	p.acceptor = NewAcceptor(me, here, wide, d.now, func(frames [][]byte) {
		m := d.decode(frames)
		d.way = append(d.way, func() { d.answer(m) })
	})
	for _, a := range addresses {
		d.parts[a] = p
	}
	return p
}

func (d *directory) decode(frames [][]byte) *wire.Message {
	m, err := wire.Decode(frames)
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}

func (d *directory) send(e *end, frames [][]byte) {
	if p := d.parts[e.address]; p != nil && e.open {
		m := d.decode(frames)
		d.way = append(d.way, func() {
			if d.parts[e.address] == p && p.acceptor.Receive(d.now, m) == Up {
				p.ups++
			}
		})
	}
}

// answer gives a message to the end whose epoch it has, as frontends do.
func (d *directory) answer(m *wire.Message) {
	for _, e := range d.ends {
		if e.Epoch() != m.LinkEpoch {
			continue
		}
		switch e.Receive(d.now, m) {
		case Up:
			e.ups++
			for _, o := range d.ends {
				if o.Displaced() {
					o.downs, o.open = o.downs+1, false
				}
			}
		case Down:
			e.downs++
		case Known:
			e.open = false
		}
		return
	}
}

// run lets time pass, and checks all the while that no part has two links.
func (d *directory) run(span time.Duration) {
	for until := d.now + span; d.now < until; d.now += time.Millisecond {
		way := d.way
		d.way = nil
		for _, do := range way {
			do()
		}
		for _, p := range d.parts {
			if p.acceptor.Link() != nil {
				p.acceptor.Poll(d.now)
			}
		}
		with := make(map[wire.Incarnation]*end)
		for _, e := range d.ends {
			switch e.Poll(d.now) {
			case Again:
				e.open = true
				e.dials++
			case Down:
				e.downs++
			}
			if l := e.Link(); l != nil {
				if other := with[l.Peer]; other != nil {
					d.t.Fatalf("%s and %s both have a link with %s", other.address, e.address, l.Peer)
				}
				with[l.Peer] = e
			}
		}
	}
}

// linked returns at which addresses there are links.
func (d *directory) linked() (addresses string) {
	for _, e := range d.ends {
		if e.Link() != nil {
			addresses += e.address
		}
	}
	return addresses
}

func TestAPartAtTwoAddressesHasOneLinkThatStays(t *testing.T) {
	d := newDirectory(t, "a", "b", "c")
	p := d.put(100, "a", "b")
	d.put(200, "c")
	d.run(time.Second)
	if got := d.linked(); got != "bc" { // both asked at once: the later one counts
		t.Fatalf("links at %q", got)
	}
	d.run(time.Minute)
	if p.ups != 2 || d.ends[1].downs != 0 || d.linked() != "bc" {
		t.Errorf("links began %d times, ended %d times, and are at %q", p.ups, d.ends[1].downs, d.linked())
	}
	if n := d.ends[0].dials; n < 8 || n > 14 {
		t.Errorf("the other address was dialled %d times in a minute, want one each %v", n, askAgainAfter)
	}
}

func TestAnAddressThatComesLaterDisturbsNoLink(t *testing.T) {
	d := newDirectory(t, "a", "b")
	p := d.put(100, "a")
	d.run(10 * time.Second)
	d.parts["b"] = p // as one that another network card has got
	d.run(10 * time.Second)
	if p.ups != 1 || d.ends[0].downs != 0 || d.linked() != "a" {
		t.Errorf("links began %d times, ended %d times, and are at %q", p.ups, d.ends[0].downs, d.linked())
	}
}

func TestTheOtherAddressIsUsedWhenTheFirstIsNoMore(t *testing.T) {
	d := newDirectory(t, "a", "b")
	p := d.put(100, "a", "b")
	d.run(time.Second)
	delete(d.parts, "b")
	d.run(2*LostAfter + 2*time.Second) // first the part misses the initiator
	if got := d.linked(); got != "a" {
		t.Errorf("links at %q", got)
	}
	d.parts["b"] = p
	d.run(10 * time.Second)
	if got := d.linked(); got != "a" {
		t.Errorf("links at %q once the other is back", got)
	}
}

func TestAnAddressThatGoesOverToAnotherPartIsFound(t *testing.T) {
	d := newDirectory(t, "a", "b")
	d.put(100, "a", "b")
	d.run(time.Second)
	d.put(200, "a")
	d.run(askAgainAfter + time.Second)
	if got := d.linked(); got != "ab" {
		t.Errorf("links at %q", got)
	}
	// And back: the part that was there has gone, and the other answers in its place.
	d.parts["a"] = d.parts["b"]
	d.run(LostAfter + BeaconEvery + time.Second)
	if got := d.linked(); got != "b" {
		t.Errorf("links at %q", got)
	}
}

func TestAPartThatStartsAnewAtTwoAddressesHasOneLink(t *testing.T) {
	d := newDirectory(t, "a", "b", "c")
	d.put(100, "a", "b")
	d.put(200, "c")
	d.run(2 * time.Second)
	for life := range 5 {
		p := d.put(wire.Incarnation(101+life), "a", "b")
		d.run(7 * time.Second)
		if got := d.linked(); got != "ac" && got != "bc" || p.ups > 2 {
			t.Fatalf("life %d: links at %q, begun %d times", life, got, p.ups)
		}
	}
}
