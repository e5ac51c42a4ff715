package httpserver

import (
	"errors"
	"os"
	"sync"
	"time"
)

// lookAfter is how long a request is worked on before it is looked whether its
// client is still there: what is answered sooner costs nothing.
const lookAfter = 20 * time.Millisecond

// A look is how a connection notices that its client goes away while nothing is
// read from it: another goroutine waits for the next byte, which stays in the
// reader, or for the end.
type look struct {
	timer *time.Timer   // runs it; nil until it is first needed
	armed bool          // the timer has been set, and not stopped
	done  chan struct{} // gets one when the other goroutine has let go of the reader

	mu   sync.Mutex
	over bool // guarded by mu: the other goroutine has to end
}

// Watch begins to watch whether the client is there: if it goes away, Context ends.
// The request's body must have been read. Unwatch ends that.
func (x *Exchange) Watch() {
	l := &x.conn.look
	if l.armed || !x.body.whole || x.conn.r.Buffered() > 0 {
		return // who sends the next request already is there
	}
	l.armed, l.over = true, false
	if l.timer == nil {
		l.timer = time.AfterFunc(lookAfter, x.conn.watch)
	} else {
		l.timer.Reset(lookAfter)
	}
}

// Unwatch ends what Watch began.
func (x *Exchange) Unwatch() { x.conn.unlook() }

// unlook has the reader back.
func (c *conn) unlook() {
	l := &c.look
	if !l.armed {
		return
	}
	l.armed = false
	if l.timer.Stop() {
		return // it had not begun
	}
	l.mu.Lock()
	l.over = true
	c.setReadBy(time.Unix(1, 0)) // whatever waits for a byte stops
	l.mu.Unlock()
	<-l.done
	c.setReadBy(time.Time{})
}

// watch waits until the client sends something, goes away, or has its answer.
func (c *conn) watch() {
	l := &c.look
	l.mu.Lock()
	if !l.over { // else the deadline is what ends it
		_ = c.rw.SetReadDeadline(time.Time{})
	}
	l.mu.Unlock()
	if _, err := c.r.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.cancel()
	}
	l.done <- struct{}{}
}
