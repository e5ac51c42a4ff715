package frontendtest

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"faasd/internal/frontend/httpserver"
)

// Patience is how long a test waits for what must happen soon.
const Patience = 15 * time.Second

// A Client is one connection to an HTTP server.
type Client struct {
	net.Conn
	t *testing.T
	R *bufio.Reader // what comes

	served chan struct{} // closed when the server is done with a Pipe
}

// NewClient makes one that the test closes.
func NewClient(t *testing.T, conn net.Conn) *Client {
	t.Cleanup(func() { conn.Close() })
	return &Client{Conn: conn, t: t, R: bufio.NewReader(conn)}
}

// server is the stage's HTTP server, which serves what the handler does.
func (s *Stage) server() *httpserver.Server {
	s.begin.Do(func() {
		s.serving = httpserver.New(httpserver.Config{Handler: s.Handler, Refuse: s.Refuse, Log: slog.New(slog.DiscardHandler)})
		s.T.Cleanup(s.serving.Close)
	})
	return s.serving
}

// Serve serves HTTP on an address that it returns, HOST:PORT.
func (s *Stage) Serve() (address string) {
	s.T.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.T.Fatal(err)
	}
	server := s.server()
	go func() { _ = server.Serve(l) }()
	return l.Addr().String()
}

// Dial opens a connection to a server of the stage's.
func (s *Stage) Dial() *Client {
	s.T.Helper()
	conn, err := net.Dial("tcp", s.Serve())
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
	c := NewClient(s.T, ours)
	c.served = make(chan struct{})
	server := s.server()
	go func() {
		defer close(c.served)
		server.ServeConn(theirs)
	}()
	return c
}

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
	return c.hear(http.MethodPost)
}

// hear reads the answer to a request of that method.
func (c *Client) hear(method string) *httptest.ResponseRecorder {
	c.t.Helper()
	resp, err := http.ReadResponse(c.R, &http.Request{Method: method})
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

// final is hear but for answers that come before the one to a request.
func (c *Client) final(method string) *httptest.ResponseRecorder {
	c.t.Helper()
	w := c.hear(method)
	for w.Code < http.StatusOK {
		w = c.hear(method)
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
