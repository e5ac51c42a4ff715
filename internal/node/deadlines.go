package node

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// net/http and the handlers set some ten deadlines for each request, nearly all of
// them later than the one before, and each costs what a timer does. A lateDeadlines
// is a listener whose connections tell the kernel's poller of a deadline only when
// one comes sooner than the one that it knows; if that passes, they look whether
// it was the last word.
type lateDeadlines struct{ net.Listener }

// Accept waits for the next connection.
func (l lateDeadlines) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lateConn{Conn: c}, nil
}

type lateConn struct {
	net.Conn
	reading, writing deadline
}

// A deadline is that of one direction. A zero time never comes.
type deadline struct {
	mu     sync.Mutex
	wanted time.Time
	known  time.Time // to the connection; not later than wanted
}

// set sets the deadline; tell tells the connection.
func (d *deadline) set(t time.Time, tell func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if t.IsZero() || !d.known.IsZero() && !t.Before(d.known) {
		return nil
	}
	d.known = t
	return tell(t)
}

// over reports, when what the connection knows has passed, whether that was the
// deadline; else the connection knows the one that is.
func (d *deadline) over(tell func(time.Time) error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted.IsZero() && !time.Now().Before(d.wanted) {
		return true
	}
	d.known = d.wanted
	return tell(d.known) != nil
}

// Read reads until the deadline.
func (c *lateConn) Read(b []byte) (n int, err error) {
	for {
		n, err = c.Conn.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || c.reading.over(c.Conn.SetReadDeadline) {
			return n, err
		}
	}
}

// Write writes until the deadline.
func (c *lateConn) Write(b []byte) (n int, err error) {
	for {
		m, err := c.Conn.Write(b[n:])
		n += m
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.writing.over(c.Conn.SetWriteDeadline) {
			return n, err
		}
	}
}

// SetReadDeadline sets the deadline of Read, also of one that waits.
func (c *lateConn) SetReadDeadline(t time.Time) error {
	return c.reading.set(t, c.Conn.SetReadDeadline)
}

// SetWriteDeadline sets the deadline of Write, also of one that waits.
func (c *lateConn) SetWriteDeadline(t time.Time) error {
	return c.writing.set(t, c.Conn.SetWriteDeadline)
}

// SetDeadline sets both.
func (c *lateConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
