package frontend

import (
	"context"
	"log/slog"
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
