package sim

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"faasd/internal/role"
)

// Kind is the type of a link's sockets: what internal/bus knows by the same name.
type Kind uint8

// The kinds. Pub is an XPUB, as in internal/bus.
const (
	Push Kind = iota + 1
	Pull
	Pub
	Sub
	XSub
	Req
	Dealer
	Router
	// Faithful is a Dealer whose connection breaks when it loses a message and
	// repeats none: what TCP gives to those whose protocol counts on it.
	Faithful
)

// socket is one that a process has bound or dialled.
type socket struct {
	node     *Node
	link     role.Link
	kind     Kind
	isBound  bool
	peer     string // the key of a dialled one
	endpoint string
	conns    []*conn
	topics   []string   // Sub, XSub: what is wanted
	pending  [][][]byte // Req, Dealer, Faithful: sent before there was a connection
	closed   bool
}

// conn joins a dialled socket and a bound one.
type conn struct {
	dialled, bound *socket
	id             string           // of the dialling side at a Router
	wanted         map[string]int   // at the publishing side
	busy           [2]time.Duration // until when the last message to the dialled and to the bound side is under way
	closed         bool
}

// after has a message arrive at one end, behind what is on its way there.
func (c *conn) after(to *socket, do func()) {
	w := to.node.w
	way := &c.busy[0]
	if to == c.bound {
		way = &c.busy[1]
	}
	*way = max(*way, w.now+w.latency(c.other(to).node, to.node))
	w.After(*way-w.now, do)
}

// connect tries to connect a dialled socket, again and again.
func (s *socket) connect(after time.Duration) {
	w := s.node.w
	w.After(after, func() {
		if s.closed || s.node.dead || len(s.conns) > 0 {
			return
		}
		b := w.bound[s.endpoint]
		if b == nil || b.node.Stopped() || s.node.Stopped() || w.cuts[pair{s.node.Name, b.node.Name}] {
			s.connect(reconnectEvery)
			return
		}
		w.routes++
		c := &conn{dialled: s, bound: b, id: fmt.Sprintf("route%d", w.routes), wanted: make(map[string]int)}
		s.conns, b.conns = append(s.conns, c), append(b.conns, c)
		for _, end := range []*socket{s, b} {
			for _, topic := range end.topics {
				c.want(end, 1, topic)
			}
		}
		for _, frames := range s.pending {
			c.deliver(s, frames)
		}
		s.pending = nil
	})
}

// disconnect ends the connections to processes that match.
func (s *socket) disconnect(match func(other string) bool) {
	for _, c := range slices.Clone(s.conns) {
		if !match(c.other(s).node.Name) || c.closed {
			continue
		}
		c.closed = true
		for _, end := range []*socket{c.dialled, c.bound} {
			end.conns = slices.DeleteFunc(end.conns, func(o *conn) bool { return o == c })
			if end.kind == Pub {
				end.unwanted(c)
			}
		}
		if !c.dialled.closed {
			c.dialled.connect(reconnectEvery)
		}
	}
}

// unwanted tells a publisher that a subscriber has gone.
func (s *socket) unwanted(c *conn) {
	for _, topic := range slices.Sorted(maps.Keys(c.wanted)) {
		for range c.wanted[topic] {
			s.node.w.After(latency, func() {
				if !s.closed {
					s.receive(c, [][]byte{append([]byte{0}, topic...)})
				}
			})
		}
	}
}

// repeatsNothing: see Repeat.
func (s *socket) repeatsNothing() bool { return s.kind == Req || s.kind == Faithful }

func (c *conn) other(s *socket) *socket {
	if s == c.dialled {
		return c.bound
	}
	return c.dialled
}

// deliver puts a message on its way from one end to the other.
func (c *conn) deliver(from *socket, frames [][]byte) {
	to := c.other(from)
	own := make([][]byte, len(frames)) // processes share no memory
	for i, f := range frames {
		own[i] = append([]byte{}, f...)
	}
	p := role.Packet{Link: to.link, Frames: own}
	w := from.node.w
	if w.lost(from.node, to.node, p) {
		if c.dialled.kind == Faithful || w.Brittle != nil && w.Brittle(c.bound.endpoint) {
			w.After(0, func() {
				if !c.closed {
					c.dialled.disconnect(func(string) bool { return true })
				}
			})
		}
		return
	}
	arrive := func(frames [][]byte) func() {
		return func() {
			if !c.closed {
				to.receive(c, frames)
			}
		}
	}
	if w.Repeat != nil && !c.dialled.repeatsNothing() && w.Repeat(from.node.Name, to.node.Name, p) {
		again := make([][]byte, len(own))
		for i, f := range own {
			again[i] = append([]byte{}, f...)
		}
		c.after(to, arrive(again))
	}
	c.after(to, arrive(own))
}

// want tells the publishing end what the other wants, or wants no more.
func (c *conn) want(from *socket, on byte, topic string) {
	to := c.other(from)
	c.after(to, func() {
		if c.closed {
			return
		}
		if on == 1 {
			c.wanted[topic]++
		} else if c.wanted[topic]--; c.wanted[topic] <= 0 {
			delete(c.wanted, topic)
		}
		to.receive(c, [][]byte{append([]byte{on}, topic...)})
	})
}

// receive gives a message to the socket's machine.
func (s *socket) receive(c *conn, frames [][]byte) {
	p := role.Packet{Link: s.link, Peer: s.peer, Frames: frames}
	switch s.kind {
	case Router:
		p.Peer = c.id
	case Req:
		if len(frames) < 2 || len(frames[0]) > 0 {
			return // as libzmq does
		}
		p.Frames = frames[1:]
	}
	n, w := s.node, s.node.w
	w.digest(n.Name, p)
	from, at := c.other(s).node.Name, w.now
	n.Do(func(now role.Time) {
		if w.Trace != nil {
			w.Trace(w.now, describe(from, n.Name, p))
		}
		if w.Arrived != nil {
			w.Arrived(from, n, p, at)
		}
		n.Machine.Receive(now, p)
	})
}

func (s *socket) subscribe(on byte, topic string) {
	if on == 1 {
		s.topics = append(s.topics, topic)
	} else if i := slices.Index(s.topics, topic); i >= 0 {
		s.topics = slices.Delete(s.topics, i, i+1)
	}
	for _, c := range s.conns {
		c.want(s, on, topic)
	}
}

// send does what the socket's kind does with a message.
func (n *Node) send(p role.Packet) {
	s := n.socket(p.Link, p.Peer)
	if s == nil {
		return
	}
	switch s.kind {
	case Push:
		for _, c := range s.conns {
			c.deliver(s, p.Frames)
		}
	case Req, Dealer, Faithful:
		frames := p.Frames
		if s.kind == Req {
			frames = append([][]byte{{}}, frames...)
		}
		if len(s.conns) == 0 {
			s.pending = append(s.pending, frames)
			return
		}
		s.conns[0].deliver(s, frames)
	case Router:
		for _, c := range s.conns {
			if c.id == p.Peer {
				c.deliver(s, p.Frames)
				return
			}
		}
		n.lost = append(n.lost, p)
	case Pub:
		for _, c := range s.conns {
			if c.wants(p.Frames[0]) {
				c.deliver(s, p.Frames)
			}
		}
	case XSub:
		s.subscribe(p.Frames[0][0], string(p.Frames[0][1:]))
	default:
		panic(fmt.Sprintf("sim: %s sends on link %d, which only receives", n.Name, p.Link))
	}
}

func (c *conn) wants(topic []byte) bool {
	for t := range c.wanted {
		if bytes.HasPrefix(topic, []byte(t)) {
			return true
		}
	}
	return false
}
