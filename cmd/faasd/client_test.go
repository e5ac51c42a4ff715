package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// clientTimeout is what a client waits at most. Nothing may take that long:
// what cannot be answered is refused.
const clientTimeout = 15 * time.Second

func newClient() *http.Client {
	return &http.Client{
		Timeout:   clientTimeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
	}
}

// A reply is what came of a request.
type reply struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
	err    error // no answer came
}

// A request is a POST to be sent.
type request struct {
	path        string
	contentType string // empty: none is sent
	body        []byte
	header      map[string]string
}

// do sends a request.
func (s *system) do(ctx context.Context, q request) (a reply) {
	began := time.Now()
	defer func() { a.took = time.Since(began) }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+q.path, bytes.NewReader(q.body))
	if err != nil {
		return reply{err: err}
	}
	if q.contentType != "" {
		r.Header.Set("Content-Type", q.contentType)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	a = reply{status: resp.StatusCode, header: resp.Header}
	a.body, a.err = io.ReadAll(resp.Body)
	return a
}

// echo sends text to /echo.
func (s *system) echo(text string) reply {
	return s.do(context.Background(), request{path: "/echo", contentType: "text/plain", body: []byte(text)})
}

// mustEcho sends text to /echo and fails the test unless it comes back, from a
// worker.
func (s *system) mustEcho(text string) reply {
	s.t.Helper()
	a := s.echo(text)
	if err := a.echoes(text); err != nil {
		s.t.Fatal(err)
	}
	return a
}

// echoes returns what is wrong with a reply to text sent to /echo.
func (a reply) echoes(text string) error {
	switch {
	case a.err != nil:
		return fmt.Errorf("no answer to %.40q: %w", text, a.err)
	case a.status != http.StatusOK:
		return fmt.Errorf("answer %d to %.40q: %.300s", a.status, text, a.body)
	case string(a.body) != text:
		return fmt.Errorf("%.40q came back as %.40q", text, a.body)
	}
	for _, name := range []string{"X-Faasd-Job", "X-Faasd-Attempt", "X-Faasd-Queue", "X-Faasd-Worker"} {
		if len(a.header.Values(name)) != 1 || a.header.Get(name) == "" {
			return fmt.Errorf("%s is %q, want one value", name, a.header.Values(name))
		}
	}
	return nil
}

func (a reply) queue() string  { return a.header.Get("X-Faasd-Queue") }
func (a reply) worker() string { return a.header.Get("X-Faasd-Worker") }

// A pending is a request that has been sent and may have been answered.
type pending struct {
	text   string
	answer chan reply // buffered: the answer, once it has come
}

// sendEchoes sends n different texts to /echo at the same time.
func (s *system) sendEchoes(n int) []pending {
	all := make([]pending, n)
	for i := range all {
		all[i] = s.sendEcho(fmt.Sprintf("text %d", i))
	}
	return all
}

func (s *system) sendEcho(text string) pending {
	p := pending{text, make(chan reply, 1)}
	go func() { p.answer <- s.echo(text) }()
	return p
}

// noneAnswered fails the test if one of the requests is answered in that time.
func noneAnswered(t testing.TB, all []pending, limit time.Duration) {
	t.Helper()
	over := time.NewTimer(limit)
	defer over.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		for _, p := range all {
			if len(p.answer) > 0 {
				a := <-p.answer
				t.Fatalf("%q was answered: %d, %s, %v", p.text, a.status, a.body, a.err)
			}
		}
		select {
		case <-tick.C:
		case <-over.C:
			return
		}
	}
}

// allEchoed waits for the answers and fails the test unless all are right.
func allEchoed(t testing.TB, all []pending) []reply {
	t.Helper()
	answers := make([]reply, len(all))
	for i, p := range all {
		select {
		case answers[i] = <-p.answer:
		case <-time.After(clientTimeout + time.Second):
			t.Fatalf("%q hangs", p.text)
		}
		if err := answers[i].echoes(p.text); err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	return answers
}

// A problem is an application/problem+json answer.
type problem struct {
	Type   string
	Title  string
	Status int
	Detail string
	Job    string
	Limit  int64 `json:"limit_bytes"`
}

// mustBeProblem fails the test unless the answer is a problem of that type.
func (a reply) mustBeProblem(t testing.TB, status int, kind string) problem {
	t.Helper()
	if a.err != nil {
		t.Fatalf("want a problem of type %s: %v", kind, a.err)
	}
	var p problem
	err := json.Unmarshal(a.body, &p)
	if a.status != status || a.header.Get("Content-Type") != "application/problem+json" || err != nil ||
		p.Type != "urn:faasd:problem:"+kind || p.Status != status || p.Title == "" || p.Detail == "" {
		t.Fatalf("answer %d, %s, %s (%v); want a problem %d of type %s", a.status, a.header.Get("Content-Type"), a.body, err, status, kind)
	}
	return p
}

// tally counts values: "queueA 10, queueB 10".
type tally map[string]int

func (c tally) String() string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%s %d", key, c[key]))
	}
	return strings.Join(parts, ", ")
}

// What a load counts requests as that have no answer: nobody takes the
// connection, or it ends before the answer has come.
const (
	refused   = "no answer: refused"
	brokenOff = "no answer: broken off"
)

// A load is clients that send one request after the other, each its own texts.
type load struct {
	s      *system
	stop   chan struct{}
	ended  sync.WaitGroup
	mu     sync.Mutex
	status tally // of answers; "no answer: …" for those that did not come
	wrong  []string
	sent   int
	worst  time.Duration
}

// startLoad starts clients that send a request every pace, or as soon as the
// one before is answered if that is later.
func (s *system) startLoad(clients int, pace time.Duration) *load {
	l := &load{s: s, stop: make(chan struct{}), status: make(tally)}
	for c := range clients {
		l.ended.Go(func() { l.run(c, pace) })
	}
	s.t.Cleanup(func() { l.finish() })
	return l
}

func (l *load) run(client int, pace time.Duration) {
	tick := time.NewTicker(max(pace, time.Nanosecond))
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		text := fmt.Sprintf("client %d text %d", client, i)
		l.note(text, l.s.echo(text))
	}
}

func (l *load) note(text string, a reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	l.worst = max(l.worst, a.took)
	var timeout net.Error
	switch err := a.echoes(text); {
	case err == nil:
		l.status["200"]++
	case a.err == nil && a.status != http.StatusOK:
		var p problem
		if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(a.body, &p) != nil {
			l.wrong = append(l.wrong, err.Error())
		}
		l.status[fmt.Sprintf("%d %s", a.status, strings.TrimPrefix(p.Type, "urn:faasd:problem:"))]++
	case errors.As(a.err, &timeout) && timeout.Timeout():
		l.status["no answer: hung"]++
		l.wrong = append(l.wrong, err.Error())
	case errors.Is(a.err, syscall.ECONNREFUSED):
		l.status[refused]++
	case a.err != nil:
		l.status[brokenOff]++
	default:
		l.wrong = append(l.wrong, err.Error())
	}
}

// finish ends the load, waits for the last answers, and returns how it was.
func (l *load) finish() tally {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.ended.Wait()
	return l.status
}

// failed is how many requests were not answered 200.
func (l *load) failed() int { return l.sent - l.status["200"] }

// answered waits until n more requests have been answered 200.
func (l *load) answered(n int) {
	l.s.t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.status["200"]
	}
	want := count() + n
	eventually(l.s.t, 2*patience, func() error {
		if got := count(); got < want {
			return fmt.Errorf("%d of %d requests answered", got, want)
		}
		return nil
	})
}

// A line is one raw HTTP connection.
type line struct {
	net.Conn
	r *bufio.Reader
}

// connect opens a connection of its own.
func (s *system) connect() *line {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return &line{conn, bufio.NewReader(conn)}
}

// CloseWrite tells the other side that no more comes.
func (l *line) CloseWrite() error { return l.Conn.(*net.TCPConn).CloseWrite() }

// say sends text as it is.
func (l *line) say(text string) error {
	_, err := io.WriteString(l, text)
	return err
}

// sayEcho sends a whole request for /echo.
func (l *line) sayEcho(text string) error {
	return l.say(fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: faasd\r\nContent-Length: %d\r\n\r\n%s", len(text), text))
}

// hear reads one answer.
func (l *line) hear(limit time.Duration) (a reply) {
	if err := l.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return reply{err: err}
	}
	resp, err := http.ReadResponse(l.r, nil)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	a = reply{status: resp.StatusCode, header: resp.Header}
	a.body, a.err = io.ReadAll(resp.Body)
	return a
}
