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

// deploy has a registrar tell that one function is deployed, and nothing else.
func (s *stage) deploy(d wire.Deployed) {
	r := wire.State{Member: wire.Member{Role: wire.RoleRegistrar, Name: "r", Incarnation: 66}, Sequence: 1}
	s.snapshot(wire.Snapshot{
		States:     []wire.Aged[wire.State]{{Value: r}},
		Catalogues: []wire.Published{{Topic: wire.CatalogueTopic(&r.Member), Value: wire.Catalogue{Store: 5, Revision: 1, Functions: []wire.Deployed{d}}}},
	})
}

func TestAFunctionOfWhichNoVersionHasComeUpIsNotUnknown(t *testing.T) {
	version := wire.FunctionVersion{Number: 1, State: wire.VersionFailed, Kind: "exec", Manifest: strings.Repeat("0", 64), TimeoutMillis: 1000}
	for _, c := range []struct {
		current uint32
		removed bool
		want    Refusal
	}{{0, false, NotUp}, {0, true, UnknownFunction}, {1, false, Accepted}, {1, true, UnknownFunction}} {
		s := newcomer(t, "c")
		v := version
		if c.current == 1 {
			v.State = wire.VersionReady
		}
		s.deploy(wire.Deployed{Name: "resize", Current: c.current, Removed: c.removed, Versions: []wire.FunctionVersion{v}})
		if why := s.refusal("resize"); why != c.want {
			t.Errorf("current %d, removed %v: refusal %d, want %d", c.current, c.removed, why, c.want)
		}
		if n := s.m.refusedInAll(); n != 0 {
			t.Errorf("%d requests count as refused for want of room", n)
		}
	}
}

// Whose requests wait in vain is not told that the function may be slow.
func TestARequestThatNoWorkerCouldTakeSaysWhichWorkerIsMissing(t *testing.T) {
	queueWith := func(functions map[string]wire.FunctionState) *wire.State {
		return &wire.State{Member: wire.Member{Role: wire.RoleQueue, Name: "queueA", Incarnation: 9}, Sequence: 1, Queue: &wire.QueueState{Functions: functions}}
	}
	for name, c := range map[string]struct {
		function string
		labels   []string
		queue    *wire.State
		want     string
	}{
		"labels": {"train", []string{"gpu", "big"}, queueWith(map[string]wire.FunctionState{"train": {Waiting: 1}}),
			"no worker with the label gpu,big serves train; start one with it: faasd worker --label gpu,big, and the same --broker as this system's other workers"},
		"no label":         {"train", nil, queueWith(map[string]wire.FunctionState{"train": {Waiting: 1}}), "no worker serves train; start one that does"},
		"a worker":         {"train", []string{"gpu"}, queueWith(map[string]wire.FunctionState{"train": {Workers: 1, Waiting: 1}}), ""},
		"built in":         {"echo", nil, queueWith(map[string]wire.FunctionState{"echo": {Waiting: 1}}), "no worker serves echo; start one that does"},
		"never any worker": {"echo", nil, queueWith(nil), "no worker serves echo; start one that does"},
		"no queue":         {"echo", nil, nil, "no queue is heard, and so no worker; see that one runs"},
	} {
		s := newcomer(t, "c")
		s.m.Receive(s.now, role.Packet{Link: LinkPublish, Peer: "coordinator0", Frames: [][]byte{[]byte("\x01" + wire.TopicState)}}) // it is connected
		s.deploy(wire.Deployed{Name: "train", Current: 1, Versions: []wire.FunctionVersion{
			{Number: 1, State: wire.VersionReady, Kind: "exec", Manifest: strings.Repeat("0", 64), Labels: c.labels, TimeoutMillis: 1000},
		}})
		waiting := s.askWith(Request{Function: c.function, Timeout: time.Second})
		if c.queue != nil {
			s.m.Receive(s.now, role.Packet{Link: LinkSubscribe, Peer: "coordinator0", Frames: wire.EncodeBus(c.queue.Topic(), c.queue)})
		}
		s.run(1100 * ms)
		if a := s.one(waiting); a.Code != wire.CodeExpired || a.Reason != c.want {
			t.Errorf("%s: %+v, want %q", name, a, c.want)
		}
	}
}

// Nothing is known of workers while nobody tells of them.
func TestAFrontendWithoutACoordinatorDoesNotSayThatThereIsNoWorker(t *testing.T) {
	s := newcomer(t)
	waiting := s.askWith(Request{Function: "echo", Timeout: time.Second})
	s.run(1100 * ms)
	if a := s.one(waiting); a.Code != wire.CodeExpired || a.Reason != "" {
		t.Errorf("%+v", a)
	}
}
