package cluster

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"faasd/internal/wire"
)

func TestPictureListsWhatIsDeployedAndWhatWorkersBring(t *testing.T) {
	var v View
	q := queueState("queueA", 1, 1)
	q.Queue.Functions = map[string]wire.FunctionState{
		"echo": {Workers: 2}, "resize": {Workers: 1, Done: 3}, "old": {Workers: 1}, "leaving": {Workers: 1, Running: 1}, "mail": {Waiting: 2},
	}
	r := wire.State{Member: wire.Member{Role: wire.RoleRegistrar, Name: "registrar1", Incarnation: 9, Protocol: wire.BusProtocol}, Sequence: 1}
	v.State(0, q, 0)
	v.State(0, r, 0)
	ready := func(name string, current uint32, removed bool) wire.Deployed {
		return wire.Deployed{Name: name, Current: current, Removed: removed, Versions: []wire.FunctionVersion{{Number: 1, Kind: "wasm"}, {Number: 2, Kind: "lambda", Labels: []string{"gpu"}}}}
	}
	c := &wire.Catalogue{Store: 1, Revision: 1, Functions: []wire.Deployed{
		ready("resize", 2, false), ready("train", 1, false), ready("broken", 0, false), ready("old", 2, true), ready("gone", 2, true), ready("leaving", 2, true),
	}}
	if err := v.Published(wire.CatalogueTopic(&r.Member), c); err != nil {
		t.Fatal(err)
	}
	q.Sequence = 2
	q.Queue.Following = &wire.Following{Applied: c.Of(), Broken: []wire.Broken{
		{Function: "resize", Version: 2, Worker: "w1", Reason: "no disk"}, {Function: "train", Version: 2, Worker: "w1", Reason: "is tried"},
	}}
	v.State(0, q, 0)
	type drawn struct {
		State, Kind string
		Version     uint32
		Workers     int
	}
	got := make(map[string]drawn)
	p := v.Picture(time.Second)
	for _, f := range p.Functions {
		got[f.Name] = drawn{f.State, f.Kind, f.Version, f.Workers}
	}
	want := map[string]drawn{
		"echo": {StateOK, "", 0, 2}, "resize": {StateBroken, "lambda", 2, 1}, "train": {StateNoWorker, "wasm", 1, 0}, "mail": {StateNoWorker, "", 0, 0},
		"broken": {StateFailed, "lambda", 0, 0}, "leaving": {StateRemoved, "lambda", 2, 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	w := &Worker{WorkerDetail: wire.WorkerDetail{Functions: []string{"echo", "leaving", "old", "resize"}}}
	if got := p.Serves(w); !slices.Equal(got, []string{"echo", "resize"}) || len(w.Functions) != 4 {
		t.Errorf("a worker serves %q", got)
	}
	i := slices.IndexFunc(p.Functions, func(f Function) bool { return f.Name == "resize" })
	if labels := p.Functions[i].Labels; !slices.Equal(labels, []string{"gpu"}) {
		t.Errorf("resize has the labels %q", labels)
	}
	if len(p.Registrars) != 1 || p.Registrars[0].Name != "registrar1" {
		t.Errorf("registrars %+v", p.Registrars)
	}
}

func TestCountsOfAFunctionDoNotFallWhenAQueueHasNoWorkerOfIt(t *testing.T) {
	v := View{Rates: true}
	tell := func(inc wire.Incarnation, clock time.Duration, known bool) {
		q := queueState("queue", inc, uint64(clock.Milliseconds()))
		q.Name += inc.String()
		q.Clock = clock.Milliseconds()
		q.Queue.Functions = map[string]wire.FunctionState{}
		if counts := (wire.FunctionCounts{Arrived: 100, Done: 90, Failed: 9}); known {
			q.Queue.Functions["echo"] = wire.FunctionState{Workers: 1, Arrived: counts.Arrived, Done: counts.Done, Failed: counts.Failed}
		} else {
			q.Queue.Past = map[string]wire.FunctionCounts{"echo": counts}
		}
		v.State(clock, q, 0)
	}
	for n, known := range []bool{true, false, false, false, true} {
		now := time.Duration(n+1) * time.Second
		tell(1, now, true)
		tell(2, now, known)
		p := v.Picture(now)
		if len(p.Functions) != 1 || p.Functions[0].Arrived != 200 || p.Functions[0].Done != 180 || p.Functions[0].Failed != 18 {
			t.Errorf("after %v %+v, want 200 that arrived, 180 done, 18 failed", now, p.Functions)
		}
		if r := p.Functions[0].Rates; r.In != 0 || r.Out != 0 || r.Failed != 0 {
			t.Errorf("after %v rates of %+v, and nothing has come", now, r)
		}
	}
	tell(1, 6*time.Second, false)
	tell(2, 6*time.Second, false)
	if p := v.Picture(6 * time.Second); len(p.Functions) != 0 || v.Serves(6*time.Second, "echo") {
		t.Errorf("%+v, and no queue knows the function", p.Functions)
	}
}
