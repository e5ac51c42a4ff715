package frontend

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/role/roletest"
	"faasd/internal/wire"
)

const ms = time.Millisecond

var wide = job.Window{Count: 100, Bytes: 1 << 20}

// A stage is a frontend with brokers that do as the test says, in virtual
// time. Nothing on it takes time by itself.
type stage struct {
	t       *testing.T
	m       *Machine
	now     time.Duration
	brokers []*theBroker
	alias   map[string]string // what is sent by the first key comes to the broker of the second
	inbox   []func()
	pumping bool
	ids     byte
}

type theBroker struct {
	*job.Acceptor
	s      *stage
	key    string
	inc    wire.Incarnation
	window job.Window
	silent bool // nothing comes from it, and nothing reaches it
	got    []*wire.Message
}

// newStage makes a frontend whose brokers have joined.
func newStage(t *testing.T, brokers int) *stage { return newStageWith(t, brokers, wide) }

func newStageWith(t *testing.T, brokers int, window job.Window) *stage {
	s := &stage{t: t, now: time.Second}
	cfg := Config{
		Self: wire.Member{Role: wire.RoleFrontend, Name: "f1", Incarnation: 7}, HTTP: "http",
		Coordinators: []string{"c"}, BuiltIn: []string{"echo"}, Attempts: func(string) int { return 3 }, MaxWait: time.Second, Window: wide, Log: slog.New(slog.DiscardHandler),
	}
	for i := range brokers {
		cfg.Brokers = append(cfg.Brokers, fmt.Sprint("at broker", i))
		s.brokers = append(s.brokers, &theBroker{s: s, key: fmt.Sprint("broker", i), inc: wire.Incarnation(100 + i), window: window})
	}
	s.m = New(cfg)
	s.m.Advertise("replies", "r")
	s.inform()
	s.run(500 * ms)
	return s
}

// inform has a coordinator tell of a registrar, where nothing is deployed.
func (s *stage) inform() {
	r := wire.State{Member: wire.Member{Role: wire.RoleRegistrar, Name: "r", Incarnation: 66}, Sequence: 1}
	s.snapshot(wire.Snapshot{
		States:     []wire.Aged[wire.State]{{Value: r}},
		Catalogues: []wire.Published{{Topic: wire.CatalogueTopic(&r.Member), Value: wire.Catalogue{Store: 5, Revision: 1}}},
	})
}

// snapshot has a coordinator tell who is there.
func (s *stage) snapshot(v wire.Snapshot) {
	s.m.Receive(s.now, role.Packet{Link: LinkSubscribe, Peer: "coordinator0", Frames: wire.EncodeBus(wire.SnapshotTopic(7), v)})
}

func (s *stage) pump() {
	if s.pumping {
		return
	}
	s.pumping = true
	defer func() { s.pumping = false }()
	for {
		for _, e := range slices.Clone(s.m.Effects()) {
			if e.Op == role.OpSend && e.Link == LinkRequests {
				s.toBroker(e.Peer, e.Frames)
			}
		}
		if len(s.inbox) == 0 {
			return
		}
		next := s.inbox[0]
		s.inbox = s.inbox[1:]
		next()
	}
}

func (s *stage) toBroker(key string, frames [][]byte) {
	m, err := wire.Decode(frames)
	if err != nil {
		s.t.Fatalf("the frontend sends %v", err)
	}
	if other := s.alias[key]; other != "" {
		key = other
	}
	for _, b := range s.brokers {
		if b.key != key || b.silent {
			continue
		}
		if b.Acceptor == nil {
			b.Acceptor = job.NewAcceptor(b.inc, m.Sender, b.window, s.now, b.send)
		}
		if b.Receive(s.now, m) == job.Fresh {
			b.got = append(b.got, m)
		}
	}
}

func (b *theBroker) send(frames [][]byte) {
	if b.silent {
		return
	}
	p := role.Packet{Link: LinkReplies}
	for _, f := range frames {
		p.Frames = append(p.Frames, slices.Clone(f))
	}
	b.s.inbox = append(b.s.inbox, func() { roletest.Deliver(b.s.m, b.s.now, p) })
}

// restart has the broker forget everything and be another incarnation.
func (b *theBroker) restart() { b.Acceptor, b.inc, b.got, b.silent = nil, b.inc+1000, nil, false }

// run lets time pass.
func (s *stage) run(d time.Duration) {
	for end := s.now + d; s.now < end; {
		s.now += 20 * ms
		for _, b := range s.brokers {
			if b.Acceptor != nil && !b.silent {
				b.Poll(s.now)
			}
		}
		s.pump()
		s.m.Tick(s.now)
		s.pump()
	}
}

// A call is a request and what came of it.
type call struct {
	number  uint64
	why     Refusal
	answers []Answer
	id      wire.JobID
}

func (s *stage) ask() *call { return s.askWith(Request{Function: "echo", Timeout: time.Minute}) }

func (s *stage) askWith(q Request) *call {
	s.ids++
	q.ID[0] = s.ids
	c := &call{id: q.ID}
	c.number, c.why = s.m.Submit(s.now, q, func(a Answer) { c.answers = append(c.answers, a) })
	s.pump()
	return c
}

// took returns what the broker has got of one type, and forgets all.
func (b *theBroker) took(kind wire.Type) (msgs []*wire.Message) {
	for _, m := range b.got {
		if m.Type == kind {
			msgs = append(msgs, m)
		}
	}
	b.got = nil
	return msgs
}

// answer has the broker return a result, and the credit of its job.
func (b *theBroker) answer(in *wire.Message, change func(*wire.Message)) {
	r := &wire.Message{
		Header: wire.Header{Type: wire.TypeResult, Job: in.Job, Origin: in.Origin, OriginSeq: in.OriginSeq, Attempt: 1},
		Meta:   wire.Meta{Queue: "queueA", Worker: "w1", ContentType: "text/y"},
	}
	r.SetBody([]byte("result"))
	if change != nil {
		change(r)
	}
	b.Link().Settle(in.Size())
	b.Link().Send(b.s.now, r)
	b.s.pump()
}

// one returns a call's only answer.
func (s *stage) one(c *call) Answer {
	s.t.Helper()
	if len(c.answers) != 1 {
		s.t.Fatalf("%d answers, want one; refusal %d", len(c.answers), c.why)
	}
	return c.answers[0]
}

// empty checks that nothing is open.
func (s *stage) empty() {
	s.t.Helper()
	held := 0
	for _, b := range s.m.brokers {
		held += len(b.held)
	}
	if len(s.m.open)+len(s.m.deadlines)+s.m.homeless.Len()+held != 0 || !s.m.Drained() {
		s.t.Errorf("%d open, %d deadlines, %d homeless, %d held", len(s.m.open), len(s.m.deadlines), s.m.homeless.Len(), held)
	}
}
