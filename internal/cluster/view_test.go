package cluster

import (
	"maps"
	"slices"
	"testing"
	"time"

	"faasd/internal/wire"
)

const second = time.Second

// queueState makes a queue's state. Its Done repeats the sequence, so that
// tests see which one counts.
func queueState(name string, inc wire.Incarnation, seq uint64) wire.State {
	return wire.State{
		Member:   wire.Member{Role: wire.RoleQueue, Name: name, Incarnation: inc, Workers: 1},
		Sequence: seq,
		Queue: &wire.QueueState{
			Functions: map[string]wire.FunctionState{"echo": {Workers: 1, Free: 1}}, Slots: 1, Free: 1, Done: seq,
		},
	}
}

func left(s wire.State) wire.State {
	s.Left = true
	return s
}

func names(list []*Entry) []string {
	n := []string{}
	for _, e := range list {
		n = append(n, e.State.Name)
	}
	return n
}

func live(v *View, now time.Duration) []wire.Incarnation {
	return slices.Sorted(maps.Keys(maps.Collect(v.Live(now, wire.RoleQueue))))
}

func TestHigherSequenceWins(t *testing.T) {
	for _, c := range []struct {
		name   string
		events func(v *View)
		want   uint64        // sequence
		at     time.Duration // when it was current
	}{
		{"in order", func(v *View) {
			v.State(10*second, queueState("q", 1, 1), 0)
			v.State(11*second, queueState("q", 1, 2), 0)
		}, 2, 11 * second},
		{"overtaken", func(v *View) {
			v.State(10*second, queueState("q", 1, 2), 0)
			v.State(11*second, queueState("q", 1, 1), 0)
		}, 2, 10 * second},
		{"by two coordinators", func(v *View) {
			v.State(10*second, queueState("q", 1, 2), 0)
			v.State(12*second, queueState("q", 1, 2), 0)
		}, 2, 10 * second}, // a copy is no sign of life
		{"older one in a snapshot", func(v *View) {
			v.State(10*second, queueState("q", 1, 5), 0)
			v.Snapshot(10*second, snapshotOf(500, queueState("q", 1, 4)))
		}, 5, 10 * second},
		{"newer one in a snapshot", func(v *View) {
			v.State(10*second, queueState("q", 1, 5), 0)
			v.Snapshot(12*second, snapshotOf(500, queueState("q", 1, 6)))
		}, 6, 11500 * time.Millisecond},
		{"newer one of unlike age in a snapshot", func(v *View) {
			v.State(10*second, queueState("q", 1, 5), 0)
			v.Snapshot(10*second, snapshotOf(5000, queueState("q", 1, 6)))
		}, 6, 10 * second}, // time does not go back
	} {
		t.Run(c.name, func(t *testing.T) {
			var v View
			c.events(&v)
			e := v.Get(1)
			if e == nil || e.State.Sequence != c.want || e.State.Queue.Done != c.want || e.At != c.at {
				t.Errorf("got %+v, want sequence %d of %v", e, c.want, c.at)
			}
		})
	}
}

func snapshotOf(ageMillis int64, states ...wire.State) *wire.Snapshot {
	var s wire.Snapshot
	for _, st := range states {
		s.States = append(s.States, wire.Aged[wire.State]{AgeMillis: ageMillis, Value: st})
	}
	return &s
}

func TestSilentMembersAreLostAfterThreeSecondsAndForgottenAfterAMinute(t *testing.T) {
	var v View
	v.State(10*second, queueState("q", 1, 1), 0)
	for _, c := range []struct {
		now         time.Duration
		live, shown bool
	}{
		{10 * second, true, true}, {13*second - 1, true, true}, {13 * second, false, true}, {69 * second, false, true},
		{70 * second, false, false},
	} {
		if got := len(live(&v, c.now)) == 1; got != c.live {
			t.Errorf("at %v live %t, want %t", c.now, got, c.live)
		}
		shown := v.Members(c.now, wire.RoleQueue)
		if got := len(shown) == 1; got != c.shown {
			t.Errorf("at %v shown %t, want %t", c.now, got, c.shown)
		} else if got && shown[0].Stale(c.now) == c.live {
			t.Errorf("at %v stale %t", c.now, shown[0].Stale(c.now))
		}
	}
	if v.Get(1) != nil {
		t.Error("it is still known")
	}
}

func TestSnapshotsDoNotBringBackTheDead(t *testing.T) {
	for _, c := range []struct {
		name        string
		age         int64 // ms
		live, shown bool
	}{
		{"fresh", 0, true, true}, {"a little old", 2999, true, true}, {"silent", 3000, false, true},
		{"long silent", 59_999, false, true}, {"forgotten", 60_000, false, false}, {"ancient", 1 << 62, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v View
			const now = 5 * second // of a process younger than what it is told
			v.Snapshot(now, snapshotOf(c.age, queueState("q", 1, 7)))
			if got := len(live(&v, now)) == 1; got != c.live {
				t.Errorf("live %t, want %t", got, c.live)
			}
			if got := v.Get(1) != nil; got != c.shown {
				t.Errorf("known %t, want %t", got, c.shown)
			}
			if got := len(v.Members(now, wire.RoleQueue)) == 1; got != c.shown {
				t.Errorf("shown %t, want %t", got, c.shown)
			}
			if c.shown && v.Get(1).At != now-ms(c.age) {
				t.Errorf("current at %v, want %d ms ago", v.Get(1).At, c.age)
			}
			// It does not become fresh by being told again, by a second coordinator.
			v.Snapshot(now+StaleAfter, snapshotOf(c.age, queueState("q", 1, 7)))
			if got := len(live(&v, now+StaleAfter)); got != 0 {
				t.Error("live because two coordinators remember it")
			}
		})
	}
}

func TestNobodyIsFreshFromTheFuture(t *testing.T) {
	var v View
	v.Snapshot(10*second, snapshotOf(-1<<40, queueState("q", 1, 7)))
	v.Snapshot(10*second, snapshotOf(-1<<62, queueState("r", 2, 7)))
	if got := live(&v, 10*second+StaleAfter); len(got) > 0 {
		t.Errorf("%v are live after three seconds of silence", got)
	}
}

func TestSuccessorWinsOnceTheOldIsSilent(t *testing.T) {
	var v View
	v.State(10*second, queueState("q", 1, 50), 0)
	v.State(11*second, queueState("q", 2, 1), 0) // a lower sequence, a new incarnation
	v.State(11*second, queueState("other", 3, 1), 0)
	if got := live(&v, 12*second); !slices.Equal(got, []wire.Incarnation{1, 2, 3}) {
		t.Errorf("live %v: the old one is not known to be gone yet", got)
	}
	if got := names(v.Members(12*second, wire.RoleQueue)); !slices.Equal(got, []string{"q", "q", "other"}) {
		t.Errorf("members %v, want both", got)
	}
	if got := live(&v, 13*second); !slices.Equal(got, []wire.Incarnation{2, 3}) {
		t.Errorf("live %v, want the successor", got)
	}
	list := v.Members(13*second, wire.RoleQueue)
	if !slices.Equal(names(list), []string{"q", "other"}) || list[0].State.Incarnation != 2 {
		t.Errorf("members %v, want the successor only", names(list))
	}
	// A role of the same name is no successor.
	b := queueState("other", 4, 1)
	b.Role = wire.RoleBroker
	v.State(20*second, b, 0)
	if got := names(v.Members(20*second, wire.RoleQueue)); !slices.Equal(got, []string{"q", "other"}) {
		t.Errorf("members %v: a broker has replaced a queue", got)
	}
	// Two that are silent do not replace each other.
	v.State(20*second, queueState("other", 5, 1), 20*second)
	if got := len(v.Members(20*second, wire.RoleQueue)); got != 3 {
		t.Errorf("%d members, want 3: a lost one has replaced a lost one", got)
	}
}

func TestWhoeverLeavesIsForgottenAtOnce(t *testing.T) {
	var v View
	v.State(10*second, queueState("q", 1, 5), 0)
	v.State(10*second, queueState("r", 2, 5), 0)
	v.State(10*second, left(queueState("q", 1, 4)), 0) // overtaken: nonsense
	if v.Get(1) == nil {
		t.Error("an older state has made somebody leave")
	}
	v.State(11*second, left(queueState("q", 1, 6)), 0)
	if got := names(v.Members(11*second, wire.RoleQueue)); v.Get(1) != nil || !slices.Equal(got, []string{"r"}) {
		t.Errorf("members %v, want r", got)
	}
	v.State(11*second, left(queueState("s", 3, 1)), 0) // never seen before
	if v.Get(3) != nil {
		t.Error("somebody who has left has joined")
	}
}

func TestWhoeverHasLeftDoesNotComeBack(t *testing.T) {
	var v View
	v.State(10*second, queueState("q", 1, 5), 0)
	v.State(11*second, left(queueState("q", 1, 6)), 0)
	// The second coordinator is slower, or has not heard of the leaving at all.
	v.State(11*second, queueState("q", 1, 5), 0)
	v.Snapshot(12*second, snapshotOf(1500, queueState("q", 1, 5)))
	v.Detail(wire.Detail{Role: wire.RoleQueue, Name: "q", Incarnation: 1, Sequence: 1})
	if got := live(&v, 12*second); len(got) > 0 || v.Get(1) != nil || v.Serves(12*second, "echo") {
		t.Errorf("live %v, known %v: it has left", got, v.Get(1))
	}
	v.State(12*second, queueState("q", 2, 1), 0)
	if got := live(&v, 12*second); !slices.Equal(got, []wire.Incarnation{2}) {
		t.Errorf("live %v, want the successor", got)
	}
}

func TestMembersThatComeAndGoLeaveNothingBehind(t *testing.T) {
	// A member that only asks for who is live must not remember everybody who ever was.
	for _, leaves := range []bool{false, true} {
		var v View
		for i := range 10_000 {
			now := time.Duration(i) * second
			s := queueState("q", wire.Incarnation(i+1), 1)
			v.State(now, s, 0)
			if leaves {
				s.Sequence++
				v.State(now, left(s), 0)
			}
		}
		if n := len(v.entries) + len(v.left); n > 100 {
			t.Errorf("leaving in order %t: %d of 10000 are remembered", leaves, n)
		}
	}
}

func TestMembersComeInOrderOfNames(t *testing.T) {
	var v View
	for i, name := range []string{"queueAA", "queueB", "queueZ", "queueA", "queueAB"} {
		v.State(second, queueState(name, wire.Incarnation(i+1), 1), 0)
	}
	v.State(second, queueState("queueB", 99, 1), 0)
	b := queueState("a", 50, 1)
	b.Role = wire.RoleBroker
	v.State(second, b, 0)
	want := []string{"queueA", "queueB", "queueB", "queueZ", "queueAA", "queueAB"}
	list := v.Members(second, wire.RoleQueue)
	if !slices.Equal(names(list), want) || list[1].State.Incarnation != 2 || list[2].State.Incarnation != 99 {
		t.Errorf("members %v, want %v", names(list), want)
	}
	if got := names(v.Members(second, wire.RoleBroker)); !slices.Equal(got, []string{"a"}) {
		t.Errorf("brokers %v", got)
	}
	if got := v.Members(second, wire.RoleWorker); len(got) != 0 {
		t.Errorf("workers %v", got)
	}
}

func TestLiveVisitsOneRoleAndStopsWhenAsked(t *testing.T) {
	var v View
	for i := range 5 {
		v.State(second, queueState("q", wire.Incarnation(i+1), 1), 0)
	}
	visited := 0
	for inc, s := range v.Live(second, wire.RoleQueue) {
		if s.Incarnation != inc {
			t.Errorf("%v is visited as %v", s.Incarnation, inc)
		}
		if visited++; visited == 2 {
			break
		}
	}
	if visited != 2 {
		t.Errorf("%d were visited", visited)
	}
	for range v.Live(second, wire.RoleBroker) {
		t.Error("a queue is visited as a broker")
	}
}

func TestDetailBelongsToAKnownIncarnation(t *testing.T) {
	var v View
	d := func(seq uint64) wire.Detail {
		return wire.Detail{Role: wire.RoleQueue, Name: "q", Incarnation: 1, Sequence: seq}
	}
	v.Detail(d(1))
	if v.Get(1) != nil {
		t.Error("a detail has made a member")
	}
	v.State(second, queueState("q", 1, 1), 0)
	for _, c := range []struct{ come, want uint64 }{{2, 2}, {1, 2}, {2, 2}, {3, 3}} {
		v.Detail(d(c.come))
		if got := v.Get(1).Detail; got == nil || got.Sequence != c.want {
			t.Errorf("detail %d came: got %+v, want %d", c.come, got, c.want)
		}
	}
	v.Snapshot(second, &wire.Snapshot{Details: []wire.Aged[wire.Detail]{{AgeMillis: 3000, Value: d(9)}}})
	if got := v.Get(1).Detail.Sequence; got != 3 {
		t.Errorf("a detail of 3 s ago replaced one: sequence %d", got)
	}
	v.Snapshot(second, &wire.Snapshot{Details: []wire.Aged[wire.Detail]{{AgeMillis: 2999, Value: d(9)}}})
	if got := v.Get(1).Detail.Sequence; got != 9 {
		t.Errorf("sequence %d, want that of the snapshot", got)
	}
}

func TestFunctionsAreAddedUpOverQueues(t *testing.T) {
	var v View
	if v.Serves(second, "echo") || len(v.Functions(second)) != 0 {
		t.Error("nobody serves echo yet")
	}
	a, b := queueState("a", 1, 1), queueState("b", 2, 1)
	a.Queue.Functions["echo"] = wire.FunctionState{Workers: 1, Free: 1, Waiting: 2, Running: 3, Oldest: 40}
	b.Queue.Functions["echo"] = wire.FunctionState{Workers: 10, Free: 10, Waiting: 20, Running: 30, Oldest: 4}
	b.Queue.Functions["add"] = wire.FunctionState{}
	for _, s := range []wire.State{a, b, {Member: wire.Member{Role: wire.RoleQueue, Name: "bare", Incarnation: 3}, Sequence: 1}} {
		v.State(second, s, 0)
	}
	want := map[string]wire.FunctionState{"echo": {Workers: 11, Free: 11, Waiting: 22, Running: 33, Oldest: 40}, "add": {}}
	if got := v.Functions(second); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !v.Serves(second, "echo") || !v.Serves(second, "add") || v.Serves(second, "sub") {
		t.Error("echo and add are served, sub is not")
	}
}

func TestFunctionsOfALostQueueAreUnknownUnlessAllAreLost(t *testing.T) {
	var v View
	a, b := queueState("a", 1, 1), queueState("b", 2, 1)
	a.Queue.Functions = map[string]wire.FunctionState{"shout": {Workers: 1}}
	v.State(second, a, 0)
	v.State(3*second, b, 0)
	late := second + StaleAfter
	if got := v.Functions(late); got["shout"] != (wire.FunctionState{}) || got["echo"] == (wire.FunctionState{}) {
		t.Errorf("%v: a is lost, b is not", got)
	}
	if v.Serves(late, "shout") || !v.Serves(late, "echo") {
		t.Error("the lost queue's function is served, or the live one's is not")
	}
	all := 3*second + StaleAfter
	if !v.Serves(all, "shout") || !v.Serves(all, "echo") {
		t.Error("nobody is heard any more, perhaps for want of a coordinator: what was known must still count")
	}
}

func TestPictureShowsWhatIsLostAndCountsWhatIsNot(t *testing.T) {
	var v View
	worker := func(name string) wire.WorkerDetail {
		return wire.WorkerDetail{ID: name, Name: name, State: wire.WorkerUp}
	}
	detail := func(inc wire.Incarnation, workers ...wire.WorkerDetail) {
		v.Detail(wire.Detail{Role: wire.RoleQueue, Incarnation: inc, Sequence: 1, Workers: workers})
	}
	draining, empty := queueState("c", 3, 7), queueState("d", 4, 7)
	draining.Draining = true
	empty.Workers = 0
	v.State(10*second, queueState("lost", 1, 7), 0)
	v.State(14*second, queueState("b", 2, 7), 0)
	v.State(14*second, draining, 0)
	v.State(14*second, empty, 0)
	v.State(14*second, wire.State{Member: wire.Member{Role: wire.RoleBroker, Name: "broker", Incarnation: 9}, Sequence: 1,
		Broker: &wire.BrokerState{Holding: 3}}, 0)
	detail(1, worker("w3"))
	detail(2, worker("w2"), worker("w1"))

	p := v.Picture(15 * second)
	var states []string
	for _, q := range p.Queues {
		states = append(states, q.Name+" "+q.State)
	}
	if want := []string{"b ok", "c draining", "d no-workers", "lost lost"}; !slices.Equal(states, want) {
		t.Errorf("queues %v, want %v", states, want)
	}
	if want := (Totals{Queues: 3, Workers: 2, Slots: 3, Free: 3, Done: 21}); p.Totals != want {
		t.Errorf("totals %+v, want %+v", p.Totals, want)
	}
	var workers []string
	for _, w := range p.Workers {
		workers = append(workers, w.Name+" at "+w.Queue+" "+w.State)
	}
	if want := []string{"w1 at b up", "w2 at b up", "w3 at lost lost"}; !slices.Equal(workers, want) {
		t.Errorf("workers %v, want %v", workers, want)
	}
	if heard := p.Workers[2].HeardMillis; heard != 5000 {
		t.Errorf("the worker of the lost queue was heard %d ms ago", heard)
	}
	if len(p.Brokers) != 1 || p.Brokers[0].Broker.Holding != 3 || p.Brokers[0].AgeMillis != 1000 {
		t.Errorf("brokers %+v", p.Brokers)
	}
	if v.Get(1).Detail.Workers[0].State != wire.WorkerUp {
		t.Error("drawing the picture has changed the view")
	}
	if p.Frontends == nil || p.Coordinators == nil {
		t.Error("lists that are empty are null in JSON")
	}
}

// A role that crashed and is back at its endpoints must not be shown twice until
// the first of it has been silent for three seconds.
func TestWhoIsAtAnothersEndpointsHasTakenItsPlace(t *testing.T) {
	var v View
	at := func(inc wire.Incarnation, endpoint string, started int64) wire.State {
		s := queueState("queueA", inc, 1)
		s.Endpoints, s.Started = map[string]string{"workers": endpoint}, started
		return s
	}
	names := func(now time.Duration) (list []wire.Incarnation) {
		for _, e := range v.Members(now, wire.RoleQueue) {
			list = append(list, e.State.Incarnation)
		}
		return list
	}
	v.State(10*second, at(1, "ipc://a", 100), 0)
	v.State(10*second, at(2, "ipc://b", 90), 0) // another of that name elsewhere
	v.State(11*second, at(3, "ipc://a", 200), 0)
	if got := names(11 * second); !slices.Equal(got, []wire.Incarnation{2, 3}) {
		t.Errorf("members %v, want 2 and 3", got)
	}
	late := at(1, "ipc://a", 100)
	late.Sequence = 99
	v.State(11*second, late, 0)                  // by a slower coordinator
	v.State(12*second, at(4, "ipc://a", 150), 0) // one that lay in a pipe for long
	if got := names(12 * second); !slices.Equal(got, []wire.Incarnation{2, 3}) {
		t.Errorf("members %v after old states, want 2 and 3", got)
	}
}

func TestStrangersCannotFillTheView(t *testing.T) {
	var v View
	for i := range wire.Incarnation(maxEntries + 100) {
		v.State(second, queueState("q", 1000+i, 1), 0)
	}
	if n := len(v.entries); n != maxEntries {
		t.Errorf("%d members are kept", n)
	}
	for i := range wire.Incarnation(maxEntries + 100) {
		v.State(second, left(queueState("q", 1000+i, 2)), 0)
		v.State(second, left(queueState("q", 1_000_000+i, 2)), 0)
	}
	if n := len(v.left); n != maxEntries || len(v.entries) != 0 {
		t.Errorf("%d are known to have left, and %d are there", n, len(v.entries))
	}
	v.State(2*time.Minute, queueState("q", 1, 1), 0)
	if len(v.left) != 0 || len(v.entries) != 1 {
		t.Errorf("a minute later %d are known to have left, and %d are there", len(v.left), len(v.entries))
	}
}
