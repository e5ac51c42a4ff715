package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	picture "faasd/internal/cluster"
	"faasd/internal/frontend"
	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// An onlooker draws pictures of the whole system, as operators' programs do: a
// role.Machine that is no member.
type onlooker struct {
	role.Outbox
	agent *picture.Agent
	now   func() time.Duration
}

func (c *cluster) onlooker() *onlooker {
	o := &onlooker{now: c.Now}
	o.agent = picture.NewAgent(picture.AgentConfig{
		Self: 0x0b5e7e, Coordinators: c.coordinators(), Subscribe: operatorSubscribe, Publish: operatorPublish,
		Topics: []string{wire.TopicState, wire.TopicDetail}, Emit: o.Emit,
	})
	o.agent.View.Rates = true
	n := c.World.Start(Spec{Name: "onlooker", Machine: o, Kinds: map[role.Link]Kind{operatorSubscribe: Sub, operatorPublish: Pub}})
	n.Do(o.agent.Start)
	return o
}

func (o *onlooker) Receive(now role.Time, p role.Packet) {
	if _, err := o.agent.Receive(now, p); err != nil {
		panic("sim: roles publish what is well formed: " + err.Error())
	}
}

func (o *onlooker) Unreachable(role.Time, role.Packet) {}
func (o *onlooker) Malformed(role.Link, error)         {}
func (o *onlooker) Tick(role.Time)                     {}
func (o *onlooker) Wake() role.Time                    { return role.Never }
func (o *onlooker) picture() picture.Picture           { return o.agent.View.Picture(o.now()) }

// steady asks that often a second, for a while, and looks meanwhile.
func (c *cluster) steady(perSecond int, d time.Duration, look func()) {
	every := time.Second / time.Duration(perSecond)
	for i, end := 0, c.Now()+d; c.Now() < end; i++ {
		c.ask()
		c.Run(every)
		if i%7 == 0 {
			look()
		}
	}
}

func near(got, want, relative float64) bool { return math.Abs(got-want) <= relative*want }

// exact is what a latency must be of known times.
func exact(times []time.Duration) picture.Latency {
	slices.Sort(times)
	at := func(q float64) float64 { return float64(times[int(math.Ceil(q*float64(len(times))))-1]) / 1e6 }
	return picture.Latency{Count: uint64(len(times)), P50: at(0.5), P95: at(0.95), P99: at(0.99), Max: at(1)}
}

func checkLatency(t *testing.T, of string, got, want picture.Latency) {
	t.Helper()
	if got.Count != want.Count || !near(got.P50, want.P50, 0.02) || !near(got.P95, want.P95, 0.02) || !near(got.P99, want.P99, 0.02) || !near(got.Max, want.Max, 1e-9) {
		t.Errorf("%s: %+v, want %+v", of, got, want)
	}
}

func TestPercentilesOnTheScreenAreThoseOfTheLoad(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	took, failed := make(map[string][]time.Duration), uint64(0) // by worker
	serve := func(name string, s worker.Start) (worker.Outcome, time.Duration) {
		d := map[string]func() time.Duration{
			"worker1": func() time.Duration { return time.Duration(math.Exp(r.NormFloat64()) * float64(5*ms)) },
			"worker2": func() time.Duration { return 100*ms + time.Duration(r.IntN(300))*ms },
			"worker3": func() time.Duration { return []time.Duration{50 * ms, 4 * time.Second}[r.IntN(20)/19] },
		}[name]()
		took[name] = append(took[name], d+2*latency) // on the way to the worker, and back
		if len(took[name])%10 == 0 {
			failed++
			return worker.Outcome{Code: wire.CodeFunctionError, Reason: "told to"}, d
		}
		return worker.Outcome{Body: s.Job.Body}, d
	}
	c := start(t, Layout{Queues: 3, Workers: 3, Slots: 64, Serve: serve})
	o := c.onlooker()
	c.steady(100, 40*time.Second, func() {})
	c.within(10*time.Second, "all is answered", func() bool {
		return !slices.ContainsFunc(c.requests, func(r *Request) bool { return !r.Done() })
	})
	c.Run(1100 * ms)
	p := o.picture()
	var all []time.Duration
	for i := range 3 {
		name := fmt.Sprintf("worker%d", i+1)
		q := p.Queues[slices.IndexFunc(p.Queues, func(q picture.Queue) bool { return q.Name == c.Worker(name).Joined() })]
		w := p.Workers[slices.IndexFunc(p.Workers, func(w picture.Worker) bool { return w.Name == name })]
		want := exact(took[name])
		checkLatency(t, q.Name, q.Latency, want)
		if !near(w.P99, want.P99, 0.02) {
			t.Errorf("%s has a P99 of %g ms, want %g", name, w.P99, want.P99)
		}
		if n := want.Count; q.Arrived != n || q.Done != n || q.Failed != n/10 || w.Done != n || w.Failed != n/10 || q.JobsTotal != 0 {
			t.Errorf("%s: %+v, want %d and %d failed", q.Name, q, n, n/10)
		}
		all = append(all, took[name]...)
	}
	checkLatency(t, "totals", p.Totals.Latency, exact(all))
	f := p.Functions[slices.IndexFunc(p.Functions, func(f picture.Function) bool { return f.Name == "echo" })]
	checkLatency(t, "echo", f.Latency, exact(all))
	if n := uint64(len(all)); f.Arrived != n || f.Done != n || f.Failed != failed || p.Totals.Done != n || p.Totals.Failed != failed || f.Queues != 3 {
		t.Errorf("%+v, %+v, want %d and %d failed", f, p.Totals, n, failed)
	}
	c.Run(70 * time.Second)
	if p := o.picture(); p.Totals.Latency.Count != 0 || p.Workers[0].P99 != 0 || p.Totals.Done != uint64(len(all)) {
		t.Errorf("a minute later %+v", p.Totals)
	}
}

// checkRates looks whether a picture shows 100 requests a second, if it shows any.
func checkRates(t *testing.T, c *cluster, p picture.Picture) bool {
	t.Helper()
	n := p.Totals
	if !n.Rates.Known {
		return false
	}
	if !near(n.Rates.In, 100, 0.02) || !near(n.Rates.Out, 100, 0.02) || n.Rates.Failed != 0 || n.RefusedRate != 0 {
		t.Fatalf("%v: %+v, want 100 a second", c.Now(), n.Rates)
	}
	return true
}

func TestRatesOnTheScreenAreThoseOfTheLoad(t *testing.T) {
	late := time.Duration(0)
	for name, disturb := range map[string]func(c *cluster){
		"nothing": func(*cluster) {},
		"coordinator restarted": func(c *cluster) {
			c.Node("coordinator1").Crash()
			c.After(time.Second, func() { c.Start("coordinator1") })
		},
		"coordinator gone a bit": func(c *cluster) {
			c.Node("coordinator1").Crash()
			c.After(8*time.Second, func() { c.Start("coordinator1") })
		},
		"states late": func(*cluster) { late = 1300 * ms },
	} {
		t.Run(name, func(t *testing.T) {
			late = 0
			c := start(t, Layout{Queues: 3, Workers: 3, Slots: 4, Serve: taking(20 * ms), Delay: func(from, to string) time.Duration {
				if to == "onlooker" {
					return latency + late
				}
				return latency
			}})
			o := c.onlooker()
			c.steady(100, 5*time.Second, func() {}) // the load is steady from then on
			c.steady(100, 5*time.Second, func() {
				p := o.picture()
				if !checkRates(t, c, p) {
					t.Fatalf("%v: nothing is known", c.Now())
				}
				var in, out, workers float64
				for _, q := range p.Queues {
					in, out = in+q.Rates.In, out+q.Rates.Out
				}
				for _, w := range p.Workers {
					workers += w.Rates.Out
				}
				f := p.Functions[0].Rates
				if !near(in, 100, 0.02) || !near(out, 100, 0.02) || !near(workers, 100, 0.02) || !near(f.In, 100, 0.02) || !near(f.Out, 100, 0.02) {
					t.Errorf("%v: at queues %g in, %g out, at workers %g, of echo %+v, want 100 each", c.Now(), in, out, workers, f)
				}
			})
			disturb(c)
			c.steady(100, 20*time.Second, func() { checkRates(t, c, o.picture()) })
			if !checkRates(t, c, o.picture()) {
				t.Error("nothing is known at the end")
			}
			c.answered(time.Second, c.requests...)
		})
	}
}

func TestAQueueThatBeginsAnewCountsAnewAndIsNeverNegative(t *testing.T) {
	c := start(t, Layout{Queues: 2, Workers: 2, Slots: 4, Serve: taking(20 * ms)})
	o := c.onlooker()
	check := func() {
		p := o.picture()
		rates := []picture.Rates{p.Totals.Rates}
		for _, q := range p.Queues {
			rates = append(rates, q.Rates)
		}
		for _, f := range p.Functions {
			rates = append(rates, f.Rates)
		}
		for _, w := range p.Workers {
			rates = append(rates, w.Rates)
		}
		for _, r := range rates {
			if min(r.In, r.Out, r.Failed) < 0 || max(r.In, r.Out) > 300 {
				t.Fatalf("%v: %+v", c.Now(), r)
			}
		}
	}
	c.steady(100, 5*time.Second, check)
	c.Node("queueA").Crash()
	c.steady(100, 500*ms, check)
	c.Start("queueA")
	c.steady(100, 10*time.Second, check)
	for _, q := range o.picture().Queues {
		if q.Name == "queueA" && (q.Arrived == 0 || q.Arrived > 600 || !q.Rates.Known) {
			t.Errorf("%+v", q)
		}
	}
	c.answered(10*time.Second, c.requests...)
}

func TestAFunctionThatIsForgottenAndComesBackKeepsItsCountsAndLatencies(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 1, Serve: taking(20 * ms)})
	o := c.onlooker()
	find := func() (f picture.Function) {
		for _, f = range o.picture().Functions {
			if f.Name == "upper" {
				return f
			}
		}
		return picture.Function{}
	}
	serve := func(name string, n int) {
		c.StartREQWorker(name, "upper")
		c.within(5*time.Second, "upper is served", func() bool { return find().Workers == 1 })
		c.Run(time.Second) // and known to frontends
		var all []*Request
		for range n {
			all = append(all, c.askWith(frontend.Request{Function: "upper"}))
			c.Run(100 * ms)
		}
		c.within(5*time.Second, "all is answered", func() bool { return !slices.ContainsFunc(all, func(r *Request) bool { return !r.Done() }) })
		c.Run(1500 * ms)
	}
	serve("worker-req1", 20)
	p := o.picture()
	if f := find(); f.Arrived != 20 || f.Done != 20 || f.Latency.Count != 20 || !f.Rates.Known || f.Rates.Out <= 0 {
		t.Errorf("%+v", f)
	}
	if i := slices.IndexFunc(p.Workers, func(w picture.Worker) bool { return strings.HasPrefix(w.Name, "worker-req1") }); i < 0 || p.Workers[i].Done != 20 || p.Workers[i].P99 <= 0 {
		t.Errorf("the REQ worker: %+v", p.Workers)
	}
	c.Node("worker-req1").Crash()
	c.within(10*time.Second, "upper is forgotten", func() bool { return find().Name == "" })
	if n := o.picture().Totals.Latency.Count; n != 20 {
		t.Errorf("%d latencies, want all 20", n)
	}
	serve("worker-req2", 10)
	if f := find(); f.Arrived != 30 || f.Done != 30 || f.Latency.Count != 30 || f.Rates.In < 0 || f.Rates.Out < 0 || f.Rates.Out > 20 {
		t.Errorf("%+v, want the counts and the latencies of all 30, and the rates of the last", f)
	}
}

// Every count of a picture, of a load whose size is known: seven jobs that run for
// an hour, on two workers of two slots.
func TestEveryCountOnTheScreenIsTrue(t *testing.T) {
	c := start(t, Layout{Queues: 2, Slots: 2, Window: 100, Serve: taking(time.Hour)})
	c.StartWorker("worker1", "slow")
	o := c.onlooker()
	c.Run(3 * time.Second)
	for range 7 { // in turn to both queues; those of the one without a worker are taken by the other, as far as slots are free
		c.askWith(frontend.Request{Function: "slow", Timeout: 2 * time.Hour})
		c.Run(100 * ms)
	}
	c.Run(3 * time.Second)
	p := o.picture()
	got := p.Totals
	want := picture.Totals{
		Queues: 2, Workers: 1, Slots: 2, Free: 0, Waiting: 5, Running: 2, Open: 7, JobsTotal: 7, Rates: got.Rates,
	}
	if got != want {
		t.Errorf("totals\n%+v, want\n%+v", got, want)
	}
	if len(p.Jobs) != 7 || p.Jobs[0].AgeMillis < 2600 || p.Jobs[0].AgeMillis > 3800 { // as of up to a second ago
		t.Errorf("%d jobs, the oldest %+v", len(p.Jobs), p.Jobs[0])
	}
	f := p.Functions[slices.IndexFunc(p.Functions, func(f picture.Function) bool { return f.Name == "slow" })]
	if f.Workers != 1 || f.Free != 0 || f.Waiting != 5 || f.Running != 2 || f.Arrived < 7 || f.Oldest < 3000 {
		t.Errorf("the function %+v", f)
	}
	taken, moved, arrived := uint64(0), uint64(0), uint64(0)
	for _, q := range p.Queues {
		taken, moved, arrived = taken+q.Taken, moved+q.Moved, arrived+q.Arrived
	}
	if taken != moved || arrived != 7+taken {
		t.Errorf("%d jobs were taken and %d given, %d arrived", taken, moved, arrived)
	}
	if w := p.Workers[0]; w.Running != 2 || w.Slots != 2 || w.Done != 0 || w.Failed != 0 || w.Job == "" || w.RunMillis < 3000 {
		t.Errorf("the worker %+v", w)
	}

	c.Node("worker1").Crash()
	c.StartWorker("worker2", "slow")
	c.Run(10 * time.Second)
	got = o.picture().Totals
	want = picture.Totals{Queues: 2, Workers: 1, Slots: 2, Waiting: 5, Running: 2, Open: 7, JobsTotal: 7, WorkersLost: 1, Rates: got.Rates}
	if got != want {
		t.Errorf("after a worker's death\n%+v, want\n%+v", got, want)
	}
}
