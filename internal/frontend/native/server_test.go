package native

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen soon.
const patience = 15 * time.Second

// large is the size of a body that no connection holds in its buffers, in bytes.
const large = 6 << 20

// letLarge has the stage take large bodies, four of one function at a time.
func (s *stage) letLarge() {
	s.handler.cfg.MaxBody, s.handler.bodies.most = large, 8*large
}

// A client is one connection to an HTTP server.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func newClient(t *testing.T, conn net.Conn) *client {
	t.Cleanup(func() { conn.Close() })
	return &client{conn, t, bufio.NewReader(conn)}
}

// dial opens a connection to a server of the stage's.
func (s *stage) dial() *client {
	s.t.Helper()
	server := httptest.NewServer(s.handler)
	s.t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(patience))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return newClient(s.t, conn)
}

// pipe is dial without a kernel in between, in which no time of testing/synctest
// would pass.
func (s *stage) pipe() *client {
	ours, theirs := net.Pipe()
	l := make(pipe, 1)
	l <- theirs
	server := http.Server{Handler: s.handler}
	s.t.Cleanup(func() { server.Close() })
	go func() { _ = server.Serve(l) }()
	return newClient(s.t, ours)
}

// A pipe is a listener.
type pipe chan net.Conn

func (p pipe) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipe) Close() error {
	close(p)
	return nil
}

func (p pipe) Addr() net.Addr { return &net.UnixAddr{} }

// say sends a request up to and with the beginning of its body.
func (c *client) say(method, path, header, body string) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: faasd\r\n%s\r\n\r\n%s", method, path, header, body); err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// add sends more of a body.
func (c *client) add(body string) {
	c.t.Helper()
	if _, err := io.WriteString(c, body); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads an answer.
func (c *client) hear() *httptest.ResponseRecorder {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	w := httptest.NewRecorder()
	w.Code = resp.StatusCode
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	if resp.Close {
		w.Header().Set("Connection", "close")
	}
	if _, err := io.Copy(w.Body, resp.Body); err != nil {
		c.t.Fatalf("an answer breaks off: %v", err)
	}
	return w
}

// closed waits until the server hangs up.
func (c *client) closed() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err != io.EOF {
		c.t.Errorf("%q, %v after the last answer, want the connection's end", b, err)
	}
}
