package httpserver

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRequestsThatComeAtOnceAreAnsweredInOrder(t *testing.T) {
	server := newServer(t, func(x *Exchange) {
		body, err := io.ReadAll(x)
		if err != nil {
			t.Error(err)
		}
		x.Send(http.StatusOK, append([]byte(x.Path()), body...))
	})
	var sent, want strings.Builder
	for i := range 200 {
		body := strings.Repeat("x", i)
		if i%2 == 0 {
			fmt.Fprintf(&sent, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", i, i, body)
		} else {
			fmt.Fprintf(&sent, "POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", i, i, body)
		}
		fmt.Fprintf(&want, "/%d%s", i, body)
	}
	c := dial(t, server.address)
	go func() { _, _ = io.WriteString(c, sent.String()) }()
	var got strings.Builder
	for range 200 {
		_, body := c.hear()
		got.WriteString(body)
	}
	if got.String() != want.String() {
		t.Error("the answers are not those of the requests, in their order")
	}
}

func TestAnOldClientIsSpokenToAsItSpeaks(t *testing.T) {
	server := newServer(t, ok)
	for header, goesOn := range map[string]bool{"": false, "Connection: keep-alive\r\n": true, "Connection: close\r\n": false} {
		c := dial(t, server.address)
		c.say("GET / HTTP/1.0\r\n%s\r\n", header)
		resp, body := c.hear()
		if resp.Proto != "HTTP/1.0" || body != "ok" || goesOn != (resp.Header.Get("Connection") == "keep-alive") {
			t.Errorf("%q: %s, %q with %v", header, resp.Proto, body, resp.Header)
		}
		if goesOn {
			c.say(next)
			c.hear()
		} else {
			c.ended()
		}
	}
	c := dial(t, server.address)
	c.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if resp, _ := c.hear(); !resp.Close {
		t.Errorf("a client that ends its connection is answered with %v", resp.Header)
	}
	c.ended()
}

func TestAHandlerThatPanicsEndsItsOwnConnection(t *testing.T) {
	var log bytes.Buffer
	server := newServerWith(t, Config{
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		Handler: func(x *Exchange) {
			if x.Path() == "/panics" {
				panic("of the test")
			}
			ok(x)
		},
	})
	other := dial(t, server.address)
	other.say(next)
	other.hear()
	c := dial(t, server.address)
	c.say("GET /panics HTTP/1.1\r\nHost: a\r\n\r\n")
	c.ended()
	other.say(next)
	other.hear()
	other.Close()
	server.Shutdown(t.Context(), t.Context())
	if !strings.Contains(log.String(), "of the test") || !strings.Contains(log.String(), "conn_test.go") {
		t.Errorf("logged %q, want the panic and where it was", log.String())
	}
}

func TestSoManyConnectionsMayBeOpen(t *testing.T) {
	server := newServerWith(t, Config{Handler: ok, Connections: 2})
	first, second, third := dial(t, server.address), dial(t, server.address), dial(t, server.address)
	for _, c := range []*client{first, second} {
		c.say(next)
		c.hear()
	}
	third.say(next)
	answered := make(chan struct{})
	go func() {
		third.hear()
		close(answered)
	}()
	first.say(next)
	first.hear() // and the third waits in the kernel
	select {
	case <-answered:
		t.Error("more are served than may be")
	default:
	}
	second.Close()
	<-answered
}

// A counting connection counts the system calls that its writes are.
type counting struct {
	net.Conn
	writes atomic.Int32
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestASmallAnswerIsOneWrite(t *testing.T) {
	ours, theirs := net.Pipe()
	count := &counting{Conn: theirs}
	s := New(Config{Handler: func(x *Exchange) {
		x.Set("X-A", "b")
		x.Send(http.StatusOK, []byte(strings.Repeat("y", copied)))
	}, Refuse: refuses})
	go s.ServeConn(count)
	go func() { _, _ = io.WriteString(ours, next) }()
	resp, err := http.ReadResponse(bufio.NewReader(ours), nil)
	if err != nil || resp.ContentLength != copied {
		t.Fatal(resp, err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	if n := count.writes.Load(); n != 1 {
		t.Errorf("written in %d pieces", n)
	}
	ours.Close()
}

func TestAnAnswersHead(t *testing.T) {
	server := newServer(t, func(x *Exchange) {
		x.Set("X-Twice", "first")
		x.Set("X-Two-Lines", "a\r\nX-Evil: b")
		x.Set("X-Twice", "second")
		switch x.Path() {
		case "/none":
			x.Send(http.StatusNoContent, nil)
		default:
			x.Send(http.StatusOK, []byte("<html>"))
		}
	})
	c := dial(t, server.address)
	for _, ask := range []struct {
		method, path string
		body         string
		length       string
	}{{"GET", "/", "<html>", "6"}, {"HEAD", "/", "", "6"}, {"POST", "/", "<html>", "6"}, {"GET", "/none", "", ""}, {"HEAD", "/none", "", ""}} {
		c.say("%s %s HTTP/1.1\r\nHost: a\r\n\r\n", ask.method, ask.path)
		resp, err := http.ReadResponse(c.r, &http.Request{Method: ask.method})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != ask.body {
			t.Errorf("%s %s: %q, %v", ask.method, ask.path, body, err)
		}
		h := resp.Header
		date, err := http.ParseTime(h.Get("Date"))
		if err != nil || time.Since(date) > patience {
			t.Errorf("the date is %q", h.Get("Date"))
		}
		if h.Get("X-Twice") != "second" || h.Get("X-Evil") != "" || h.Get("X-Two-Lines") != "a  X-Evil: b" || h.Get("Content-Length") != ask.length {
			t.Errorf("%s %s: %v", ask.method, ask.path, h)
		}
		for _, none := range []string{"Server", "Content-Type", "Connection"} {
			if _, there := h[none]; there {
				t.Errorf("%s %s: nobody has set %s", ask.method, ask.path, none)
			}
		}
	}
}

func TestAnAnswerThatIsShorterThanItSaysBreaksOff(t *testing.T) {
	server := newServer(t, func(x *Exchange) {
		x.Start(http.StatusOK, 10)
		if err := x.Write([]byte("short")); err != nil {
			t.Error(err)
		}
	})
	c := dial(t, server.address)
	c.say(next)
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != io.ErrUnexpectedEOF || string(body) != "short" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestAClientIsToldToSendItsBodyWhenTheHandlerReadsIt(t *testing.T) {
	server := newServer(t, func(x *Exchange) {
		if x.Path() == "/refused" {
			x.Send(http.StatusForbidden, nil)
			return
		}
		body, err := io.ReadAll(x)
		if err != nil {
			t.Error(err)
		}
		x.Send(http.StatusOK, body)
	})
	for _, framing := range []string{"Content-Length: 3", "Transfer-Encoding: chunked"} {
		body := "abc"
		if strings.HasPrefix(framing, "T") {
			body = "3\r\nabc\r\n0\r\n\r\n"
		}
		c := dial(t, server.address)
		for range 2 {
			c.say("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n%s\r\n\r\n", framing)
			if resp, _ := c.hear(); resp.StatusCode != http.StatusContinue {
				t.Fatalf("%s: told %s", framing, resp.Status)
			}
			c.say("%s", body)
			if resp, body := c.hear(); resp.StatusCode != http.StatusOK || body != "abc" {
				t.Errorf("%s: then %s, %q", framing, resp.Status, body)
			}
		}
		c.say("POST /refused HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n%s\r\n\r\n", framing)
		if resp, _ := c.hear(); resp.StatusCode != http.StatusForbidden || !resp.Close {
			t.Errorf("%s: refused with %s, %v", framing, resp.Status, resp.Header)
		}
		c.ended()
	}
}

func TestADrainedServerAnswersWhatIsOpenAndWhatStillComes(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	server := newServer(t, func(x *Exchange) {
		if x.Path() == "/slow" {
			began <- struct{}{}
			<-goOn
		}
		ok(x)
	})
	idle, fresh, slow := dial(t, server.address), dial(t, server.address), dial(t, server.address)
	idle.say(next)
	idle.hear()
	slow.say("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-began
	server.awaitOpen(t, 3)
	server.Drain()
	idle.ended()
	if _, err := net.Dial("tcp", server.address); err == nil {
		t.Error("a drained server takes connections")
	}
	fresh.say(next)
	if resp, body := fresh.hear(); body != "ok" || !resp.Close {
		t.Errorf("who was there before is answered with %s, %v", resp.Status, resp.Header)
	}
	fresh.ended()
	stopped := make(chan struct{})
	go func() {
		server.Shutdown(t.Context(), t.Context())
		close(stopped)
	}()
	close(goOn)
	if resp, body := slow.hear(); body != "ok" || !resp.Close {
		t.Errorf("what was open is answered with %s, %v", resp.Status, resp.Header)
	}
	slow.ended()
	<-stopped
}

// awaitOpen waits until so many connections are served.
func (s *testServer) awaitOpen(t *testing.T, want int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for over := time.After(patience); ; {
		s.mu.Lock()
		open := len(s.conns)
		s.mu.Unlock()
		if open == want {
			return
		}
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("%d connections are open, want %d", open, want)
		}
	}
}

func TestWhatTakesTooLongIsBrokenOffAtTheEnd(t *testing.T) {
	began := make(chan struct{})
	server := newServer(t, func(x *Exchange) {
		close(began)
		<-x.Context().Done()
		x.Leave(499)
	})
	quiet, slow := dial(t, server.address), dial(t, server.address)
	server.awaitOpen(t, 2)
	slow.say(next)
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	go server.Shutdown(ctx, ctx)
	quiet.ended()
	slow.ended()
}

func TestAStoppedServerServesNobodyMore(t *testing.T) {
	server := New(Config{Handler: ok, Refuse: refuses, Log: slog.New(slog.DiscardHandler)})
	server.Shutdown(t.Context(), t.Context())
	ours, theirs := net.Pipe()
	defer ours.Close()
	server.ServeConn(theirs) // it was accepted before, and comes too late
	if _, err := ours.Write([]byte(next)); err != io.ErrClosedPipe {
		t.Errorf("a connection that comes too late: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := server.Serve(l); err != ErrStopped {
		t.Errorf("Serve returns %v", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("a stopped server listens")
	}
}

// looked is what a connection reads when it has no more to read.
type looked func()

func (l looked) Read([]byte) (int, error) {
	l()
	return 0, io.EOF
}

// What a connection holds while it waits bounds how many there may be.
func TestAConnectionThatWaitsHoldsNothingOfARequest(t *testing.T) {
	long := strings.Repeat("x", 20<<10)
	answered, waited := false, false
	s := New(Config{Log: slog.New(slog.DiscardHandler), Refuse: refuses, Handler: func(x *Exchange) {
		answered = x.Query() == long && x.ContentType() == long
		x.Set("X-Large", long)
		x.Send(http.StatusOK, nil)
	}})
	look := func() {
		for c := range s.conns {
			x := &c.x
			held := len(x.path) + len(x.escaped) + len(x.query) + len(x.host) + len(x.contentType) +
				len(c.target.is) + len(c.host.is) + len(c.contentType.is) + len(x.Request.RawHeaders())
			for _, f := range x.fields[:cap(x.fields)] {
				held += len(f.value)
			}
			if held > 0 || c.r.Size() != smallHead {
				t.Errorf("it holds %d bytes, and a reader of %d", held, c.r.Size())
			}
			waited = c.state.Load() == waiting
		}
	}
	sent := fmt.Sprintf("GET /%s?%s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n\r\n", long, long, long)
	s.ServeConn(&given{brings: io.MultiReader(strings.NewReader(sent), looked(look))})
	if !answered || !waited {
		t.Errorf("answered: %t, waited: %t", answered, waited)
	}
}

func TestALargeAnswerIsWrittenToItsEndWhileOthersAreBrokenOff(t *testing.T) {
	const size = 16 << 20 // more than a kernel takes
	began := make(chan struct{}, 2)
	server := newServer(t, func(x *Exchange) {
		began <- struct{}{}
		_, _ = io.Copy(io.Discard, x)
		x.Send(http.StatusOK, make([]byte, size))
	})
	reader, sender := dial(t, server.address), dial(t, server.address)
	reader.say(next)
	resp, err := http.ReadResponse(reader.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	sender.say(post + "Content-Length: 9\r\n\r\n")
	<-began
	<-began
	over, cancel := context.WithCancel(t.Context())
	cancel()
	stopped := make(chan struct{})
	go func() {
		server.Shutdown(over, t.Context())
		close(stopped)
	}()
	sender.ended()
	select {
	case <-stopped:
		t.Error("stopped in the middle of an answer")
	default:
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
		t.Errorf("%d of %d bytes, then %v", n, size, err)
	}
	<-stopped
	giveUp := newServer(t, func(x *Exchange) { x.Send(http.StatusOK, make([]byte, size)) })
	reader = dial(t, giveUp.address)
	reader.say(next)
	if _, err := reader.r.Peek(1); err != nil {
		t.Fatal(err)
	}
	giveUp.Shutdown(over, over)
	if n, _ := io.Copy(io.Discard, reader.r); n >= size {
		t.Error("an answer is not broken off in the end")
	}
}
