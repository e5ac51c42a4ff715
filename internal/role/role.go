// Package role gives every role's state machine one shape: packets and the
// time go in, effects come out, and nothing in between touches a socket, a
// clock or a disk. internal/bus drives a machine over real sockets;
// internal/sim drives the same machine over a simulated network.
package role

import (
	"fmt"
	"time"
)

// Time is a reading of a monotonic clock that started with the process (or
// with the simulation). Two processes' readings are never compared directly.
type Time = time.Duration

// Never is a Time that does not come.
const Never Time = 1<<63 - 1

// Link names one of a role's sockets, or one of its families of dialled
// sockets. Each role declares its own.
type Link uint8

// Packet is one ZeroMQ message on one of a role's links.
type Packet struct {
	Link Link

	// Peer tells peers on the link apart. On a dialled link it is the key
	// given to Dial. On a bound ROUTER it is the routing id, which libzmq
	// makes up and which is worth nothing after a reconnect. On other bound
	// sockets it is empty.
	Peer string

	// Frames are the message without the ROUTER's routing-id frame.
	Frames [][]byte

	// Shared, of a packet that is received, says that the frames lie in memory
	// with others': what is kept of them for long should be copied.
	Shared bool
}

// Op says what an Effect asks for.
type Op uint8

// The effects that a machine can ask for.
const (
	// OpSend sends Packet, whose frames must not be used again: Unreachable may
	// return them. A packet that cannot be sent at once (a PUSH without a
	// connection, the high-water mark) is dropped: links repair themselves.
	OpSend Op = iota + 1
	// OpDial opens a socket for (Link, Peer) and connects it to Endpoint.
	// Dialling a (Link, Peer) that is open replaces the socket. Connections
	// that break come back by themselves once the side that bound is back.
	OpDial
	// OpHangup closes the socket of (Link, Peer); what was queued in it is
	// thrown away.
	OpHangup
	// OpSubscribe subscribes the SUB socket of (Link, Peer) to Topic.
	OpSubscribe
	// OpUnsubscribe takes a subscription back.
	OpUnsubscribe
	// OpCrash ends the role at once, as SIGKILL ends a process.
	OpCrash
	// OpExit ends the process in order, as SIGTERM does.
	OpExit
)

// Effect is one thing that a machine wants done, in order.
type Effect struct {
	Op Op
	Packet
	Batch    bool   // OpSend: it may travel in one ZeroMQ message with others; the receiver is a part of faasd
	Endpoint string // OpDial
	Topic    string // OpSubscribe, OpUnsubscribe
}

// Machine is a role's decisions. It is driven by one goroutine at a time and
// is not safe for concurrent use.
type Machine interface {
	// Receive takes one packet, whose frames belong to the machine from then
	// on. Any bytes at all may arrive; what does not decode is counted and
	// changes nothing.
	Receive(now Time, p Packet)

	// Unreachable returns a packet that was to be sent on a bound ROUTER link
	// and was not, because no connection belongs to its Peer any more. Several
	// to one peer may come back one after another.
	Unreachable(now Time, p Packet)

	// Malformed counts something on a link that was not even worth Receive: a
	// message beyond the link's bounds, or a connection that speaks no ZMTP. It
	// changes nothing else. Faults implements it.
	Malformed(link Link, err error)

	// Tick does what is due by now.
	Tick(now Time)

	// Wake returns when Tick wants to be called next; a time in the past means
	// now, and Never that only a packet can change anything.
	Wake() Time

	// Effects returns what has been asked for since the last call, in order.
	// The slice is valid until the machine is driven again.
	Effects() []Effect
}

// Bounded is a Machine that answers who sends more than a link takes.
type Bounded interface {
	// Exceeded is told of a message beyond its link's bounds, which Malformed has
	// counted: from whom it was, and its frames before the bound.
	Exceeded(now Time, p Packet, e *Excess)
}

// What a link bounds of a message.
const (
	Bytes  = "bytes"
	Frames = "frames"
)

// Excess reports a message beyond a link's bounds, which has been read to its
// end and thrown away.
type Excess struct {
	Of         string // Bytes or Frames
	Got, Limit int64
}

func (e *Excess) Error() string {
	return fmt.Sprintf("a message of %d, more than %d %s", e.Got, e.Limit, e.Of)
}
