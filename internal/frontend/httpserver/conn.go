package httpserver

import (
	"bufio"
	"context"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// The times of a connection. They bound what a slow client can hold. How long a
// body may take, in or out, is the handler's matter.
const (
	// HeadWithin is how long a request's head may take, and a new connection to
	// bring the first byte of one.
	HeadWithin = 10 * time.Second
	// IdleFor is how long a connection may wait for its next request, but for slack.
	IdleFor = 2 * time.Minute
	// WriteWithin is how long a client may take for a small answer, but for slack, and
	// for each piece of an answer that the handler says nothing else of.
	WriteWithin = 20 * time.Second

	// slack is how much sooner a deadline may come that is only to end what stands
	// still: one that is there already is not set again for less.
	slack = time.Second
)

// What a connection does.
const (
	fresh   int32 = iota // it has brought no request yet
	waiting              // for another request
	active
	writing // an answer that needs more than one piece, or what is behind it
	hungUp  // by the server, which stops
)

// A conn is one connection. It is its goroutine's own but for state and look.
type conn struct {
	server *Server
	rw     net.Conn
	r      *bufio.Reader // of rw; the size is smallHead, or maxHead for a request that needs it
	state  atomic.Int32
	ctx    context.Context // ends with the connection, or when its client has gone
	cancel context.CancelFunc
	look   look
	x      Exchange

	served          bool      // it has brought a request
	bound           bool      // readBy is what the handler has said
	readBy, writeBy time.Time // the deadlines of rw; zero: none

	target, host, contentType last
}

// A last is a string of the last request, which the next mostly has too.
type last struct{ is string }

// of returns b as a string.
func (l *last) of(b []byte) string {
	if string(b) != l.is {
		l.is = string(b)
	}
	return l.is
}

// Readers that are not in use.
var (
	readers      = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, smallHead) }}
	largeReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, maxHead) }}
)

func newConn(s *Server, rw net.Conn) *conn {
	c := &conn{server: s, rw: rw, r: readers.Get().(*bufio.Reader)}
	c.r.Reset(rw)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.look.done = make(chan struct{}, 1)
	c.x.conn = c
	return c
}

// serve serves one request after another.
func (c *conn) serve() {
	defer c.end()
	for c.await() {
		if why := c.readHead(); why != nil {
			c.refuse(why)
			return
		}
		if !c.answer() {
			return
		}
		c.x.forget()
		c.shrink()
		c.served = true
	}
}

// end ends the connection, and what its client waits for. A handler that panics
// ends its own connection and no other.
func (c *conn) end() {
	if p := recover(); p != nil {
		c.server.cfg.Log.Error("a panic while an HTTP request was served", "client", c.rw.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
	}
	c.unlook()
	c.cancel()
	_ = c.rw.Close()
	c.r.Reset(nil) // of what is kept for another, nothing leads here
	if c.r.Size() == smallHead {
		readers.Put(c.r)
	} else {
		largeReaders.Put(c.r)
	}
}

// await waits for the first byte of a request; false if none comes.
func (c *conn) await() bool {
	if c.r.Buffered() > 0 {
		c.state.Store(active)
		return true
	}
	was, within := fresh, HeadWithin
	if c.served {
		was, within = waiting, IdleFor
		c.state.Store(waiting)
		if c.server.draining.Load() { // who drains may have looked at it before
			return false
		}
	}
	c.readWithin(within, slack)
	_, err := c.r.Peek(1)
	return err == nil && c.state.CompareAndSwap(was, active)
}

// answer has the request answered; false if the connection is to end.
func (c *conn) answer() bool {
	x := &c.x
	if x.asksForNothing() {
		x.Send(200, nil)
	} else {
		c.server.cfg.Handler(x)
	}
	c.unlook()
	switch {
	case !x.answered || x.broken || x.owed > 0:
		return false
	case !x.body.whole:
		c.linger(LingerFor - x.rested)
		return false
	}
	return !x.close
}

// LingerFor is how long a client may send more of its body than is of use, before
// the answer and behind it: a few repeats of a lost packet.
const LingerFor = 5 * time.Second

// linger reads on for a while behind the last answer of a connection. Many clients
// send all of a body before they look for an answer; the kernel resets the
// connection of one that sends to a closed socket, and its answer is lost (RFC
// 9112, 9.6).
func (c *conn) linger(within time.Duration) {
	if half, ok := c.rw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	c.readWithin(within, 0)
	_, _ = io.Copy(io.Discard, c.rw)
}

// readWithin sets until when the client must send something, from now on. One
// that is there already stays if it is not more than that much sooner.
func (c *conn) readWithin(within, sooner time.Duration) {
	by := time.Now().Add(within)
	if early := by.Sub(c.readBy); early < 0 || early > sooner || c.readBy.IsZero() {
		c.setReadBy(by)
	}
}

func (c *conn) setReadBy(by time.Time) {
	c.readBy = by
	_ = c.rw.SetReadDeadline(by) // fails if the connection has ended, as reading then does
}

func (c *conn) setWriteBy(by time.Time) {
	c.writeBy = by
	_ = c.rw.SetWriteDeadline(by)
}
