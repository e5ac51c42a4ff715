package httpserver

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen soon.
const patience = 15 * time.Second

// A testServer is a server with an address.
type testServer struct {
	*Server
	address string
}

// refuses answers what is no request with the reason.
func refuses(x *Exchange, status int, why string) { x.Send(status, []byte(why)) }

func newServer(t *testing.T, handler func(*Exchange)) *testServer {
	return newServerWith(t, Config{Handler: handler})
}

func newServerWith(t *testing.T, cfg Config) *testServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Refuse = refuses
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &testServer{New(cfg), l.Addr().String()}
	served := make(chan error)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != ErrStopped {
			t.Errorf("Serve returns %v", err)
		}
	})
	return s
}

// A client is one connection to a server.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{conn, t, bufio.NewReader(conn)}
}

// pipe is a connection without a kernel in between, for testing/synctest.
func pipe(t *testing.T, handler func(*Exchange)) *client {
	ours, theirs := net.Pipe()
	s := New(Config{Handler: handler, Refuse: refuses, Log: slog.New(slog.DiscardHandler)})
	done := make(chan struct{})
	go func() {
		s.ServeConn(theirs)
		close(done)
	}()
	t.Cleanup(func() {
		ours.Close()
		<-done
	})
	return &client{ours, t, bufio.NewReader(ours)}
}

func (c *client) say(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads an answer and its body.
func (c *client) hear() (resp *http.Response, body string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("the answer breaks off: %v", err)
	}
	return resp, string(b)
}

// ended checks that the server hangs up, and says nothing before.
func (c *client) ended() {
	c.t.Helper()
	if b, err := c.r.ReadByte(); err != io.EOF {
		c.t.Errorf("%q, %v, want the connection's end", b, err)
	}
}
