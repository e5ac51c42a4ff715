package job

import (
	"time"

	"faasd/internal/wire"
)

// Event is what a message or the time did to a link.
type Event uint8

// The events.
const (
	None    Event = iota
	Up            // a link has begun; at an acceptor it ends the one before, if there was one
	Fresh         // the message is new: act on it
	Down          // the link is over; what it kept is undelivered or unknown
	Refused       // there will be no link: the other side cannot use the HELLO, for the message's reason
	Known         // whoever answers is linked with by another initiator: hang up until Again
	Again         // it is time to dial again, and to ask who is there now
)

// Epochs numbers the links that one process begins, all of them in one row, so
// that the epoch of an answer tells which initiator it is for.
type Epochs uint32

func (e *Epochs) next() uint32 {
	*e++
	return uint32(*e)
}

// Peers are whom several initiators of one process have links with. One part may
// be reached by several addresses, each of which has an initiator, and is to have
// one link.
type Peers map[wire.Incarnation]*Initiator

// elsewhere reports whether another initiator than i has a link with peer.
func (p Peers) elsewhere(i *Initiator, peer wire.Incarnation) bool {
	other := p[peer]
	return other != nil && other != i
}

// askAgainAfter is how long an initiator stands aside whose part is linked with
// by another: another part may have got the address since.
const askAgainAfter = 5 * time.Second

// Initiator is the side that connects: it announces itself until somebody
// answers, keeps the link while they do, and begins a new one when they do
// not, or when another incarnation answers in their place.
//
// While others of its Peers have links, it first asks who is there, by a HELLO to
// itself, which nobody can be: the answer is that there is no such link. It begins
// one unless another has a link with who answered.
type Initiator struct {
	me       wire.Incarnation
	window   Window
	out      func(frames [][]byte)
	announce func() []byte // body of HELLO: a wire.Member as JSON

	epochs *Epochs
	epoch  uint32
	link   *Link // nil while nobody answers
	over   *Link // the one before
	why    string
	next   time.Duration
	asking bool // this process has slept, and the acceptor may have given the link up
	flags  uint16

	peers     Peers            // of which it is one; nil: it is alone
	begun     bool             // a HELLO of this epoch has asked for a link, whoever is there
	since     time.Duration    // when that was
	aside     time.Duration    // until when it stands aside; 0 it does not
	known     wire.Incarnation // because another has a link with that one
	displaced bool             // see Displaced
}

// NewInitiator makes an initiator whose first HELLO is due at once.
func NewInitiator(me wire.Incarnation, epochs *Epochs, window Window, announce func() []byte, out func([][]byte)) *Initiator {
	return &Initiator{me: me, epochs: epochs, epoch: epochs.next(), window: window, announce: announce, out: out}
}

// Among makes i one of several initiators that may reach the same part.
func (i *Initiator) Among(p Peers) { i.peers = p }

// Epoch returns the number of the present link, or of the one asked for.
func (i *Initiator) Epoch() uint32 { return i.epoch }

// Link returns the link, nil while there is none.
func (i *Initiator) Link() *Link { return i.link }

// Over returns the link before the present one, after Down: what it kept was
// not acknowledged. Nil if there was none.
func (i *Initiator) Over() *Link { return i.over }

// Receive takes a message from the socket that this initiator speaks on.
func (i *Initiator) Receive(now time.Duration, m *wire.Message) Event {
	if m.Receiver != i.me || m.LinkEpoch != i.epoch {
		return None // for a link that is over
	}
	if i.link == nil {
		return i.answered(now, m)
	}
	if m.Sender != i.link.Peer || m.Type == wire.TypeGoodbye {
		i.restart()
		if m.Code != wire.CodeLeaving { // who has left is not asked again at once
			i.begin(now, !i.peers.elsewhere(i, m.Sender))
		}
		return Down
	}
	if i.link.lateness(now, m.SentMillis) < BeaconEvery { // not one that has lain here all the while
		i.asking = false
	}
	if i.link.Receive(now, m) {
		return Fresh
	}
	return None
}

// answered takes an answer to a HELLO that asked for a link, or who is there.
func (i *Initiator) answered(now time.Duration, m *wire.Message) Event {
	switch {
	case i.aside > 0:
	case m.Type == wire.TypeBeacon:
		return i.up(now, m)
	case m.Type == wire.TypeGoodbye && m.Code == wire.CodeUnknownLink:
		if i.peers.elsewhere(i, m.Sender) {
			i.standAside(now, m.Sender)
			return Known
		}
		i.restart()
		i.begin(now, true)
	case m.Type == wire.TypeGoodbye && m.Code == wire.CodeUnusable:
		return Refused
	}
	return None
}

// up begins the link that the acceptor has begun. If another initiator asked the
// same part at the same time, the acceptor keeps the higher epoch.
func (i *Initiator) up(now time.Duration, m *wire.Message) Event {
	if i.peers.elsewhere(i, m.Sender) {
		other := i.peers[m.Sender]
		if other.epoch > i.epoch {
			return None
		}
		other.standAside(now, m.Sender)
		other.displaced = true
	}
	if i.peers != nil {
		i.peers[m.Sender] = i
	}
	i.link = NewLink(i.me, m.Sender, i.epoch, i.window, now, i.out)
	i.link.beacon, i.link.announce, i.link.Flags = wire.TypeHello, i.announce, i.flags
	i.link.Receive(now, m)
	i.hello(now) // shows the acceptor that the link is known
	return Up
}

// Displaced reports, once, that this initiator's link is over because another's
// with the same part has just come Up. It stands aside.
func (i *Initiator) Displaced() bool {
	was := i.displaced
	i.displaced = false
	return was
}

// Aside reports whether this initiator waits for Again.
func (i *Initiator) Aside() bool { return i.aside > 0 }

func (i *Initiator) standAside(now time.Duration, known wire.Incarnation) {
	i.restart()
	i.aside, i.known = now+askAgainAfter, known
}

// Why says why the link was given up when Poll returned Down.
func (i *Initiator) Why() string { return i.why }

// Poll does what is due by now.
func (i *Initiator) Poll(now time.Duration) Event {
	switch {
	case i.aside > now && i.peers[i.known] != nil:
		return None
	case i.aside > 0:
		i.aside, i.next = 0, now
		return Again
	case i.link == nil && i.begun && len(i.peers) > 0 && now >= i.since+LostAfter:
		i.restart() // by now somebody may be there who is known
	}
	if i.link == nil {
		if now >= i.next {
			i.hello(now)
		}
		return None
	}
	if i.why = i.link.lost(now); i.why != "" {
		i.restart()
		return Down
	}
	if i.asking && now >= i.next {
		i.hello(now)
	}
	i.link.Poll(now)
	return None
}

// Excuse takes back silence that this process has slept through. The acceptor
// excuses nothing: it may have given the link up, and says so when it is asked.
// So it is asked as often as without a link, until it says something.
func (i *Initiator) Excuse(slept time.Duration) {
	if i.link != nil {
		i.link.Excuse(slept)
		i.asking = true
	}
}

// Wake returns when Poll wants to be called next.
func (i *Initiator) Wake() time.Duration {
	switch {
	case i.aside > 0 && i.peers[i.known] != nil:
		return i.aside
	case i.link == nil:
		return i.next
	case i.asking:
		return min(i.next, i.link.Wake())
	}
	return i.link.Wake()
}

// Announce sends a HELLO at once, because what it says has changed.
func (i *Initiator) Announce(now time.Duration) { i.hello(now) }

// Drain tells the peer, now and from now on, to give no more jobs.
func (i *Initiator) Drain(now time.Duration) {
	i.flags |= wire.FlagDraining
	if i.link != nil {
		i.link.Flags = i.flags
	}
	i.hello(now)
}

// Undrain takes Drain back.
func (i *Initiator) Undrain(now time.Duration) {
	i.flags &^= wire.FlagDraining
	if i.link != nil {
		i.link.Flags = i.flags
	}
	i.hello(now)
}

// Farewell tells the peer that the link is over.
func (i *Initiator) Farewell(now time.Duration, reason string) {
	if i.link != nil {
		i.link.farewell(now, reason)
	}
}

// restart ends the link. The next HELLO asks for a new one.
func (i *Initiator) restart() {
	if i.link != nil {
		if i.peers[i.link.Peer] == i {
			delete(i.peers, i.link.Peer)
		}
		i.link, i.over = nil, i.link
	}
	i.asking, i.begun = false, false
	i.epoch = i.epochs.next()
}

// begin says the first HELLO of an epoch. With sure it asks for a link: whoever
// is there is linked with by no other.
func (i *Initiator) begin(now time.Duration, sure bool) {
	if sure {
		i.begun, i.since = true, now
	}
	i.hello(now)
}

func (i *Initiator) hello(now time.Duration) {
	if i.aside > 0 {
		return
	}
	i.next = now + HelloEvery
	if i.link != nil {
		i.link.Beacon(now)
		return
	}
	if !i.begun && len(i.peers) == 0 {
		i.begun, i.since = true, now
	}
	var receiver wire.Incarnation // whoever is there
	if !i.begun {
		receiver = i.me
	}
	m := &wire.Message{Header: wire.Header{
		Type: wire.TypeHello, Flags: i.flags, Sender: i.me, Receiver: receiver, LinkEpoch: i.epoch,
		CreditCount: i.window.Count, CreditBytes: i.window.Bytes,
		SentMillis: uint64(now.Milliseconds()),
	}}
	m.SetBody(i.announce())
	i.out(m.Frames())
}
