package queue

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"faasd/internal/latency"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// detailOf is the last detail that the queue has published, as it is on the wire.
func (s *stage) detailOf() wire.Detail {
	s.t.Helper()
	s.run(1100 * ms)
	all := s.sentOn(wire.TopicDetail)
	if len(all) == 0 {
		s.t.Fatal("no detail is published")
	}
	var d wire.Detail
	if err := wire.DecodeJSON(all[len(all)-1], &d); err != nil {
		s.t.Fatal(err)
	}
	if err := d.Check(); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// watch has somebody subscribe to details.
func (s *stage) watch() {
	s.receive(role.Packet{Link: LinkPublish, Peer: "coordinator0", Frames: [][]byte{append([]byte{1}, wire.TopicDetail...)}})
}

func TestTheQueueTellsWhatCameAndFailedAndHowLongItTook(t *testing.T) {
	s := newStage(t, 1)
	s.watch()
	w := s.worker(20, here, 8)
	s.give(1, 5)
	s.give(3, 4) // again: it counts once
	jobs := w.jobs()
	if len(jobs) != 4 {
		t.Fatalf("%d jobs", len(jobs))
	}
	s.run(100 * ms)
	w.answer(jobs[0])
	s.run(100 * ms)
	s.say(w.Link(), wire.Header{Type: wire.TypeResult, Code: wire.CodeFunctionError, Job: jobs[1].Job, Attempt: 1}, "")
	d := s.detailOf()
	got := d.Workers[0]
	if got.Done != 2 || got.Failed != 1 || got.Job != jobs[2].Job.String() || got.RunMillis < 1000 || d.JobsTotal != 2 || d.Clock == 0 {
		t.Errorf("%+v, %d jobs at %d ms", got, d.JobsTotal, d.Clock)
	}
	var sum latency.Sum
	if err := sum.Merge(d.Latency["echo"]); err != nil || len(d.Latency) != 1 || sum.Count() != 2 || sum.Max() != 200 || got.P99 < 198 || got.P99 > 200 {
		t.Errorf("%v, %d latencies up to %g ms, worker %g ms", err, sum.Count(), sum.Max(), got.P99)
	}
	q := s.m.state().Queue
	f := q.Functions["echo"]
	if q.Arrived != 4 || q.Done != 2 || q.Failed != 1 || f.Arrived != 4 || f.Done != 2 || f.Failed != 1 {
		t.Errorf("%+v", q)
	}
	s.run(70 * time.Second) // the jobs expire at a worker that does not answer; a minute later all is forgotten
	if d := s.detailOf(); len(d.Latency) != 0 || d.Workers[0].P99 != 0 || len(s.m.latencies) != 0 {
		t.Errorf("a minute later %d latencies, %+v", len(d.Latency), d.Workers[0])
	}
	s.consistent()
}

func TestAREQWorkersTimesAndFailuresAreTold(t *testing.T) {
	s := newStage(t, 1)
	s.watch()
	s.req("r", "READY", "w", "upper", "echo")
	s.give(1, 3)
	s.run(300 * ms)
	s.req("r", "FAIL", jobID(1).String(), "no")
	d := s.detailOf()
	if got := d.Workers[0]; got.Done != 1 || got.Failed != 1 || got.P99 < 297 || got.P99 > 303 || got.Job != jobID(2).String() {
		t.Errorf("%+v", got)
	}
}

func TestOnlyTheFunctionsThatDidMostAreToldApart(t *testing.T) {
	l := make(latencies)
	total := 0
	for i := range 1000 {
		for range i%500 + 1 {
			l.add(time.Second, fmt.Sprint("f", i), time.Duration(i+1)*ms)
			total++
		}
	}
	all := l.encoded(time.Second)
	d := wire.Detail{Latency: all}
	if err := d.Check(); err != nil || len(all) != wire.MaxLatencies+1 || all[""] == nil || all["f499"] == nil || all["f999"] == nil || all["f0"] != nil {
		t.Fatalf("%v, %d functions", err, len(all))
	}
	sum := func(b []byte) (s latency.Sum) {
		if err := s.Merge(b); err != nil {
			t.Fatal(err)
		}
		return s
	}
	counted := uint64(0)
	for _, b := range all {
		s := sum(b)
		counted += s.Count()
	}
	if counted != uint64(total) {
		t.Errorf("%d of %d are told", counted, total)
	}
	if s := sum(all[""]); s.Max() != 900 { // f899 did 400, as f399; f900 is among the 200
		t.Errorf("others up to %g ms", s.Max())
	}
	again := l.encoded(time.Second)
	if !maps.EqualFunc(all, again, slices.Equal) {
		t.Error("it is not told twice alike")
	}
}

func TestLatenciesAreTellableHoweverWideTheyAre(t *testing.T) {
	l, wide := make(latencies), new(latency.Window)
	for took := time.Microsecond; took < 24*time.Hour; took += took/100 + 1 {
		for range 300 { // counts of two bytes
			wide.Add(0, took)
		}
	}
	for i := range 500 {
		l[fmt.Sprint("f", i)] = wide
	}
	d := wire.Detail{Latency: l.encoded(0)}
	if err := d.Check(); err != nil || d.Latency[""] == nil || len(d.Latency) < 100 {
		t.Errorf("%v, %d functions", err, len(d.Latency))
	}
}

func TestFunctionsBeyondThoseThatMayBeKnownAreOneLatency(t *testing.T) {
	l := make(latencies)
	for i := range maxFunctions + 100 {
		l.add(0, fmt.Sprint("f", i), ms)
	}
	if len(l) != maxFunctions+1 || l[""].Count(0) != 100 {
		t.Errorf("%d windows", len(l))
	}
	var sum latency.Sum
	if err := sum.Merge(l.encoded(0)[""]); err != nil || sum.Count() != maxFunctions+100-wire.MaxLatencies {
		t.Errorf("%v, %d others", err, sum.Count())
	}
}

func TestTheLargestDetailFitsOnTheBus(t *testing.T) {
	w := wire.WorkerDetail{
		ID: "fd04719b3c55e0a1", Name: "worker-on-a-machine-12345", Kind: kindNative, Host: "a-machine.example", PID: 123456, State: wire.WorkerDraining,
		Functions: []string{"a-function", "another-function"}, Slots: 16, Running: 16, Done: 123456789, Failed: 12345, HeardMillis: 1000,
		Job: jobID(1).String(), RunMillis: 123456, P99: 12345.678,
	}
	d := wire.Detail{
		Workers: slices.Repeat([]wire.WorkerDetail{w}, maxWorkers), Crews: [][]string{slices.Repeat(w.Functions, wire.MaxCrewNames/2)},
		Latency: map[string][]byte{"": make([]byte, wire.MaxLatencyBytes)},
	}
	for range wire.MaxJobs {
		d.Jobs = append(d.Jobs, wire.JobDetail{ID: w.Job, Function: w.Functions[1], State: wire.JobRunning, Queue: "queueA", Worker: w.Name})
	}
	const most = 8 << 20 // the coordinator's bound
	if n := len(wire.EncodeBus("t", d)[1]); n > most {
		t.Errorf("%d bytes, want %d at most", n, most)
	}
}
