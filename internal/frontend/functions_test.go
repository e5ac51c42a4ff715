package frontend

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// newcomer is a frontend that a broker has taken up, and that no coordinator has
// told anything yet.
func newcomer(t *testing.T, coordinators ...string) *stage {
	s := &stage{t: t, now: time.Second, brokers: []*theBroker{{key: "broker0", inc: 100, window: wide}}}
	s.brokers[0].s = s
	s.m = New(Config{
		Self: wire.Member{Role: wire.RoleFrontend, Name: "f1", Incarnation: 7}, Brokers: []string{"b"}, Coordinators: coordinators,
		BuiltIn: []string{"echo"}, Attempts: func(string) int { return 3 }, MaxWait: time.Second, Window: job.Window{Count: 10, Bytes: 1 << 20}, Log: slog.New(slog.DiscardHandler),
	})
	s.m.Advertise("replies", "r")
	s.run(500 * ms)
	return s
}

// refusal is why a request for a function is refused, by a look beforehand too.
func (s *stage) refusal(function string) Refusal {
	s.t.Helper()
	why := s.askWith(Request{Function: function, Timeout: time.Minute}).why
	g := NewGateway(s.m, func(fn func(role.Time)) bool { fn(s.now); return true }, nil)
	if _, resolved, err := g.Resolve(context.Background(), function, ""); resolved != why || err != nil {
		s.t.Errorf("%s is refused by %d, and resolved by %d, %v", function, why, resolved, err)
	}
	return why
}

func TestNobodyIsToldThatAFunctionIsUnknownByAFrontendThatHasJustBegun(t *testing.T) {
	s := newcomer(t, "c")
	s.run(time.Minute) // the coordinator is away
	for function, want := range map[string]Refusal{"echo": Accepted, "resize": Uninformed, "no name": UnknownFunction} {
		if why := s.refusal(function); why != want {
			t.Errorf("before a coordinator has told anything, %s: refusal %d, want %d", function, why, want)
		}
	}
	s.snapshot(wire.Snapshot{})
	s.run(informedAfter - 100*ms)
	if why := s.refusal("resize"); why != Uninformed {
		t.Errorf("the coordinator may have begun just now: refusal %d", why)
	}
	s.run(200 * ms)
	if why := s.refusal("resize"); why != UnknownFunction {
		t.Errorf("refusal %d, though all who are there have told of themselves", why)
	}
}

func TestAFrontendIsInformedOnceARegistrarTellsWhatIsDeployed(t *testing.T) {
	s := newcomer(t, "c")
	s.inform()
	if why := s.refusal("resize"); why != UnknownFunction {
		t.Errorf("refusal %d, though it is known what is deployed", why)
	}
}

func TestAFrontendWithoutCoordinatorsHasNothingToWaitFor(t *testing.T) {
	if why := newcomer(t).refusal("resize"); why != UnknownFunction {
		t.Errorf("refusal %d", why)
	}
}

func TestAVersionIsNotUnknownToAFrontendThatHasJustBegun(t *testing.T) {
	s := newcomer(t, "c")
	g := NewGateway(s.m, func(fn func(role.Time)) bool { fn(s.now); return true }, nil)
	for function, want := range map[string]Refusal{"resize": Uninformed, "echo": UnknownFunction} {
		if _, why, err := g.Resolve(context.Background(), function, "3"); why != want || err != nil {
			t.Errorf("version 3 of %s: %d, %v; want %d", function, why, err, want)
		}
	}
}

// Whose requests wait in vain is not told that the function may be slow.
func TestARequestThatNoWorkerCouldTakeSaysWhichWorkerIsMissing(t *testing.T) {
	for _, c := range []struct {
		labels  []string
		workers int
		want    string
	}{
		{[]string{"gpu", "big"}, 0, "no worker with the label gpu,big serves train; start one (faasd worker --label gpu,big)"},
		{nil, 0, "no worker serves train; start one that does"},
		{[]string{"gpu"}, 1, ""},
	} {
		s := newcomer(t, "c")
		r := wire.State{Member: wire.Member{Role: wire.RoleRegistrar, Name: "r", Incarnation: 66}, Sequence: 1}
		train := wire.Deployed{Name: "train", Current: 1, Versions: []wire.FunctionVersion{
			{Number: 1, State: wire.VersionReady, Kind: "exec", Manifest: strings.Repeat("0", 64), Labels: c.labels, TimeoutMillis: 1000},
		}}
		s.snapshot(wire.Snapshot{
			States:     []wire.Aged[wire.State]{{Value: r}},
			Catalogues: []wire.Published{{Topic: wire.CatalogueTopic(&r.Member), Value: wire.Catalogue{Store: 5, Revision: 1, Functions: []wire.Deployed{train}}}},
		})
		waiting := s.askWith(Request{Function: "train", Timeout: time.Second})
		q := wire.State{Member: wire.Member{Role: wire.RoleQueue, Name: "queueA", Incarnation: 9}, Sequence: 1,
			Queue: &wire.QueueState{Functions: map[string]wire.FunctionState{"train": {Workers: c.workers, Waiting: 1}}}}
		s.m.Receive(s.now, role.Packet{Link: LinkSubscribe, Peer: "coordinator0", Frames: wire.EncodeBus(q.Topic(), q)})
		s.run(1100 * ms)
		if a := s.one(waiting); a.Code != wire.CodeExpired || a.Reason != c.want {
			t.Errorf("labels %q, %d workers: %+v, want %q", c.labels, c.workers, a, c.want)
		}
	}
}
