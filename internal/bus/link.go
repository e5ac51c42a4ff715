package bus

import (
	"fmt"
	"sync/atomic"

	zmq "github.com/pebbe/zmq4"

	"faasd/internal/role"
)

// Kind is the type of a link's sockets.
type Kind uint8

// The kinds of socket. Those that differ from ZeroMQ's type of the same name
// say so.
const (
	// Push sends to one destination; a packet for a destination that is not
	// connected is refused at once and not kept.
	Push Kind = iota + 1
	Pull
	// Pub is an XPUB, which is the same on the wire. The machine receives its
	// subscribers' frames (\x01topic and \x00topic) as packets. A packet is
	// refused, for all, when a subscriber's pipe is full: what a Pub carries
	// must not be lost in silence.
	Pub
	Sub
	XSub
	// XPub is like Pub, but a packet is lost only for the subscriber whose
	// pipe is full, and not counted: one stuck onlooker must not stop a proxy
	// for everybody.
	XPub
	// Req is one socket per request: no second request can be sent before the
	// reply has come, so give up by dialling again.
	Req
	Dealer
	// Router tells the machine about peers that are gone
	// (role.Machine.Unreachable).
	Router
)

var kinds = [...]struct {
	name     string
	zmq      zmq.Type
	sends    bool
	receives bool
}{
	Push:   {"PUSH", zmq.PUSH, true, false},
	Pull:   {"PULL", zmq.PULL, false, true},
	Pub:    {"PUB", zmq.XPUB, true, true},
	Sub:    {"SUB", zmq.SUB, false, true},
	XSub:   {"XSUB", zmq.XSUB, true, true},
	XPub:   {"XPUB", zmq.XPUB, true, true},
	Req:    {"REQ", zmq.REQ, true, true},
	Dealer: {"DEALER", zmq.DEALER, true, true},
	Router: {"ROUTER", zmq.ROUTER, true, true},
}

func (k Kind) valid() bool { return k >= Push && k <= Router }

// String returns ZeroMQ's name of the kind, such as "PUSH".
func (k Kind) String() string {
	if !k.valid() {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kinds[k].name
}

// LinkSpec describes one of a role's links. A link is either bound (one
// socket, on one endpoint or several) or dialled (a socket per peer).
type LinkSpec struct {
	// Name is what logs and metrics call the link, such as "workers".
	Name string
	Kind Kind

	// MaxMessage is the size in bytes of the largest message that a bound
	// socket accepts. A larger one is dropped; a peer that sends a frame of
	// more than twice the size is disconnected before it has sent it. 0 is no
	// limit.
	MaxMessage int64

	// Batches has small packets for one peer, of one turn, travel in one ZeroMQ
	// message if their effects say so (role.Effect.Batch), and takes such messages
	// apart.
	Batches bool

	// HighWater is the number of messages per connection that libzmq holds in
	// each direction; 0 is 100,000. It is a last resort: what is outstanding
	// should be bounded by credit in the machines.
	HighWater int
}

// LinkStats are a link's counters since the host was made.
type LinkStats struct {
	Link role.Link
	Name string

	SentMessages, SentBytes         uint64 // accepted by libzmq; bytes of all frames without the routing id
	ReceivedMessages, ReceivedBytes uint64
	DroppedSends                    uint64 // refused by libzmq: no connection, or high-water mark
	Unreachable                     uint64 // sends on a ROUTER to a peer that is gone
	EndedConnections                uint64 // of a bound link, whoever ended them and why
}

// link is a LinkSpec at work. The counters are written by the host's owner and
// read by anyone.
type link struct {
	LinkSpec
	id    role.Link
	bound *socket // nil on a dialled link; the owner's

	sentMessages, sentBytes         atomic.Uint64
	receivedMessages, receivedBytes atomic.Uint64
	droppedSends                    atomic.Uint64
	unreachable                     atomic.Uint64
	endedConnections                atomic.Uint64

	warnings limiter // the owner's
}

func (l *link) stats() LinkStats {
	return LinkStats{
		Link:             l.id,
		Name:             l.Name,
		SentMessages:     l.sentMessages.Load(),
		SentBytes:        l.sentBytes.Load(),
		ReceivedMessages: l.receivedMessages.Load(),
		ReceivedBytes:    l.receivedBytes.Load(),
		DroppedSends:     l.droppedSends.Load(),
		Unreachable:      l.unreachable.Load(),
		EndedConnections: l.endedConnections.Load(),
	}
}

// received counts a packet that has arrived.
func (l *link) received(p role.Packet) {
	l.receivedMessages.Add(1)
	l.receivedBytes.Add(uint64(size(p.Frames)))
}

// warnEvery is the least time between two warnings about one link.
const warnEvery = 60_000_000_000 // ns, one minute

// limiter lets through one warning a minute and counts those it held back.
type limiter struct {
	next       role.Time
	suppressed int
}

// allow reports whether to warn now, and how many warnings were held back
// since the last.
func (l *limiter) allow(now role.Time) (suppressed int, ok bool) {
	if now < l.next {
		l.suppressed++
		return 0, false
	}
	suppressed, l.suppressed = l.suppressed, 0
	l.next = now + warnEvery
	return suppressed, true
}
