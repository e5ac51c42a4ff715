package bus

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	zmq "github.com/pebbe/zmq4"

	"faasd/internal/role"
)

// Options that every socket has. The times are libzmq's clocks, which run in
// its I/O thread however busy the role is: a peer whose process has stopped or
// whose machine is gone loses its connection within heartbeatTimeout.
const (
	heartbeatEvery   = time.Second
	heartbeatTimeout = 3 * time.Second
	handshakeTimeout = 3 * time.Second
	connectTimeout   = 3 * time.Second

	// A role that comes back is found again within two seconds: libzmq
	// doubles the interval up to the maximum and adds up to one first
	// interval at random.
	reconnectFirst = 100 * time.Millisecond
	reconnectMax   = time.Second

	defaultHighWater = 100_000

	// maxFrames bounds a received message. The largest that any link carries
	// is a REQ worker's result, well below it.
	maxFrames = 16
)

// errEmpty refuses a packet without frames, which ZeroMQ cannot express.
var errEmpty = errors.New("packet without frames")

// What libzmq says about a message that cannot be sent or received now.
const (
	errAgain       = zmq.Errno(syscall.EAGAIN)
	errUnreachable = zmq.EHOSTUNREACH
)

// A socket is one ZeroMQ socket of a host. It is the owner's, like the Host's
// fields.
type socket struct {
	zmq  *zmq.Socket
	link *link
	peer string // the key given to Dial; "" on a bound socket
	fd   int    // ZMQ_FD; libzmq's, never read or closed here
	id   int32  // in the host's poller

	bound     bool
	monitor   *monitor // of a bound one
	dialledTo string   // "" on a bound one
	life      int      // of an inproc endpoint, that it is connected to

	// Of one that is dialled to a host with a name:
	addr     netip.Addr         // of the host, that it is connected to; zero: none yet
	unfollow context.CancelFunc // ends the host's being looked up

	endpoints []string // bound, as libzmq resolved them

	filling *outgoing // the batch, of those that are open, that was added to last

	ready  bool // in Host.ready
	dirty  bool // in Host.dirty
	closed bool
}

// openSocket makes an unconnected socket of the link with all its options set.
func openSocket(ctx *Context, l *link, peer string, bound bool) (*socket, error) {
	z, err := ctx.zmq.NewSocket(kinds[l.Kind].zmq)
	if err != nil {
		return nil, fmt.Errorf("opening a %s socket: %w", l.Kind, err)
	}
	s := &socket{zmq: z, link: l, peer: peer, bound: bound}
	if err := s.configure(bound); err != nil {
		_ = z.Close()
		return nil, fmt.Errorf("setting up a %s socket: %w", l.Kind, err)
	}
	return s, nil
}

func (s *socket) configure(bound bool) (err error) {
	z, spec := s.zmq, s.link.LinkSpec
	try := func(e error) {
		if err == nil {
			err = e
		}
	}
	highWater := spec.HighWater
	if highWater == 0 {
		highWater = defaultHighWater
	}
	try(z.SetSndhwm(highWater))
	try(z.SetRcvhwm(highWater))
	try(z.SetLinger(0))
	try(z.SetHeartbeatIvl(heartbeatEvery))
	try(z.SetHeartbeatTimeout(heartbeatTimeout))
	try(z.SetHeartbeatTtl(heartbeatTimeout))
	try(z.SetHandshakeIvl(handshakeTimeout))
	try(z.SetConnectTimeout(connectTimeout))
	try(z.SetReconnectIvl(reconnectFirst))
	try(z.SetReconnectIvlMax(reconnectMax))
	if bound && spec.MaxMessage > 0 {
		// libzmq ends the connection without a word of why, so what is only
		// somewhat too large is let in, to be counted.
		try(z.SetMaxmsgsize(2 * spec.MaxMessage))
	}
	switch spec.Kind {
	case Push:
		// No pipe, and so nothing queued, before there is a connection.
		try(z.SetImmediate(true))
	case Pub, XPub:
		if bound {
			// Every subscription and its end, not only a topic's first and last.
			try(z.SetXpubVerboser(1))
		}
		try(z.SetXpubNodrop(spec.Kind == Pub))
	case Router:
		try(z.SetRouterMandatory(1))
	}
	if err == nil {
		s.fd, err = z.GetFd()
	}
	return err
}

// setFamily prepares for a bind or connect to endpoint. IPv6 is switched on
// for literal IPv6 addresses alone: with it on, "tcp://*:0" would be bound and
// told to others as "[::]".
func (s *socket) setFamily(endpoint string) error {
	return s.zmq.SetIpv6(strings.HasPrefix(endpoint, "tcp://["))
}

// send hands one message to libzmq, or fails at once. After a failure nothing
// of the message will arrive. The peer matters on a ROUTER only.
func (s *socket) send(peer string, frames [][]byte) error {
	if len(frames) == 0 {
		return errEmpty
	}
	if s.link.Kind == Router {
		if err := s.sendFirst([]byte(peer), zmq.SNDMORE); err != nil {
			return err
		}
		return s.sendRest(frames)
	}
	more := zmq.Flag(0)
	if len(frames) > 1 {
		more = zmq.SNDMORE
	}
	if err := s.sendFirst(frames[0], more); err != nil {
		return err
	}
	return s.sendRest(frames[1:])
}

// sendFirst sends a message's first frame. libzmq looks at its mailbox only
// now and then while sending, so a refusal may be out of date (the connection
// came up or the pipe was emptied a moment ago): ZMQ_EVENTS makes it look, and
// then its word is final.
func (s *socket) sendFirst(frame []byte, more zmq.Flag) error {
	_, err := s.zmq.SendBytes(frame, zmq.DONTWAIT|more)
	if err != nil && zmq.AsErrno(err) == errAgain {
		if _, e := s.zmq.GetEvents(); e != nil {
			return e
		}
		_, err = s.zmq.SendBytes(frame, zmq.DONTWAIT|more)
	}
	return err
}

// sendRest sends the frames after the first. When the connection dies half
// way, libzmq swallows the rest of the message up to its last frame; so the
// rest must be sent, or the next message would be swallowed in its place.
func (s *socket) sendRest(frames [][]byte) (err error) {
	for i, frame := range frames {
		more := zmq.SNDMORE
		if i == len(frames)-1 {
			more = 0
		}
		if _, e := s.zmq.SendBytes(frame, zmq.DONTWAIT|more); e != nil && err == nil {
			err = e
		}
	}
	return err
}

// receive takes one message; of one beyond the link's bounds, which is a
// *role.Excess, it returns what came before the bound. errAgain means that there is none, and that
// libzmq has looked into its mailbox: the next one will be signalled.
func (s *socket) receive() (role.Packet, error) {
	p := role.Packet{Link: s.link.id, Peer: s.peer}
	frame, err := s.zmq.RecvBytes(zmq.DONTWAIT)
	if err != nil {
		return p, err
	}
	more, err := s.zmq.GetRcvmore()
	if err != nil {
		return p, err
	}
	if s.link.Kind == Router {
		p.Peer = string(frame)
	} else if !more {
		p.Frames = [][]byte{frame}
		return p, s.checkSize(int64(len(frame)))
	} else {
		p.Frames = append(make([][]byte, 0, 4), frame)
	}
	tooMany, count, bytes := false, int64(len(p.Frames)), int64(size(p.Frames))
	for more {
		if frame, err = s.zmq.RecvBytes(zmq.DONTWAIT); err != nil {
			return p, err
		}
		if more, err = s.zmq.GetRcvmore(); err != nil {
			return p, err
		}
		count, bytes = count+1, bytes+int64(len(frame))
		if tooMany = tooMany || len(p.Frames) == maxFrames || s.checkSize(bytes) != nil; !tooMany {
			p.Frames = append(p.Frames, frame)
		}
	}
	if err := s.checkSize(bytes); err != nil {
		return p, err
	}
	if tooMany {
		return p, &role.Excess{Of: role.Frames, Got: count, Limit: maxFrames}
	}
	return p, nil
}

// checkSize compares a message's size in bytes with the link's bound.
func (s *socket) checkSize(bytes int64) error {
	if limit := s.link.MaxMessage; s.bound && limit > 0 && bytes > limit {
		return &role.Excess{Of: role.Bytes, Got: bytes, Limit: limit}
	}
	return nil
}

// readable makes libzmq look into its mailbox and reports whether a message
// can be received.
func (s *socket) readable() bool {
	events, err := s.zmq.GetEvents()
	return err == nil && events&zmq.POLLIN != 0
}

func size(frames [][]byte) (n int) {
	for _, f := range frames {
		n += len(f)
	}
	return n
}
