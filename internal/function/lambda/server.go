package lambda

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds of what a process can make its worker hold and do.
const (
	// maxHeader is how long the head of a request may be, in bytes; runtimes
	// send descriptions of errors of up to 1 MiB in one header.
	maxHeader = 1<<20 + 64<<10
	// bufferSize is also how long trailers may be: the error of a streamed
	// answer, in base64.
	bufferSize = 32 << 10
	// moreConns is how many connections a process may have open besides two
	// for each of its slots.
	moreConns = 16
	// smallBody is up to where a call is written to the process without a
	// goroutine of its own, in bytes.
	smallBody = 32 << 10
)

// server is the Runtime API of one process: HTTP/1.1 on a loopback port of its
// own. It reads requests with net/http and answers them by itself: a request
// for the next call is answered by whoever has the call, on that goroutine,
// while the connection's own already waits for what the process sends next. So
// a call costs one wake-up on this side, and a process that hangs up gives its
// slot back at once.
type server struct {
	inst     *instance
	listener net.Listener
	room     chan struct{} // has something in it for each open connection
	gone     sync.WaitGroup
	refusing chan struct{} // closed when no more connections are taken

	mu     sync.Mutex // guards below
	conns  map[*conn]struct{}
	last   string // address of the connection behind which no others are taken; "" none yet
	closed bool
}

// listen makes the Runtime API of a process that is about to be started. The
// process may connect at once; it is answered once the API is open.
func listen(i *instance) (*server, error) {
	config := net.ListenConfig{KeepAlive: -1} // both ends are on this machine
	listener, err := config.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &server{
		inst: i, listener: listener, conns: make(map[*conn]struct{}),
		room: make(chan struct{}, 2*i.f.cfg.Concurrency+moreConns), refusing: make(chan struct{}),
	}, nil
}

func (s *server) open() { go s.accept() }

func (s *server) address() string { return s.listener.Addr().String() }

// accept takes connections until the server is closed.
func (s *server) accept() {
	defer close(s.refusing)
	for {
		s.room <- struct{}{}
		c, err := s.listener.Accept()
		switch {
		case err == nil:
			if !s.start(c.(*net.TCPConn)) {
				return
			}
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		<-s.room
		s.inst.f.cfg.Log.Warn("a function's process cannot be reached; trying again in a second", "err", err)
		time.Sleep(time.Second) // out of descriptors, most likely
	}
}

// start serves a connection, and says whether others may follow.
func (s *server) start(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.closed || c.RemoteAddr().String() == s.last
	if last || err != nil {
		_ = c.Close()
		<-s.room
		return !last
	}
	k := &conn{server: s, net: c, raw: raw, in: io.LimitedReader{R: c}}
	k.r = bufio.NewReaderSize(&k.in, bufferSize)
	s.conns[k] = struct{}{}
	s.gone.Go(k.run)
	return true
}

// finish serves what a process that has ended has left in its connections,
// those that have not been accepted yet as well, but not for longer than that.
func (s *server) finish(grace time.Duration) {
	// A connection of our own comes behind all of the process's.
	s.mu.Lock()
	c, err := net.DialTimeout("tcp4", s.address(), grace)
	if err == nil {
		defer c.Close()
		s.last = c.LocalAddr().String()
	}
	s.mu.Unlock()
	if err == nil && within(s.refusing, grace) {
		within(s.idle(), grace)
	}
	s.close()
}

// idle returns a channel that is closed when no connection is left. No other
// may come meanwhile.
func (s *server) idle() <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		s.gone.Wait()
		close(gone)
	}()
	return gone
}

// close ends the server and its connections.
func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	_ = s.listener.Close()
	for k := range s.conns {
		_ = k.net.Close()
	}
	s.mu.Unlock()
	s.gone.Wait()
}

// conn is a connection of a process to its Runtime API.
type conn struct {
	server *server
	net    *net.TCPConn
	raw    syscall.RawConn
	in     io.LimitedReader
	r      *bufio.Reader
	last   bool // no request follows the one that was read last

	// writing is held while a call is written on a goroutine of its own.
	writing sync.Mutex

	open bool // it is in the instance's open; guarded by its function's mu
}

// run reads requests and answers them, until the other side hangs up or what it
// sends is no HTTP.
func (k *conn) run() {
	defer k.end()
	for {
		k.in.N = maxHeader
		req, err := http.ReadRequest(k.r)
		if err != nil || k.server.inst.hungUp(k) {
			return // also if more comes before the next call went out
		}
		k.in.N = math.MaxInt64
		k.written()
		k.last = req.Close
		a := k.server.inst.answer(k, req)
		if !k.drain(req) {
			k.last = true
		}
		runtime.Gosched() // whoever waits for a result goes on before the process, which has it behind it
		if !a.later && !k.send(a) {
			return
		}
	}
}

// written waits until what is being written is.
func (k *conn) written() {
	k.writing.Lock()
	defer k.writing.Unlock()
}

// drain reads what is left of a request's body. It says whether that was all.
func (k *conn) drain(req *http.Request) bool {
	if req.Body == http.NoBody {
		return true
	}
	_, err := io.CopyN(io.Discard, req.Body, bufferSize)
	return err == io.EOF
}

// end forgets the connection.
func (k *conn) end() {
	k.server.inst.hungUp(k)
	_ = k.net.Close()
	k.server.mu.Lock()
	delete(k.server.conns, k)
	k.server.mu.Unlock()
	<-k.server.room
}

// send writes an answer. It says whether another request may follow.
func (k *conn) send(a answer) bool {
	if _, err := k.net.Write(a.bytes(k.last)); err != nil {
		return false
	}
	if k.last {
		// Closing while the other side still sends would take the answer from
		// it: the kernel answers with a reset.
		_ = k.net.CloseWrite()
		_ = k.net.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.Copy(io.Discard, k.net)
	}
	return !k.last
}

// heads are buffers for calls on their way out.
var heads = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

// hand sends a call as the answer to the connection's request for the next one.
// If that fails the call waits again.
func (k *conn) hand(c *call) {
	buf := heads.Get().(*[]byte)
	defer heads.Put(buf)
	last := k.last // another request may follow as soon as all is written
	b := c.appendHead((*buf)[:0], k.server.inst.f.arn)
	rest := net.Buffers{c.in.Body}
	if len(c.in.Body) <= smallBody {
		b = append(b, c.in.Body...)
		rest = nil
	}
	*buf = b
	n, err := k.try(b)
	if n < len(b) {
		rest = append(net.Buffers{bytes.Clone(b[n:])}, rest...)
	}
	if err == nil && len(rest) > 0 {
		k.writing.Lock()
		go func() {
			_, err := rest.WriteTo(k.net)
			k.writing.Unlock()
			k.handed(c, last, err)
		}()
		return
	}
	k.handed(c, last, err)
}

// handed notes that a call has been sent, or could not be.
func (k *conn) handed(c *call, last bool, err error) {
	switch {
	case err != nil:
		k.server.inst.f.giveBack(c)
	case last:
		_ = k.net.CloseWrite()
	}
}

// try writes what the connection takes without waiting.
func (k *conn) try(b []byte) (n int, err error) {
	failed := k.raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), b)
		return true
	})
	switch {
	case failed != nil:
		return 0, failed
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return 0, nil
	}
	return max(n, 0), err
}

// answer is what a request gets.
type answer struct {
	status int
	header string // further lines, each with its end
	body   string
	later  bool // nothing now: it is for the next call
}

// bytes are the answer as it is sent; last says that no other follows.
func (a answer) bytes(last bool) []byte {
	var b strings.Builder
	b.Grow(192 + len(a.body))
	b.WriteString("HTTP/1.1 ")
	b.WriteString(strconv.Itoa(a.status))
	b.WriteByte(' ')
	b.WriteString(http.StatusText(a.status))
	b.WriteString("\r\nContent-Type: ")
	b.WriteString(jsonType)
	b.WriteString("\r\nContent-Length: ")
	b.WriteString(strconv.Itoa(len(a.body)))
	b.WriteString("\r\n")
	b.WriteString(a.header)
	if last {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n")
	b.WriteString(a.body)
	return []byte(b.String())
}
