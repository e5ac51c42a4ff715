package cluster

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"faasd/internal/latency"
	"faasd/internal/wire"
)

func near(got, want, relative float64) bool { return math.Abs(got-want) <= relative*want }

// counting is a queue, a worker and a frontend that began at its clock's 0 and
// have counted per second since.
type counting struct {
	inc       wire.Incarnation
	perSecond uint64
	sequence  uint64
}

// tell has a view take what they say at their clock, under way for a while.
func (c *counting) tell(v *View, clock, under time.Duration) {
	c.sequence++
	n := uint64(clock) * c.perSecond / uint64(time.Second)
	q := queueState("q", c.inc, c.sequence)
	q.Clock = 1 + clock.Milliseconds()
	q.Queue.Arrived, q.Queue.Done, q.Queue.Failed = 2*n, n, n/4
	q.Queue.Functions = map[string]wire.FunctionState{"echo": {Arrived: 2 * n, Done: n, Failed: n / 4}}
	f := wire.State{
		Member: wire.Member{Role: wire.RoleFrontend, Name: "f", Incarnation: c.inc + 1}, Sequence: c.sequence, Clock: q.Clock,
		Frontend: &wire.FrontendState{Open: 5, Accepted: 2 * n, Answered: n, Failed: n / 4, Refused: n / 2},
	}
	v.State(clock+under, q, 0)
	v.State(clock+under, f, 0)
	v.Detail(wire.Detail{Role: wire.RoleQueue, Name: "q", Incarnation: c.inc, Sequence: c.sequence, Clock: q.Clock, Workers: []wire.WorkerDetail{
		{ID: "1", Name: "w", State: wire.WorkerUp, Done: n, Failed: n / 4},
	}})
}

// all returns every set of rates in a picture, scaled to In: 2, Out: 1, Failed: 1/4.
func (c *counting) check(t *testing.T, when string, p Picture) {
	t.Helper()
	if len(p.Queues) != 1 || len(p.Functions) != 1 || len(p.Workers) != 1 {
		t.Fatalf("%s: %d queues, %d functions, %d workers", when, len(p.Queues), len(p.Functions), len(p.Workers))
	}
	out := float64(c.perSecond)
	for of, r := range map[string]Rates{
		"queue": p.Queues[0].Rates, "function": p.Functions[0].Rates, "worker": p.Workers[0].Rates, "totals": p.Totals.Rates,
	} {
		in := 2 * out
		if of == "worker" {
			in = 0
		}
		if !r.Known || !near(r.In, in, 0.02) || !near(r.Out, out, 0.02) || math.Abs(r.Failed-out/4) > 1 {
			t.Errorf("%s: %s has %+v, want %g in, %g out and %g failed", when, of, r, in, out, out/4)
		}
	}
	if math.Abs(p.Totals.RefusedRate-out/2) > 1 || p.Totals.Open != 5 {
		t.Errorf("%s: %g refused, want %g; %d open", when, p.Totals.RefusedRate, out/2, p.Totals.Open)
	}
}

func TestRatesAreTrueWhateverThePaceOfStates(t *testing.T) {
	for name, every := range map[string]func(i int) time.Duration{
		"20 a second":    func(int) time.Duration { return 50 * time.Millisecond },
		"one a second":   func(int) time.Duration { return time.Second },
		"now and then":   func(i int) time.Duration { return []time.Duration{20, 700, 40, 1000, 333}[i%5] * time.Millisecond },
		"long gaps":      func(i int) time.Duration { return []time.Duration{100, 2900}[i%2] * time.Millisecond },
		"every 1.999 s":  func(int) time.Duration { return 1999 * time.Millisecond },
		"faster than ms": func(i int) time.Duration { return 700 * time.Microsecond },
	} {
		t.Run(name, func(t *testing.T) {
			v, c := &View{Rates: true}, &counting{inc: 1, perSecond: 100}
			clock := time.Duration(0)
			for i := 0; clock < 20*second; i++ {
				clock += every(i)
				c.tell(v, clock, 3*time.Millisecond)
				if p := v.Picture(clock + 400*time.Millisecond); clock > 3*second {
					c.check(t, fmt.Sprint(clock), p)
				} else if len(p.Queues) == 1 && p.Queues[0].Rates.Known && !near(p.Queues[0].Rates.Out, 100, 0.03) {
					t.Fatalf("at %v %+v", clock, p.Queues[0].Rates)
				}
				if e := v.Get(1); len(e.said) > 7 || len(e.workers) > 7 {
					t.Fatalf("%d states and %d details are kept", len(e.said), len(e.workers))
				}
			}
		})
	}
}

func TestRatesAreTrueWhileStatesAreLate(t *testing.T) {
	v, c, r := &View{Rates: true}, &counting{inc: 1, perSecond: 100}, rand.New(rand.NewPCG(1, 2))
	late, last := time.Duration(0), time.Duration(0)
	for clock := time.Duration(0); clock < 30*second; clock += 100 * time.Millisecond {
		if r.IntN(10) == 0 {
			late = time.Duration(r.IntN(2500)) * time.Millisecond
		}
		last = max(last, clock+late) // they do not overtake each other
		c.tell(v, clock, last-clock)
		if clock > 4*second {
			c.check(t, fmt.Sprint(clock), v.Picture(last))
		}
	}
}

func TestRatesAreTrueAgainAfterASilence(t *testing.T) {
	v, c := &View{Rates: true}, &counting{inc: 1, perSecond: 100}
	run := func(from, to time.Duration) {
		for clock := from; clock < to; clock += 50 * time.Millisecond {
			c.tell(v, clock, 0)
			if clock > 3*second {
				c.check(t, fmt.Sprint(clock), v.Picture(clock))
			}
		}
	}
	run(0, 10*second)
	if p := v.Picture(13 * second); p.Queues[0].State != StateLost || p.Queues[0].Rates.Known || p.Totals.Rates.Known || p.Workers[0].Rates.Known || len(p.Functions) != 0 {
		t.Errorf("rates of who is lost: %+v", p)
	}
	run(17*second, 25*second) // a coordinator was gone
}

func TestRatesOfAStepAreOldWithinThreeSeconds(t *testing.T) {
	v := &View{Rates: true}
	for i := range 100 { // one a second until 5 s, nothing since
		s := queueState("q", 1, uint64(i+1))
		s.Clock, s.Queue.Arrived = int64(1+100*i), uint64(min(i, 50)/10)
		v.State(time.Duration(i)*100*time.Millisecond, s, 0)
	}
	if r := v.Picture(10 * second).Queues[0].Rates; !r.Known || r.In != 0 {
		t.Errorf("%+v, want none", r)
	}
}

func TestNothingIsKnownOfRatesBeforeASecond(t *testing.T) {
	for name, v := range map[string]*View{"too soon": {Rates: true}, "not wanted": {}} {
		c := &counting{inc: 1, perSecond: 100}
		c.tell(v, 0, 0)
		c.tell(v, 900*time.Millisecond, 0)
		if name == "not wanted" {
			c.tell(v, 9*second, 0)
		}
		p := v.Picture(9 * second)
		if zero := (Rates{}); p.Queues[0].Rates != zero || p.Workers[0].Rates != zero || p.Totals.Rates != zero || p.Totals.RefusedRate != 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestNoRateIsEverNegative(t *testing.T) {
	v := &View{Rates: true}
	say := func(inc wire.Incarnation, i int, f map[string]wire.FunctionState, done uint64, workers ...wire.WorkerDetail) {
		now := time.Duration(i) * second
		s := queueState("q", inc, uint64(i+1))
		s.Clock, s.Queue.Functions, s.Queue.Done = 1+now.Milliseconds(), f, done
		v.State(now, s, 0)
		v.Detail(wire.Detail{Role: wire.RoleQueue, Name: "q", Incarnation: inc, Sequence: s.Sequence, Clock: s.Clock, Workers: workers})
	}
	rates := func(i int) (Rates, Rates) {
		t.Helper()
		p := v.Picture(time.Duration(i) * second)
		for _, q := range p.Queues {
			for _, r := range []Rates{q.Rates, p.Totals.Rates} {
				if r.In < 0 || r.Out < 0 || r.Failed < 0 {
					t.Errorf("at %d s %+v", i, r)
				}
			}
		}
		var f, w Rates
		if len(p.Functions) > 0 {
			f = p.Functions[0].Rates
		}
		if len(p.Workers) > 0 {
			w = p.Workers[0].Rates
		}
		return f, w
	}
	fn := func(done uint64) map[string]wire.FunctionState {
		return map[string]wire.FunctionState{"f": {Done: done}}
	}
	say(1, 0, fn(1000), 5000, wire.WorkerDetail{ID: "1", Done: 100})
	say(1, 1, fn(1010), 5010, wire.WorkerDetail{ID: "1", Done: 110})
	if f, w := rates(1); f.Out != 10 || w.Out != 10 {
		t.Errorf("%+v, %+v, want 10 out", f, w)
	}
	say(1, 2, nil, 5010) // forgotten, and its worker has gone
	rates(2)
	say(1, 3, fn(6), 5016, wire.WorkerDetail{ID: "2", Done: 6}) // and back: it has counted from 0
	if f, w := rates(3); f.Out != 3 || w.Out != 3 {
		t.Errorf("%+v, %+v, want 3 out", f, w)
	}
	// The queue begins anew: another incarnation counts from 0.
	say(2, 4, fn(0), 0)
	say(2, 5, fn(8), 8)
	if f, _ := rates(5); !near(f.Out, 3+8, 1) {
		t.Errorf("%+v", f)
	}
	p := v.Picture(6*second + 1)
	if len(p.Queues) != 1 || p.Queues[0].Rates.Out != 8 || p.Functions[0].Rates.Out != 8 {
		t.Errorf("%+v, want 8 out", p.Queues)
	}
}

func TestAMemberOfAnotherVersionHasNoRates(t *testing.T) {
	v := &View{Rates: true}
	for i := range 5 {
		s := queueState("newer", 1, uint64(i+1))
		s.Protocol, s.Clock = wire.BusProtocol+1, int64(1+1000*i)
		v.State(time.Duration(i)*second, s, 0)
		f := wire.State{Member: wire.Member{Role: wire.RoleFrontend, Name: "f", Incarnation: 2, Protocol: wire.BusProtocol + 1}, Sequence: uint64(i + 1), Clock: s.Clock, Frontend: &wire.FrontendState{Accepted: uint64(i)}}
		v.State(time.Duration(i)*second, f, 0)
	}
	if p := v.Picture(4 * second); p.Queues[0].Rates.Out != 0 || p.Totals.Rates.Known {
		t.Errorf("%+v", p)
	}
}

// sketch is a window's to which those times were added, ms.
func TestAMemberThatCountsThisNowAndThatLaterHasNoRates(t *testing.T) {
	frontend, queue := &wire.FrontendState{Accepted: 1}, &wire.QueueState{Arrived: 1}
	for _, role := range []string{wire.RoleFrontend, wire.RoleQueue} {
		for _, frontendFirst := range []bool{true, false} {
			v := &View{Rates: true}
			for n := range 4 { // a stranger's
				s := wire.State{Member: wire.Member{Role: role, Name: "x", Incarnation: 1}, Sequence: uint64(n + 1), Clock: int64(1 + 1000*n), Frontend: frontend}
				if frontendFirst != (n < 2) {
					s.Frontend, s.Queue = nil, queue
				}
				v.State(time.Duration(n)*second, s, 0)
				_ = v.Picture(time.Duration(n) * second) // does not panic
			}
		}
	}
}

func sketch(times ...int) []byte {
	var w latency.Window
	for _, ms := range times {
		w.Add(0, time.Duration(ms)*time.Millisecond)
	}
	return w.Append(0, nil)
}

func TestPercentilesAreOfAllJobsTogether(t *testing.T) {
	var v View
	say := func(name string, inc wire.Incarnation, at time.Duration, latencies map[string][]byte) {
		s := queueState(name, inc, 1)
		s.Queue.Functions = map[string]wire.FunctionState{"f": {Workers: 1, Arrived: 4, Done: 3, Failed: 1, Oldest: int64(inc)}}
		if name != "a" {
			s.Queue.Functions["g"] = wire.FunctionState{Waiting: 2}
		}
		v.State(at, s, 0)
		v.Detail(wire.Detail{Role: wire.RoleQueue, Name: name, Incarnation: inc, Sequence: 1, JobsTotal: 7, Latency: latencies})
	}
	fast, slow := make([]int, 98), []int{1000, 5000}
	for i := range fast {
		fast[i] = 10
	}
	say("a", 1, 10*second, map[string][]byte{"f": sketch(fast...), "": sketch(20)})
	say("b", 2, 10*second, map[string][]byte{"f": sketch(slow...), "g": []byte("no sketch")})
	say("lost", 3, 5*second, map[string][]byte{"f": sketch(90_000)})
	p := v.Picture(10 * second)
	check := func(of string, l Latency, count uint64, p50, p95, p99, longest float64) {
		t.Helper()
		if l.Count != count || !near(l.P50, p50, 0.011) || !near(l.P95, p95, 0.011) || !near(l.P99, p99, 0.011) || l.Max != longest {
			t.Errorf("%s: %+v, want %d, %g, %g, %g, %g", of, l, count, p50, p95, p99, longest)
		}
	}
	check("a", p.Queues[0].Latency, 99, 10, 10, 20, 20)
	check("b", p.Queues[1].Latency, 2, 1000, 5000, 5000, 5000)
	check("lost", p.Queues[2].Latency, 1, 90_000, 90_000, 90_000, 90_000) // what it said last
	check("totals", p.Totals.Latency, 101, 10, 10, 1000, 5000)
	if len(p.Functions) != 2 {
		t.Fatalf("functions %+v", p.Functions)
	}
	check("f", p.Functions[0].Latency, 100, 10, 10, 1000, 5000)
	check("g", p.Functions[1].Latency, 0, 0, 0, 0, 0)
	f, g := p.Functions[0], p.Functions[1]
	f.Latency = Latency{}
	if want := (Function{Name: "f", State: StateOK, Queues: 2, Workers: 2, Arrived: 8, Done: 6, Failed: 2, Oldest: 2}); !reflect.DeepEqual(f, want) {
		t.Errorf("%+v, want %+v", f, want)
	}
	if want := (Function{Name: "g", State: StateNoWorker, Queues: 1, Waiting: 2}); !reflect.DeepEqual(g, want) {
		t.Errorf("%+v, want %+v", g, want)
	}
	if p.Totals.JobsTotal != 14 || p.Queues[2].JobsTotal != 7 {
		t.Errorf("%d jobs in all", p.Totals.JobsTotal)
	}
	if empty := (&View{}).Picture(second); empty.Functions == nil {
		t.Error("no functions are null in JSON")
	}
}

func BenchmarkPicture(b *testing.B) {
	const queues, workers, functions = 30, 1000, 8
	v := View{Rates: true}
	r := rand.New(rand.NewPCG(1, 2))
	tell := func(now time.Duration, n uint64) {
		for q := range queues {
			inc := wire.Incarnation(q + 1)
			s := queueState(fmt.Sprint("queue", q), inc, n)
			s.Clock = 1 + now.Milliseconds()
			d := wire.Detail{Role: wire.RoleQueue, Name: s.Name, Incarnation: inc, Sequence: n, Clock: s.Clock, Latency: make(map[string][]byte)}
			for f := range functions {
				var w latency.Window
				for range 1000 {
					w.Add(now, time.Duration(math.Exp(r.NormFloat64())*1e6))
				}
				name := fmt.Sprint("function", f)
				d.Latency[name] = w.Append(now, nil)
				s.Queue.Functions[name] = wire.FunctionState{Done: n}
			}
			for i := q; i < workers; i += queues {
				d.Workers = append(d.Workers, wire.WorkerDetail{ID: fmt.Sprint(i), Name: fmt.Sprint("worker", i), Kind: "native", State: wire.WorkerUp, Done: n})
			}
			for i := range wire.MaxJobs {
				d.Jobs = append(d.Jobs, wire.JobDetail{AgeMillis: int64(i)})
			}
			v.State(now, s, 0)
			v.Detail(d)
		}
	}
	for n := range uint64(4) {
		tell(time.Duration(n)*second, n+1)
	}
	drawn := func(b *testing.B, fresh bool) {
		b.ReportAllocs()
		for b.Loop() {
			if fresh {
				for _, e := range v.entries {
					e.latencies = nil
				}
			}
			v.Picture(3 * second)
		}
	}
	b.Run("new details", func(b *testing.B) { drawn(b, true) })
	b.Run("again", func(b *testing.B) { drawn(b, false) })
}
