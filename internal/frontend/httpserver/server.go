// Package httpserver is the HTTP/1.1 server of a frontend: connections, the
// requests that come by them, and their answers. Heads are parsed by fasthttp; the
// connection is our own, because of what is promised of one: a handler has a
// request before its body has come, and decides itself whether to ask for that;
// an answer reaches a client that still sends; a client that goes away is noticed;
// one that waits costs little; and who comes by an open connection while the
// server stops is answered.
package httpserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a server needs.
type Config struct {
	Handler     func(*Exchange)
	Refuse      func(x *Exchange, status int, why string) // answers what is no request that can be served
	Connections int                                       // open at a time, at most; more clients wait until others leave. 0: any number
	Log         *slog.Logger
}

// Server serves connections. Its methods may be called by any goroutine.
type Server struct {
	cfg      Config
	room     chan struct{} // has one for each connection from Serve; nil: any number
	draining atomic.Bool
	drained  chan struct{} // closed once draining
	ended    chan struct{} // may have one if a connection has ended

	mu        sync.Mutex
	conns     map[*conn]struct{} // guarded by mu, as what follows
	listeners []net.Listener
	closed    bool
}

// ErrStopped is what Serve returns once the server is told to stop.
var ErrStopped = errors.New("the HTTP server has been stopped")

// New makes a server.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, drained: make(chan struct{}), ended: make(chan struct{}, 1), conns: make(map[*conn]struct{})}
	if cfg.Connections > 0 {
		s.room = make(chan struct{}, cfg.Connections)
	}
	return s
}

// The pauses between two tries to accept a connection when there is, for example,
// no descriptor for it.
const (
	acceptAgain   = 5 * time.Millisecond
	acceptAtLeast = time.Second
)

// Serve serves what comes by a listener until the server is told to stop or the
// listener fails.
func (s *Server) Serve(l net.Listener) error {
	if !s.listensTo(l) {
		_ = l.Close()
		return ErrStopped
	}
	for pause := acceptAgain; ; {
		if !s.admit() {
			return ErrStopped
		}
		rw, err := l.Accept()
		if err == nil {
			pause = acceptAgain
			go func() {
				defer s.leave()
				s.ServeConn(rw)
			}()
			continue
		}
		s.leave()
		var temporary interface{ Temporary() bool }
		switch {
		case s.draining.Load():
			return ErrStopped
		case !errors.As(err, &temporary) || !temporary.Temporary():
			return err
		}
		s.cfg.Log.Debug("cannot accept an HTTP connection", "error", err, "again_in", pause)
		select {
		case <-time.After(pause):
		case <-s.drained:
		}
		pause = min(2*pause, acceptAtLeast)
	}
}

// listensTo notes a listener, for Drain to close; false if the server has been told
// to stop before.
func (s *Server) listensTo(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.listeners = append(s.listeners, l)
	return true
}

// admit waits until there is room for one more connection; false if the server
// stops before.
func (s *Server) admit() bool {
	if s.room == nil {
		return !s.draining.Load()
	}
	select {
	case s.room <- struct{}{}:
		return true
	case <-s.drained:
		return false
	}
}

func (s *Server) leave() {
	if s.room != nil {
		<-s.room
	}
}

// ServeConn serves one connection until it ends.
func (s *Server) ServeConn(rw net.Conn) {
	c := newConn(s, rw)
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		_ = rw.Close()
		return
	}
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		select {
		case s.ended <- struct{}{}:
		default:
		}
	}()
	c.serve()
}

// Drain takes no more connections and ends those that wait for another request.
// The others, and those that have not brought any yet, end with the answer to the
// next one.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Swap(true) {
		return
	}
	close(s.drained)
	for _, l := range s.listeners {
		_ = l.Close()
	}
	s.hangUp(waiting)
}

// Shutdown drains and waits until all that was begun has ended. What has not when
// ctx ends is broken off, but for answers that are on their way and need more than
// one piece: those when answers ends, if that is later.
func (s *Server) Shutdown(ctx, answers context.Context) {
	s.Drain()
	if s.allEnded(ctx) {
		return
	}
	s.mu.Lock()
	for c := range s.conns {
		if c.state.Load() != writing {
			_ = c.rw.Close()
			delete(s.conns, c)
		}
	}
	s.mu.Unlock()
	if !s.allEnded(answers) {
		s.Close()
	}
}

// allEnded waits until no connection is open; false if ctx ends before.
func (s *Server) allEnded(ctx context.Context) bool {
	for {
		s.mu.Lock()
		s.hangUp(fresh)
		over := len(s.conns) == 0
		s.closed = s.closed || over // who was let in and is not among them yet is not served
		s.mu.Unlock()
		if over {
			return true
		}
		select {
		case <-s.ended:
		case <-ctx.Done():
			return false
		}
	}
}

// Close stops at once and breaks off what is open.
func (s *Server) Close() {
	s.Drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		_ = c.rw.Close()
	}
}

// hangUp ends the connections that are in that state. It is called with mu held.
func (s *Server) hangUp(in int32) {
	for c := range s.conns {
		if c.state.CompareAndSwap(in, hungUp) {
			_ = c.rw.Close()
		}
	}
}
