// Package frontendtest is a real frontend for the tests of its HTTP adapters: a
// machine behind its gateway, a broker that does what the test says, and clients.
package frontendtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpserver"
	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// What a test's adapter should promise.
const (
	MaxBody = 1000             // bytes
	Timeout = 10 * time.Second // of a request
)

// A Stage is a frontend with a broker. Its time only passes in Pass.
type Stage struct {
	T       *testing.T
	Handler func(*httpserver.Exchange)                           // the test sets it
	Refuse  func(x *httpserver.Exchange, status int, why string) // likewise, if it sends what is no request
	Gateway *Gateway
	Arrived chan struct{} // gets one for each job or cancel

	begin   sync.Once
	serving *httpserver.Server // once begun

	mu       sync.Mutex // guards what follows: the turn
	machine  *frontend.Machine
	now      time.Duration
	ended    bool // the frontend has stopped
	broker   *job.Acceptor
	window   job.Window
	outcome  Outcome
	jobs     []*wire.Message // that the broker was given
	cancels  int             // and taken back
	statuses []int           // observed
}

// An Outcome is what comes of a job; nil: it is not answered.
type Outcome func(*wire.Message) *wire.Message

// Echo answers with what came.
func Echo(m *wire.Message) *wire.Message {
	r := &wire.Message{Meta: wire.Meta{ContentType: m.Meta.ContentType, Queue: "queueA", Worker: "w1"}}
	r.Attempt = 1
	r.SetBody(m.Body)
	return r
}

// Fails answers with a code and a reason.
func Fails(code wire.Code, reason string) Outcome {
	return func(*wire.Message) *wire.Message {
		r := &wire.Message{Meta: wire.Meta{Reason: reason, Queue: "queueA"}}
		r.Code, r.Attempt = code, 3
		r.SetBody(nil)
		return r
	}
}

// Unanswered does not answer.
func Unanswered(*wire.Message) *wire.Message { return nil }

// New makes a stage whose broker has joined.
func New(t *testing.T, outcome Outcome) *Stage {
	return NewWith(t, job.Window{Count: 100, Bytes: 1 << 20}, outcome)
}

// NewWith makes one whose broker has that window; without any if it is zero.
func NewWith(t *testing.T, window job.Window, outcome Outcome) *Stage {
	t.Helper()
	s := &Stage{T: t, window: window, outcome: outcome, Arrived: make(chan struct{}, 1000)}
	s.machine = frontend.New(frontend.Config{
		Self:    wire.Member{Role: wire.RoleFrontend, Name: "f1", Incarnation: 7, Endpoints: map[string]string{"replies": "r"}},
		Brokers: []string{"b"}, Coordinators: []string{"c"}, BuiltIn: []string{"echo"}, Attempts: func(string) int { return 3 },
		MaxWait: time.Second, Window: window, Log: slog.New(slog.DiscardHandler),
	})
	s.Gateway = &Gateway{frontend.NewGateway(s.machine, s.Do, nil), make(map[string]frontend.FunctionInfo)}
	s.inform()
	s.Pass(time.Second)
	return s
}

// A Gateway is a frontend's own that knows of deployed functions besides.
type Gateway struct {
	*frontend.Gateway
	deployed map[string]frontend.FunctionInfo
}

// Resolve finds deployed functions before others; each has one version.
func (g *Gateway) Resolve(ctx context.Context, function, qualifier string) (frontend.FunctionInfo, frontend.Refusal, error) {
	info, ok := g.deployed[function]
	switch {
	case !ok:
		return g.Gateway.Resolve(ctx, function, qualifier)
	case qualifier == "" || qualifier == frontend.Latest || qualifier == fmt.Sprint(info.Version):
		return info, frontend.Accepted, nil
	}
	return info, frontend.UnknownFunction, nil
}

// Deploy has the frontend know a function, and a queue serve it. A stage takes
// one, before its first request.
func (s *Stage) Deploy(info frontend.FunctionInfo) {
	s.Gateway.deployed[info.Name] = info
	s.Hear(info.Name)
}

// Do runs fn in the frontend's turn.
func (s *Stage) Do(fn func(role.Time)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	fn(s.now)
	s.pump()
	return true
}

// Pass lets time pass.
func (s *Stage) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for end := s.now + d; s.now < end; s.now += 50 * time.Millisecond {
		s.machine.Tick(s.now)
		if s.broker != nil {
			s.broker.Poll(s.now)
		}
		s.pump()
	}
}

// pump carries messages between the frontend and its broker.
func (s *Stage) pump() {
	for effects := slices.Clone(s.machine.Effects()); len(effects) > 0; effects = slices.Clone(s.machine.Effects()) {
		for _, e := range effects {
			if e.Op == role.OpSend && e.Link == frontend.LinkRequests && s.window.Count > 0 {
				s.toBroker(e.Frames)
			}
		}
	}
}

func (s *Stage) toBroker(frames [][]byte) {
	m, err := wire.Decode(frames)
	if err != nil {
		s.T.Errorf("the frontend sends %v", err)
		return
	}
	if s.broker == nil {
		s.broker = job.NewAcceptor(1, m.Sender, s.window, s.now, func(frames [][]byte) {
			s.machine.Receive(s.now, role.Packet{Link: frontend.LinkReplies, Frames: frames})
		})
	}
	if s.broker.Receive(s.now, m) != job.Fresh {
		return
	}
	defer func() { s.Arrived <- struct{}{} }()
	if m.Type == wire.TypeCancel {
		s.cancels++
		return
	}
	s.jobs = append(s.jobs, m)
	if r := s.outcome(m); r != nil {
		r.Type, r.Job, r.Origin, r.OriginSeq = wire.TypeResult, m.Job, m.Origin, m.OriginSeq
		s.broker.Link().Settle(m.Size())
		s.broker.Link().Send(s.now, r)
	}
}

// Hear has the frontend learn of a queue that serves fn.
func (s *Stage) Hear(fn string) {
	state := wire.State{
		Member:   wire.Member{Role: wire.RoleQueue, Name: "queueA", Incarnation: 9},
		Sequence: 1, Queue: &wire.QueueState{Functions: map[string]wire.FunctionState{fn: {Workers: 2, Waiting: 3, Running: 4}}},
	}
	s.Do(func(now role.Time) {
		s.machine.Receive(now, role.Packet{
			Link: frontend.LinkSubscribe, Peer: "coordinator0", Frames: wire.EncodeBus(state.Topic(), state),
		})
	})
}

// inform has the frontend learn that nothing is deployed.
func (s *Stage) inform() {
	r := wire.State{Member: wire.Member{Role: wire.RoleRegistrar, Name: "r", Incarnation: 8}, Sequence: 1}
	snapshot := wire.Snapshot{
		States:     []wire.Aged[wire.State]{{Value: r}},
		Catalogues: []wire.Published{{Topic: wire.CatalogueTopic(&r.Member), Value: wire.Catalogue{Store: 1, Revision: 1}}},
	}
	s.Do(func(now role.Time) {
		s.machine.Receive(now, role.Packet{
			Link: frontend.LinkSubscribe, Peer: "coordinator0", Frames: wire.EncodeBus(wire.SnapshotTopic(7), snapshot),
		})
	})
}

// Observe takes the place of the metrics.
func (s *Stage) Observe(status int, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statuses = append(s.statuses, status)
}

// Jobs returns the jobs that the broker was given.
func (s *Stage) Jobs() []*wire.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.jobs)
}

// Cancels returns how many of them were taken back.
func (s *Stage) Cancels() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cancels
}

// Drain has the frontend refuse new requests.
func (s *Stage) Drain() { s.Do(s.machine.Drain) }

// Leave has it answer what is open.
func (s *Stage) Leave() { s.Do(s.machine.Leave) }

// End ends it.
func (s *Stage) End() { s.Do(func(role.Time) { s.ended = true }) }

// Observed returns the statuses that the metrics have been told.
func (s *Stage) Observed() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.statuses)
}

// Call makes a request by a connection of its own and waits for the answer, and
// until the handler has returned.
func (s *Stage) Call(method, path, body string, header ...string) *httptest.ResponseRecorder {
	s.T.Helper()
	c := s.ask(method, path, body, header...)
	defer func() {
		c.Close()
		<-c.served
	}()
	return c.final(method)
}

// ask sends a request by a connection of its own.
func (s *Stage) ask(method, path, body string, header ...string) *Client {
	s.T.Helper()
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: faasd\r\nContent-Length: %d\r\n", method, path, len(body))
	for i := 0; i < len(header); i += 2 {
		fmt.Fprintf(&head, "%s: %s\r\n", header[i], header[i+1])
	}
	c := s.Pipe()
	go func() { _, _ = io.WriteString(c, head.String()+"\r\n"+body) }() // who refuses it does not read all
	return c
}

// CallLater makes a request that is answered some time; first it waits until
// the broker has it.
func (s *Stage) CallLater(method, path, body string, header ...string) chan *httptest.ResponseRecorder {
	s.T.Helper()
	answer := make(chan *httptest.ResponseRecorder, 1)
	c := s.ask(method, path, body, header...)
	go func() {
		defer c.Close()
		answer <- c.final(method)
	}()
	<-s.Arrived
	return answer
}

// CallAndLeave makes a request, waits until the broker has it, and returns how its
// client goes away: once that has returned the handler has too.
func (s *Stage) CallAndLeave(method, path, body string, header ...string) (leave func()) {
	s.T.Helper()
	c := s.ask(method, path, body, header...)
	<-s.Arrived
	return func() {
		c.Close()
		<-c.served
	}
}

// Shown is a problem as a program reads it.
type Shown struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Job    string `json:"job"`
	Limit  int64  `json:"limit_bytes"`
}

// IsProblem checks that an answer is a problem of that status and type.
func IsProblem(t *testing.T, w *httptest.ResponseRecorder, status int, kind string) Shown {
	t.Helper()
	var p Shown
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("status %d with %q, which is not JSON: %v", w.Code, w.Body, err)
	}
	if w.Code != status || p.Status != status || p.Type != "urn:faasd:problem:"+kind {
		t.Errorf("status %d with %+v, want %d and type %s", w.Code, p, status, kind)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("a problem has the content type %q", ct)
	}
	if p.Title == "" || p.Detail == "" {
		t.Errorf("%+v does not say what is wrong", p)
	}
	return p
}

// RetryAfter checks that an answer says to try again after a second.
func RetryAfter(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if got := w.Header().Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q, want 1", got)
	}
}
