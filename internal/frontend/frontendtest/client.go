package frontendtest

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

// Patience is how long a test waits for what must happen soon.
const Patience = 15 * time.Second

// A Client is one connection to an HTTP server.
type Client struct {
	net.Conn
	t *testing.T
	R *bufio.Reader // what comes
}

// NewClient makes one that the test closes.
func NewClient(t *testing.T, conn net.Conn) *Client {
	t.Cleanup(func() { conn.Close() })
	return &Client{conn, t, bufio.NewReader(conn)}
}

// Dial opens a connection to a server of the stage's.
func (s *Stage) Dial() *Client {
	s.T.Helper()
	server := httptest.NewServer(s.Handler)
	s.T.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(Patience))
	}
	if err != nil {
		s.T.Fatal(err)
	}
	return NewClient(s.T, conn)
}

// Pipe is Dial without a kernel in between, in which no time of testing/synctest
// would pass.
func (s *Stage) Pipe() *Client {
	ours, theirs := net.Pipe()
	l := make(pipe, 1)
	l <- theirs
	server := http.Server{Handler: s.Handler}
	s.T.Cleanup(func() { server.Close() })
	go func() { _ = server.Serve(l) }()
	return NewClient(s.T, ours)
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

// Say sends a request up to and with the beginning of its body.
func (c *Client) Say(method, path, header, body string) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: faasd\r\n%s\r\n\r\n%s", method, path, header, body); err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// Add sends more of a body.
func (c *Client) Add(body string) {
	c.t.Helper()
	if _, err := io.WriteString(c, body); err != nil {
		c.t.Fatal(err)
	}
}

// Hear reads an answer.
func (c *Client) Hear() *httptest.ResponseRecorder {
	c.t.Helper()
	resp, err := http.ReadResponse(c.R, nil)
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

// Closed waits until the server hangs up.
func (c *Client) Closed() {
	c.t.Helper()
	if b, err := c.R.ReadByte(); err != io.EOF {
		c.t.Errorf("%q, %v after the last answer, want the connection's end", b, err)
	}
}
