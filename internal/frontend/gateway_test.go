package frontend

import (
	"context"
	"errors"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// gateway is a gateway whose owner's turn is the caller's.
func (s *stage) gateway(ended <-chan struct{}) *Gateway {
	return NewGateway(s.m, func(fn func(role.Time)) bool {
		select {
		case <-ended:
			return false
		default:
		}
		fn(s.now)
		s.pump()
		return true
	}, ended)
}

// hear has the frontend learn of a queue with echo and upper.
func (s *stage) hear(free int) {
	state := wire.State{
		Member:   wire.Member{Role: wire.RoleQueue, Name: "queueA", Incarnation: 9},
		Sequence: uint64(s.now), Queue: &wire.QueueState{Functions: map[string]wire.FunctionState{
			"upper": {Workers: 2, Free: free, Waiting: 3, Running: 4},
			"echo":  {Workers: 1, Free: free},
		}},
	}
	s.m.Receive(s.now, role.Packet{Link: LinkSubscribe, Peer: "coordinator0", Frames: wire.EncodeBus(state.Topic(), state)})
}

func TestACallReturnsItsAnswer(t *testing.T) {
	s := newStage(t, 1)
	g := s.gateway(nil)
	b := s.brokers[0]
	do := g.do
	g.do = func(fn func(role.Time)) bool { // the broker answers at once
		ok := do(fn)
		for _, m := range b.took(wire.TypeJob) {
			b.answer(m, nil)
		}
		return ok
	}
	a, why, err := g.Call(context.Background(), Request{Function: "echo", Timeout: time.Second})
	if err != nil || why.Why != Accepted || string(a.Body) != "result" {
		t.Errorf("%+v, refusal %d, %v", a, why, err)
	}
	if _, why, err = g.Call(context.Background(), Request{Function: "nobody", Timeout: time.Second}); why.Why != UnknownFunction || err != nil {
		t.Errorf("refusal %+v, %v", why, err)
	}
}

func TestACallThatIsGivenUpCancelsItsJob(t *testing.T) {
	s := newStage(t, 1)
	ctx, leave := context.WithCancel(context.Background())
	leave()
	if _, _, err := s.gateway(nil).Call(ctx, Request{Function: "echo", Timeout: time.Second}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := len(s.brokers[0].took(wire.TypeCancel)); n != 1 {
		t.Errorf("the broker was told of %d cancelled jobs", n)
	}
	s.empty()
}

func TestNothingHangsOnAFrontendThatHasStopped(t *testing.T) {
	s := newStage(t, 1)
	ended := make(chan struct{})
	g := s.gateway(ended)
	do := g.do
	g.do = func(fn func(role.Time)) bool { // it stops after it has accepted the request
		defer func() {
			select {
			case <-ended:
			default:
				close(ended)
			}
		}()
		return do(fn)
	}
	if _, why, err := g.Call(context.Background(), Request{Function: "echo", Timeout: time.Second}); why.Why != Stopping || err != nil {
		t.Errorf("refusal %+v, %v", why, err)
	}
	if _, why, err := g.Call(context.Background(), Request{Function: "echo", Timeout: time.Second}); why.Why != Stopping || err != nil {
		t.Errorf("refusal %+v, %v", why, err)
	}
	if _, err := g.Ready(context.Background()); !errors.Is(err, ErrStopped) {
		t.Errorf("ready: %v", err)
	}
	if _, err := g.Functions(context.Background()); !errors.Is(err, ErrStopped) {
		t.Errorf("functions: %v", err)
	}
	if _, err := g.Serving(context.Background()); !errors.Is(err, ErrStopped) {
		t.Errorf("serving: %v", err)
	}
}

func TestAQuestionIsGivenUpWithItsContext(t *testing.T) {
	s := newStage(t, 1)
	never := NewGateway(s.m, func(func(role.Time)) bool { return true }, nil)
	ctx, leave := context.WithCancel(context.Background())
	leave()
	if _, err := never.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestReadyAndServing(t *testing.T) {
	is := func(ok bool, err error) bool {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	ctx := context.Background()
	s := newStage(t, 1)
	g := s.gateway(nil)
	if !is(g.Ready(ctx)) || is(g.Serving(ctx)) {
		t.Error("with a broker and no queue it is ready and serves nothing")
	}
	s.hear(0)
	if is(g.Serving(ctx)) {
		t.Error("it serves without a free slot")
	}
	s.run(20 * ms)
	s.hear(2)
	if !is(g.Serving(ctx)) {
		t.Error("it does not serve with a free slot")
	}
	s.m.Drain(s.now)
	if is(g.Ready(ctx)) {
		t.Error("a draining frontend is ready")
	}
	lonely := newStage(t, 0)
	if is(lonely.gateway(nil).Ready(ctx)) {
		t.Error("ready without a broker")
	}
}

func TestFunctionsAreThoseBuiltInAndThoseServed(t *testing.T) {
	s := newStage(t, 1)
	s.hear(1)
	list, err := s.gateway(nil).Functions(context.Background())
	want := []FunctionInfo{{Name: "echo", BuiltIn: true, Workers: 1}, {Name: "upper", Workers: 2, Waiting: 3, Running: 4}}
	if err != nil || len(list) != 2 || list[0] != want[0] || list[1] != want[1] {
		t.Errorf("%+v, %v; want %+v", list, err, want)
	}
}

func TestARefusalIsKnownBeforehand(t *testing.T) {
	ctx := context.Background()
	s := newStage(t, 1)
	g := s.gateway(nil)
	for fn, want := range map[string]Refusal{"echo": Accepted, "nobody": UnknownFunction} {
		if why, err := g.Refusal(ctx, Request{Function: fn, Timeout: time.Second}); why.Why != want || err != nil {
			t.Errorf("%s: refusal %d, %v; want %d", fn, why, err, want)
		}
	}
	if why, err := newStage(t, 0).gateway(nil).Refusal(ctx, Request{Function: "echo"}); why.Why != NoBroker || err != nil {
		t.Errorf("without a broker: refusal %d, %v", why, err)
	}
	s.m.Drain(s.now)
	if why, err := g.Refusal(ctx, Request{Function: "echo"}); why.Why != Stopping || err != nil {
		t.Errorf("draining: refusal %d, %v", why, err)
	}
}
