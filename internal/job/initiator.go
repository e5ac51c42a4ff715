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
)

// Epochs numbers the links that one process begins, all of them in one row, so
// that the epoch of an answer tells which initiator it is for.
type Epochs uint32

// Initiator is the side that connects: it announces itself until somebody
// answers, keeps the link while they do, and begins a new one when they do
// not, or when another incarnation answers in their place.
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
}

// NewInitiator makes an initiator whose first HELLO is due at once.
func NewInitiator(me wire.Incarnation, epochs *Epochs, window Window, announce func() []byte, out func([][]byte)) *Initiator {
	*epochs++
	return &Initiator{me: me, epochs: epochs, epoch: uint32(*epochs), window: window, announce: announce, out: out}
}

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
		if m.Type != wire.TypeBeacon {
			switch {
			case m.Type == wire.TypeGoodbye && m.Code == wire.CodeUnknownLink:
				i.restart()
				i.hello(now)
			case m.Type == wire.TypeGoodbye && m.Code == wire.CodeUnusable:
				return Refused
			}
			return None
		}
		i.link = NewLink(i.me, m.Sender, i.epoch, i.window, now, i.out)
		i.link.beacon, i.link.announce, i.link.Flags = wire.TypeHello, i.announce, i.flags
		i.link.Receive(now, m)
		i.hello(now) // shows the acceptor that the link is known
		return Up
	}
	if m.Sender != i.link.Peer || m.Type == wire.TypeGoodbye {
		i.restart()
		if m.Code != wire.CodeLeaving { // who has left is not asked again at once
			i.hello(now)
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

// Why says why the link was given up when Poll returned Down.
func (i *Initiator) Why() string { return i.why }

// Poll does what is due by now.
func (i *Initiator) Poll(now time.Duration) Event {
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
		i.link, i.over = nil, i.link
	}
	i.asking = false
	*i.epochs++
	i.epoch = uint32(*i.epochs)
}

func (i *Initiator) hello(now time.Duration) {
	i.next = now + HelloEvery
	if i.link != nil {
		i.link.Beacon(now)
		return
	}
	m := &wire.Message{Header: wire.Header{
		Type: wire.TypeHello, Flags: i.flags, Sender: i.me, LinkEpoch: i.epoch,
		CreditCount: i.window.Count, CreditBytes: i.window.Bytes,
		SentMillis: uint64(now.Milliseconds()),
	}}
	m.SetBody(i.announce())
	i.out(m.Frames())
}
