package job

import (
	"time"

	"faasd/internal/wire"
)

// Acceptor is the side that is connected to: it begins a link when an
// initiator's HELLO asks for one, and tells initiators whose link it does not
// know, perhaps because it is a new process, to begin again.
type Acceptor struct {
	Peer wire.Incarnation

	me     wire.Incarnation
	window Window
	out    func(frames [][]byte)

	flags uint16
	link  *Link // nil until the initiator begins one that is known here
	heard time.Duration
	why   string
}

// NewAcceptor makes the acceptor of one initiator's incarnation; out sends to it.
func NewAcceptor(me, peer wire.Incarnation, window Window, now time.Duration, out func([][]byte)) *Acceptor {
	return &Acceptor{Peer: peer, me: me, window: window, out: out, heard: now}
}

// Link returns the link, nil while there is none.
func (a *Acceptor) Link() *Link { return a.link }

// Ready reports whether the initiator knows the link, so that it can be used.
func (a *Acceptor) Ready() bool { return a.link != nil && a.link.confirmed }

// Receive takes a message from the initiator. After Up, what the link before
// had outstanding is the caller's to deal with. After Down the initiator is gone.
func (a *Acceptor) Receive(now time.Duration, m *wire.Message) Event {
	a.heard = now
	if m.Type == wire.TypeHello {
		return a.hello(now, m)
	}
	if a.link == nil || m.Receiver != a.me || m.LinkEpoch != a.link.Epoch {
		return None // of a link that is over; the next HELLO settles it
	}
	if m.Type == wire.TypeGoodbye {
		a.link = nil
		return Down
	}
	if a.link.Receive(now, m) {
		return Fresh
	}
	if a.link.Overdrawn() {
		a.Farewell(now, "more jobs were sent than were granted")
		a.link = nil
		return Down
	}
	return None
}

func (a *Acceptor) hello(now time.Duration, m *wire.Message) Event {
	switch {
	case m.Receiver != 0 && m.Receiver != a.me: // who is there?
		a.refuse(now, m)
	case a.link != nil && m.LinkEpoch == a.link.Epoch:
		a.link.Receive(now, m)
		if m.Receiver == 0 || m.Flags&wire.FlagDraining != 0 {
			a.link.Beacon(now) // our answer has not arrived, or an acknowledgement is waited for
		}
	case a.link != nil && m.LinkEpoch < a.link.Epoch: // overtaken
	case m.Receiver != 0:
		a.refuse(now, m)
	default:
		a.link = NewLink(a.me, a.Peer, m.LinkEpoch, a.window, now, a.out)
		a.link.Flags = a.flags
		a.link.Receive(now, m)
		a.link.Beacon(now)
		return Up
	}
	return None
}

func (a *Acceptor) refuse(now time.Duration, hello *wire.Message) {
	Refuse(now, a.me, hello, wire.CodeUnknownLink, "link not known here; begin a new one", a.out)
}

// Refuse sends a GOODBYE for a HELLO with which no link begins, by a code and
// with a reason for people.
func Refuse(now time.Duration, me wire.Incarnation, hello *wire.Message, code wire.Code, reason string, out func([][]byte)) {
	m := &wire.Message{Header: wire.Header{
		Type: wire.TypeGoodbye, Code: code, Sender: me, Receiver: hello.Sender,
		LinkEpoch: hello.LinkEpoch, SentMillis: uint64(now.Milliseconds()),
	}, Meta: wire.Meta{Reason: reason}}
	m.SetBody(nil)
	out(m.Frames())
}

// QuietAt returns from when the initiator counts as quiet if nothing comes from it.
func (a *Acceptor) QuietAt() time.Duration { return a.heard + QuietAfter }

// Why says why the initiator was given up when Poll returned Down.
func (a *Acceptor) Why() string { return a.why }

// Poll does what is due by now. After Down the initiator is gone.
func (a *Acceptor) Poll(now time.Duration) Event {
	if a.link == nil {
		if now >= a.heard+LostAfter {
			a.why = "silent for 3 s"
			return Down
		}
		return None
	}
	if a.why = a.link.lost(now); a.why != "" {
		a.link = nil
		return Down
	}
	a.link.Poll(now)
	return None
}

// Excuse takes back silence that this process has slept through.
func (a *Acceptor) Excuse(slept time.Duration) {
	a.heard += slept
	if a.link != nil {
		a.link.Excuse(slept)
	}
}

// Wake returns when Poll wants to be called next.
func (a *Acceptor) Wake() time.Duration {
	if a.link == nil {
		return a.heard + LostAfter
	}
	return a.link.Wake()
}

// Drain tells the initiator, now and from now on, to give no more jobs.
func (a *Acceptor) Drain(now time.Duration) {
	a.flags |= wire.FlagDraining
	if a.link != nil {
		a.link.Flags = a.flags
		a.link.Beacon(now)
	}
}

// Farewell tells the initiator that the link is over.
func (a *Acceptor) Farewell(now time.Duration, reason string) {
	if a.link != nil {
		a.link.farewell(now, reason)
	}
}
