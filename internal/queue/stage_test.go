package queue

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/role/roletest"
	"faasd/internal/wire"
)

const ms = time.Millisecond

var (
	wide    = job.Window{Count: 4096, Bytes: 1 << 28}
	endless = job.Window{Count: 1 << 40, Bytes: 1 << 60}
)

const (
	here  = "the queue's host"
	there = "another host"
)

// A stage is queueA among brokers, workers and a coordinator that do as the
// test says, in virtual time. Nothing on it takes time by itself.
type stage struct {
	t         *testing.T
	m         *Machine
	now       time.Duration
	brokers   []*theBroker
	workers   []*theWorker
	replies   map[string][]string // to REQ workers, by routing id: the frames behind the envelope
	cutOff    map[string]bool     // REQ workers whose connection is gone
	inbox     []func()            // what has been sent and not yet arrived
	alias     map[string]string   // what is sent by the first key comes to the broker of the second
	pumping   bool
	published []published
	warmed    int
	states    map[wire.Incarnation]*wire.State // what other queues publish
}

type published struct {
	topic string
	value []byte
}

type theBroker struct {
	*job.Acceptor
	key    string
	inc    wire.Incarnation
	deaf   bool // nothing reaches it
	silent bool // nothing comes from it, and nothing reaches it
	got    []*wire.Message
}

type theWorker struct {
	*job.Initiator
	s      *stage
	member wire.Member
	route  string
	dead   bool // its connection is gone: what is sent to it comes back
	silent bool // nothing comes from it, and nothing reaches it
	got    []*wire.Message
	epochs job.Epochs

	sentAway bool     // the queue has ended the link
	refused  []string // why the queue cannot use it
}

func newStage(t *testing.T, brokers int) *stage {
	t.Helper()
	s := &stage{
		t: t, now: time.Second, replies: make(map[string][]string), cutOff: make(map[string]bool),
		states: make(map[wire.Incarnation]*wire.State),
	}
	cfg := Config{
		Self: wire.Member{
			Role: wire.RoleQueue, Name: "queueA", Incarnation: 10, Host: here, Endpoints: map[string]string{"workers": "w"},
		},
		Coordinators: []string{"c"}, Window: wide, Results: job.Window{Count: 4096, Bytes: 1 << 26}, Log: slog.New(slog.DiscardHandler),
	}
	for i := range brokers {
		cfg.Brokers = append(cfg.Brokers, BrokerEndpoints{fmt.Sprint("jobs", i), fmt.Sprint("responses", i)})
		s.brokers = append(s.brokers, &theBroker{key: fmt.Sprint("broker", i), inc: wire.Incarnation(100 + i)})
	}
	s.m = New(cfg)
	s.run(200 * ms)
	s.hear(wire.SnapshotTopic(10), wire.Snapshot{Coordinator: wire.Member{Endpoints: map[string]string{"publish": "p"}}})
	s.run(200 * ms)
	return s
}

// receive gives the queue a packet, after those that are under way.
func (s *stage) receive(p role.Packet) {
	s.inbox = append(s.inbox, func() { roletest.Deliver(s.m, s.now, p) })
	s.pump()
}

// hear has a message come from the coordinator.
func (s *stage) hear(topic string, v any) {
	s.receive(role.Packet{Link: LinkSubscribe, Peer: "coordinator0", Frames: wire.EncodeBus(topic, v)})
}

// other has another queue publish what it has of echo.
func (s *stage) other(name string, inc wire.Incarnation, workers int, f wire.FunctionState) {
	st := s.states[inc]
	if st == nil {
		st = &wire.State{Member: wire.Member{Role: wire.RoleQueue, Name: name, Incarnation: inc}}
		s.states[inc] = st
	}
	st.Sequence++
	st.Workers = workers
	f.Workers = workers
	st.Queue = &wire.QueueState{Waiting: f.Waiting, Free: f.Free, Slots: f.Free + f.Running, Functions: map[string]wire.FunctionState{"echo": f}}
	s.hear(st.Topic(), st)
}

// worker joins a native worker.
func (s *stage) worker(inc wire.Incarnation, host string, slots int, functions ...string) *theWorker {
	if len(functions) == 0 {
		functions = []string{"echo"}
	}
	w := &theWorker{s: s, route: fmt.Sprint("route of ", inc), member: wire.Member{
		Role: wire.RoleWorker, Name: fmt.Sprint("w", uint64(inc)), Incarnation: inc, Host: host, Functions: functions, Slots: slots,
		Protocol: wire.BusProtocol,
	}}
	w.begin()
	s.workers = append(s.workers, w)
	w.Poll(s.now)
	s.pump()
	return w
}

// begin makes the worker's next link; the jobs in its member are those it has.
func (w *theWorker) begin() {
	w.Initiator = job.NewInitiator(w.member.Incarnation, &w.epochs, endless, func() []byte {
		b, err := json.Marshal(w.member)
		if err != nil {
			w.s.t.Fatal(err)
		}
		return b
	}, func(frames [][]byte) {
		if !w.silent && !w.dead {
			w.s.receive(role.Packet{Link: LinkWorkers, Peer: w.route, Frames: clone(frames)})
		}
	})
}

func clone(frames [][]byte) (c [][]byte) {
	for _, f := range frames {
		c = append(c, slices.Clone(f))
	}
	return c
}

// pump carries out what the queue wants, and gives it what comes of that, until
// nothing is under way.
func (s *stage) pump() {
	if s.pumping {
		return // whoever pumps goes on until all is done
	}
	s.pumping = true
	defer func() { s.pumping = false }()
	for {
		for _, e := range slices.Clone(s.m.Effects()) {
			s.carryOut(e)
		}
		if len(s.inbox) == 0 {
			return
		}
		next := s.inbox[0]
		s.inbox = s.inbox[1:]
		next()
	}
}

func (s *stage) carryOut(e role.Effect) {
	if e.Op != role.OpSend {
		return
	}
	switch e.Link {
	case LinkResponses:
		s.toBroker(e.Peer, e.Frames)
	case LinkWorkers:
		if native := string(e.Frames[0][:min(len(e.Frames[0]), 2)]) == "fd"; e.Batch && !native {
			s.t.Errorf("%q for another's worker may travel in a batch", e.Frames)
		}
		s.toWorker(e.Packet)
	case LinkPublish:
		s.published = append(s.published, published{string(e.Frames[0]), e.Frames[1]})
	}
}

// unreachable returns a packet to the queue.
func (s *stage) unreachable(p role.Packet) {
	s.inbox = append(s.inbox, func() { s.m.Unreachable(s.now, p) })
}

func (s *stage) toBroker(key string, frames [][]byte) {
	if other := s.alias[key]; other != "" {
		key = other
	}
	for _, b := range s.brokers {
		if b.key != key || b.silent || b.deaf {
			continue
		}
		m := s.decode(frames)
		if b.Acceptor == nil {
			b.Acceptor = job.NewAcceptor(b.inc, m.Sender, endless, s.now, func(frames [][]byte) {
				if !b.silent {
					s.receive(role.Packet{Link: LinkJobs, Peer: b.key, Frames: append([][]byte{[]byte(wire.JobTopic("queueA", 10))}, clone(frames)...)})
				}
			})
		}
		if b.Receive(s.now, m) == job.Fresh {
			b.got = append(b.got, m)
		}
	}
}

func (s *stage) toWorker(p role.Packet) {
	if len(p.Frames[0]) == 0 || string(p.Frames[0]) == "PROB" { // for REQ
		if s.cutOff[p.Peer] {
			s.unreachable(p)
			return
		}
		var words []string
		for _, f := range p.Frames[1:] {
			words = append(words, string(f))
		}
		s.replies[p.Peer] = append(s.replies[p.Peer], strings.Join(words, "|"))
		return
	}
	for _, w := range s.workers {
		if w.route != p.Peer || w.dead {
			continue
		}
		m := s.decode(p.Frames)
		if w.silent {
			return
		}
		switch w.Receive(s.now, m) {
		case job.Fresh:
			w.got = append(w.got, m)
		case job.Refused:
			w.refused = append(w.refused, m.Meta.Reason)
		case job.Down:
			w.silent, w.sentAway = true, true // it is at another queue now
		}
		return
	}
	s.unreachable(p)
}

func (s *stage) decode(frames [][]byte) *wire.Message {
	m, err := wire.Decode(clone(frames))
	if err != nil {
		s.t.Fatalf("the queue sends %v", err)
	}
	return m
}

// run lets time pass.
func (s *stage) run(d time.Duration) {
	for end := s.now + d; s.now < end; {
		s.now += 20 * ms
		for _, b := range s.brokers {
			if b.Acceptor != nil && !b.silent {
				b.Poll(s.now)
			}
		}
		for _, w := range s.workers {
			if !w.dead && !w.silent {
				w.Poll(s.now)
			}
		}
		s.m.Tick(s.now)
		s.pump()
	}
}

// request makes job number n.
func request(n int) *wire.Message {
	m := &wire.Message{
		Header: wire.Header{
			Type: wire.TypeJob, AttemptLimit: 3, Origin: 77, OriginSeq: uint64(n), OriginOpen: 1, TTLMillis: 60_000, Assignment: uint32(n),
		},
		Meta: wire.Meta{Function: "echo", ContentType: "text/x"},
	}
	m.Job = jobID(n)
	m.SetBody(fmt.Appendf(nil, "body %d", n))
	return m
}

func jobID(n int) (id wire.JobID) {
	copy(id[:], fmt.Sprintf("job %012d", n))
	return id
}

// give sends jobs from to-1 to the queue.
func (s *stage) give(from, to int) {
	for n := from; n < to; n++ {
		s.brokers[0].Link().Send(s.now, request(n))
	}
}

// say sends a numbered message about a job on a link.
func (s *stage) say(l *job.Link, h wire.Header, body string) {
	m := &wire.Message{Header: h}
	m.SetBody([]byte(body))
	l.Send(s.now, m)
}

// answer has a worker return the result of a job.
func (w *theWorker) answer(m *wire.Message) {
	w.s.say(w.Link(), wire.Header{Type: wire.TypeResult, Job: m.Job, Attempt: m.Attempt}, string(m.Body))
}

// take returns the messages of one type, oldest first, and forgets all.
func take(got *[]*wire.Message, kind wire.Type) (msgs []*wire.Message) {
	for _, m := range *got {
		if m.Type == kind {
			msgs = append(msgs, m)
		}
	}
	*got = nil
	return msgs
}

func (w *theWorker) jobs() []*wire.Message       { return take(&w.got, wire.TypeJob) }
func (b *theBroker) results() []*wire.Message    { return take(&b.got, wire.TypeResult) }
func (b *theBroker) movesAsked() []*wire.Message { return take(&b.got, wire.TypeMove) }

// req has a REQ worker say something and returns the replies, those that are
// owed for earlier messages included.
func (s *stage) req(route string, words ...string) []string {
	f := [][]byte{{}}
	for _, w := range words {
		f = append(f, []byte(w))
	}
	s.receive(role.Packet{Link: LinkWorkers, Peer: route, Frames: f})
	return s.replied(route)
}

func (s *stage) replied(route string) []string {
	r := s.replies[route]
	delete(s.replies, route)
	return r
}

// sentOn returns the values published on topics of a kind since the last call,
// and forgets all others.
func (s *stage) sentOn(kind string) (values [][]byte) {
	for _, p := range s.published {
		if strings.HasPrefix(p.topic, kind) {
			values = append(values, p.value)
		}
	}
	s.published = nil
	return values
}

// consistent checks that the queue's books agree with each other.
func (s *stage) consistent() {
	s.t.Helper()
	lines, atWorkers, ahead, moves := 0, 0, 0, 0
	for _, f := range s.m.functions {
		lines += f.waiting() + f.held.Len()
	}
	for _, w := range s.m.workers {
		atWorkers += len(w.jobs)
		ahead += w.ahead.Len()
		if w.ahead.Len() > 0 && w.busy()+len(w.stopping) < w.slots {
			s.t.Errorf("%s runs %d jobs in %d slots, and %d wait there", w.name, w.busy(), w.slots, w.ahead.Len())
		}
	}
	for _, e := range s.m.jobs {
		if e.state == moving {
			moves++
		}
		if len(e.routes) == 0 && e.state != running {
			s.t.Errorf("job %s waits for nobody", e.msg.Job)
		}
	}
	if lines+atWorkers+moves != len(s.m.jobs) || atWorkers != s.m.running+ahead {
		s.t.Fatalf("%d jobs: %d wait, %d at workers (%d counted), %d move", len(s.m.jobs), lines, atWorkers, s.m.running, moves)
	}
	if len(s.m.routes) > len(s.m.workers) {
		s.t.Errorf("%d routes to %d workers", len(s.m.routes), len(s.m.workers))
	}
}
