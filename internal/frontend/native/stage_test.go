package native

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

const (
	maxBody = 1000
	timeout = 10 * time.Second
)

// A stage is the HTTP interface and a real frontend behind it, with a broker
// that does what the test says. Its time only passes in pass.
type stage struct {
	t       *testing.T
	handler *Handler

	mu       sync.Mutex // guards what follows: the turn
	machine  *frontend.Machine
	now      time.Duration
	ended    bool // the frontend has stopped
	broker   *job.Acceptor
	window   job.Window
	outcome  func(*wire.Message) *wire.Message // of a job; nil: it is not answered
	jobs     []*wire.Message                   // that the broker was given
	cancels  int                               // and taken back
	statuses []int                             // observed
	arrived  chan struct{}                     // gets one for each job or cancel
}

// echo answers with what came.
func echo(m *wire.Message) *wire.Message {
	r := &wire.Message{Meta: wire.Meta{ContentType: m.Meta.ContentType, Queue: "queueA", Worker: "w1"}}
	r.Attempt = 1
	r.SetBody(m.Body)
	return r
}

// fails answers with a code and a reason.
func fails(code wire.Code, reason string) func(*wire.Message) *wire.Message {
	return func(*wire.Message) *wire.Message {
		r := &wire.Message{Meta: wire.Meta{Reason: reason, Queue: "queueA"}}
		r.Code, r.Attempt = code, 3
		r.SetBody(nil)
		return r
	}
}

func unanswered(*wire.Message) *wire.Message { return nil }

// newStage makes a stage whose broker has joined.
func newStage(t *testing.T, outcome func(*wire.Message) *wire.Message) *stage {
	return newStageWith(t, job.Window{Count: 100, Bytes: 1 << 20}, outcome)
}

// newStageWith makes one whose broker has that window; without any if it is zero.
func newStageWith(t *testing.T, window job.Window, outcome func(*wire.Message) *wire.Message) *stage {
	t.Helper()
	s := &stage{t: t, window: window, outcome: outcome, arrived: make(chan struct{}, 1000)}
	s.machine = frontend.New(frontend.Config{
		Self:    wire.Member{Role: wire.RoleFrontend, Name: "f1", Incarnation: 7, Endpoints: map[string]string{"replies": "r"}},
		Brokers: []string{"b"}, Coordinators: []string{"c"}, BuiltIn: []string{"echo"}, Attempts: func(string) int { return 3 },
		MaxWait: time.Second, Window: window, Log: slog.New(slog.DiscardHandler),
	})
	s.handler = New(Config{
		MaxBody: maxBody, Timeout: timeout,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "metrics\n") }),
		Observe: func(status int, _ time.Duration) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.statuses = append(s.statuses, status)
		},
	}, frontend.NewGateway(s.machine, s.do, nil))
	s.pass(time.Second)
	return s
}

// do runs fn in the frontend's turn.
func (s *stage) do(fn func(role.Time)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	fn(s.now)
	s.pump()
	return true
}

// pass lets time pass.
func (s *stage) pass(d time.Duration) {
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
func (s *stage) pump() {
	for effects := slices.Clone(s.machine.Effects()); len(effects) > 0; effects = slices.Clone(s.machine.Effects()) {
		for _, e := range effects {
			if e.Op == role.OpSend && e.Link == frontend.LinkRequests && s.window.Count > 0 {
				s.toBroker(e.Frames)
			}
		}
	}
}

func (s *stage) toBroker(frames [][]byte) {
	m, err := wire.Decode(frames)
	if err != nil {
		s.t.Errorf("the frontend sends %v", err)
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
	defer func() { s.arrived <- struct{}{} }()
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

// hear has the frontend learn of a queue that serves fn.
func (s *stage) hear(fn string) {
	state := wire.State{
		Member:   wire.Member{Role: wire.RoleQueue, Name: "queueA", Incarnation: 9},
		Sequence: 1, Queue: &wire.QueueState{Functions: map[string]wire.FunctionState{fn: {Workers: 2, Waiting: 3, Running: 4}}},
	}
	s.do(func(now role.Time) {
		s.machine.Receive(now, role.Packet{
			Link: frontend.LinkSubscribe, Peer: "coordinator0", Frames: wire.EncodeBus(state.Topic(), state),
		})
	})
}

// observed returns the statuses that the metrics have been told.
func (s *stage) observed() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.statuses)
}

// call makes a request that the handler answers before it returns.
func (s *stage) call(method, path, body string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// callLater makes a request that is answered some time; first it waits until
// the broker has it.
func (s *stage) callLater(method, path, body string, header ...string) chan *httptest.ResponseRecorder {
	s.t.Helper()
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() { answer <- s.call(method, path, body, header...) }()
	<-s.arrived
	return answer
}

// A problem as a program reads it.
type shown struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Job    string `json:"job"`
	Limit  int64  `json:"limit_bytes"`
}

// isProblem checks that an answer is a problem of that status and type.
func isProblem(t *testing.T, w *httptest.ResponseRecorder, status int, kind string) shown {
	t.Helper()
	var p shown
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
