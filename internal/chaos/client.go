package chaos

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// client is all clients of one frontend. It speaks HTTP by itself, because it
// wants to see what net/http hides: an answer that nobody waits for.
type client struct {
	name     string // of the frontend
	address  string
	patience time.Duration     // how long an answer is waited for; then it hangs
	stray    func(what string) // told of what comes though nothing was asked

	open atomic.Int64 // connections

	mu   sync.Mutex
	idle []*line // the one used last at the end; guarded by mu
}

func newClients(names, addresses []string, patience time.Duration, ledger *ledger) (clients []*client) {
	for i, address := range addresses {
		clients = append(clients, &client{
			name: names[i], address: address, patience: patience,
			stray: func(what string) {
				ledger.breach(Breach{Frontend: names[i], What: "an answer that nobody waits for: " + what})
			},
		})
	}
	return clients
}

// A reply is what came of a request.
type reply struct {
	status int // 0: no answer came
	header http.Header
	body   []byte
	err    error // why none came
	hung   bool  // nothing came in time, and nothing ended
	last   bool  // the connection ends with this answer

	unreached bool // there was no connection
	hungUp    bool // the connection ended before anything came
}

// A line is one connection. At most one request is on it.
type line struct {
	conn    net.Conn
	waiting atomic.Bool
	answers chan reply // the answer, or why none comes; room for one that came too late, and for the end
	used    time.Time  // when it was last given back
}

// idleFor is how long a connection is kept for the next request: shorter than a
// frontend keeps it, so that none is used which is about to be closed.
const idleFor = 30 * time.Second

// post sends a body to a function and waits for what comes back.
func (c *client) post(function string, body []byte, timeout time.Duration) reply {
	over := time.Now().Add(c.patience)
	l, err := c.line(over)
	if err != nil {
		r := failed(err)
		r.unreached = true
		return r
	}
	var message bytes.Buffer
	fmt.Fprintf(&message, "POST /%s HTTP/1.1\r\nHost: faasd\r\nContent-Type: application/octet-stream\r\nX-Timeout: %s\r\nContent-Length: %d\r\n\r\n",
		function, timeout, len(body))
	message.Write(body)
	l.waiting.Store(true)
	_ = l.conn.SetWriteDeadline(over)
	_, err = l.conn.Write(message.Bytes())
	// A frontend that refuses may answer before it has read everything.
	timer := time.NewTimer(time.Until(over))
	defer timer.Stop()
	select {
	case r := <-l.answers:
		if r.err != nil {
			_ = l.conn.Close()
			if err != nil {
				r.err, r.hung = err, failed(err).hung
			}
			return r
		}
		if r.last || err != nil {
			_ = l.conn.Close()
		} else {
			c.giveBack(l)
		}
		return r
	case <-timer.C:
		_ = l.conn.Close()
		return reply{err: fmt.Errorf("nothing came within %s", c.patience), hung: true}
	}
}

func failed(err error) reply {
	timeout, ok := err.(net.Error)
	return reply{err: err, hung: ok && timeout.Timeout()}
}

// line returns a connection that nobody uses.
func (c *client) line(over time.Time) (*line, error) {
	c.mu.Lock()
	for n := len(c.idle); n > 0; n = len(c.idle) {
		l := c.idle[n-1]
		c.idle = c.idle[:n-1]
		if time.Since(l.used) < idleFor && len(l.answers) == 0 {
			c.mu.Unlock()
			return l, nil
		}
		_ = l.conn.Close()
	}
	c.mu.Unlock()
	conn, err := (&net.Dialer{Deadline: over}).Dial("tcp4", c.address)
	if err != nil {
		return nil, err
	}
	l := &line{conn: conn, answers: make(chan reply, 2)}
	c.open.Add(1)
	go func() {
		defer c.open.Add(-1)
		l.read(c.stray)
	}()
	return l, nil
}

func (c *client) giveBack(l *line) {
	l.used = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, l)
}

// close ends the connections that nobody uses.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.idle {
		_ = l.conn.Close()
	}
	c.idle = nil
}

// read hands on what comes, one answer for each request, until the connection
// ends.
func (l *line) read(stray func(string)) {
	defer l.conn.Close()
	r := bufio.NewReader(l.conn)
	for {
		_, err := r.Peek(1)
		if err == nil && !l.waiting.Load() {
			what, _ := r.Peek(r.Buffered())
			stray(fmt.Sprintf("%.200q", what))
			return
		}
		answer := reply{err: err, hungUp: err != nil}
		if err == nil {
			answer = readReply(r)
		}
		l.waiting.Store(false)
		l.answers <- answer
		if answer.err != nil {
			return
		}
	}
}

func readReply(r *bufio.Reader) reply {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return reply{err: err}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{err: fmt.Errorf("answer %d broke off after %d bytes: %w", resp.StatusCode, len(body), err)}
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: body, last: resp.Close}
}

// attempt is the run of the job that answered, 0 if it is not said.
func (r reply) attempt() int {
	n, _ := strconv.Atoi(r.header.Get("X-Faasd-Attempt"))
	return n
}

// job is the id of the job, "" if it is not said.
func (r reply) job() string { return r.header.Get("X-Faasd-Job") }

// retryAfter is after how many seconds the answer says to try again, 0 if it does not.
func (r reply) retryAfter() int {
	n, _ := strconv.Atoi(r.header.Get("Retry-After"))
	return n
}
