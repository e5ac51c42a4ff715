package cluster

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"faasd/internal/latency"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// firstSequence has as many digits as those that follow, so that a benchmark writes
// them in place.
const firstSequence = 1_000_000_000_000

// A benchCluster is what a coordinator passes on to an agent: the states and details
// of queues, among which the workers are spread evenly.
type benchCluster struct {
	states, details [][][]byte // frames, by queue
	snapshot        wire.Snapshot
}

func newBenchCluster(queues, workers, functions int) *benchCluster {
	c := &benchCluster{}
	c.snapshot.Coordinator = wire.Member{Role: wire.RoleCoordinator, Name: "c1", Incarnation: 1, Endpoints: map[string]string{"publish": "p"}}
	names := make([]string, functions)
	for i := range names {
		names[i] = fmt.Sprint("function", i)
	}
	for q := range queues {
		inc := wire.Incarnation(q + 10)
		s := wire.State{
			Member: wire.Member{
				Role: wire.RoleQueue, Name: fmt.Sprint("queue", q), Incarnation: inc, Host: "box1", PID: 4711, Started: 1795461651882, Version: "0.1.0",
				Protocol: wire.BusProtocol, Endpoints: map[string]string{"workers": fmt.Sprintf("tcp://10.0.0.%d:8123", q)},
			},
			Sequence: firstSequence, Clock: 26013,
			Queue: &wire.QueueState{Functions: make(map[string]wire.FunctionState), Slots: 33, Free: 17, Running: 16, Arrived: 123456, Done: 123440},
		}
		d := wire.Detail{Role: wire.RoleQueue, Name: s.Name, Incarnation: inc, Sequence: firstSequence, Clock: 26013, Latency: make(map[string][]byte)}
		var w latency.Window
		for i := range 1000 {
			w.Add(time.Second, time.Duration(i)*time.Microsecond)
		}
		for _, name := range names {
			s.Queue.Functions[name] = wire.FunctionState{Workers: 33, Free: 17, Running: 16, Arrived: 123456, Done: 123440}
			d.Latency[name] = w.Append(time.Second, nil)
		}
		for i := q; i < workers; i += queues {
			s.Workers++
			d.Workers = append(d.Workers, wire.WorkerDetail{
				ID: wire.Incarnation(1000 + i).String(), Name: fmt.Sprint("worker", i), Kind: "native", Host: "box1", PID: 4720, State: wire.WorkerUp,
				Functions: names[:min(len(names), wire.MaxFunctions)], Slots: 1, Running: 1, Done: 12345, HeardMillis: 85,
				Job: wire.JobID{1, byte(i)}.String(), RunMillis: 90, P99: 48.5,
			})
			d.Jobs = append(d.Jobs, wire.JobDetail{
				ID: wire.JobID{1, byte(i)}.String(), Function: names[0], State: wire.JobRunning, Queue: s.Name, Worker: fmt.Sprint("worker", i),
				Attempt: 1, AttemptLimit: 3, Bytes: 24, AgeMillis: 140, RunMillis: 90, LeftMillis: 59860,
			})
		}
		d.Jobs, d.JobsTotal = d.Jobs[:min(len(d.Jobs), wire.MaxJobs)], len(d.Jobs)
		c.states = append(c.states, wire.EncodeBus(s.Topic(), s))
		c.details = append(c.details, wire.EncodeBus(d.Topic(), d))
		c.snapshot.States = append(c.snapshot.States, wire.Aged[wire.State]{Value: s})
		c.snapshot.Details = append(c.snapshot.Details, wire.Aged[wire.Detail]{Value: d})
	}
	return c
}

// agent makes one that has the coordinator's snapshot.
func (c *benchCluster) agent(b *testing.B) (a *Agent, snapshot [][]byte) {
	topic := ""
	a = NewAgent(AgentConfig{Self: 5, Coordinators: []string{"c"}, Subscribe: 1, Publish: 2, Topics: []string{wire.TopicState}, Emit: func(e role.Effect) {
		if e.Op == role.OpSubscribe && strings.HasPrefix(e.Topic, wire.TopicSnapshot) {
			topic = e.Topic
		}
	}})
	a.Start(0)
	snapshot = wire.EncodeBus(topic, c.snapshot)
	tell(b, a, snapshot)
	if n := len(a.View.Members(time.Second, wire.RoleQueue)); n != len(c.states) {
		b.Fatalf("%d of %d queues are known", n, len(c.states))
	}
	return a, snapshot
}

func tell(b *testing.B, a *Agent, frames [][]byte) {
	if _, err := a.Receive(time.Second, role.Packet{Link: 1, Peer: "coordinator0", Frames: frames}); err != nil {
		b.Fatal(err)
	}
}

func size(frames [][]byte) float64 { return float64(len(frames[0]) + len(frames[1])) }

// tellAll has an agent take the values of all queues in turn, each newer than the one before.
func tellAll(b *testing.B, a *Agent, values [][][]byte) {
	at := make([]int, len(values))
	for i, v := range values {
		at[i] = bytes.Index(v[1], strconv.AppendInt(nil, firstSequence, 10))
	}
	b.ReportAllocs()
	for n := int64(0); b.Loop(); n++ {
		i := int(n) % len(values)
		strconv.AppendInt(values[i][1][at[i]:at[i]], firstSequence+1+n, 10)
		tell(b, a, values[i])
	}
	b.ReportMetric(size(values[0]), "bytes/value")
}

var benchClusters = []struct{ queues, workers, functions int }{{3, 3, 1}, {30, 1000, 1}, {30, 1000, 8}, {300, 10_000, 1}, {300, 10_000, 100}}

func eachCluster(b *testing.B, run func(b *testing.B, c *benchCluster)) {
	for _, n := range benchClusters {
		b.Run(fmt.Sprintf("queues=%d/workers=%d/functions=%d", n.queues, n.workers, n.functions), func(b *testing.B) {
			run(b, newBenchCluster(n.queues, n.workers, n.functions))
		})
	}
}

// BenchmarkState decodes one queue's state and takes it into the view.
func BenchmarkState(b *testing.B) {
	eachCluster(b, func(b *testing.B, c *benchCluster) {
		a, _ := c.agent(b)
		tellAll(b, a, c.states)
	})
}

// BenchmarkDetail decodes one queue's detail, with its workers and as many jobs, and takes it into the view.
func BenchmarkDetail(b *testing.B) {
	eachCluster(b, func(b *testing.B, c *benchCluster) {
		a, _ := c.agent(b)
		tellAll(b, a, c.details)
	})
}

// BenchmarkSnapshot decodes a coordinator's snapshot, with all states and details, and takes it into a view that has them.
func BenchmarkSnapshot(b *testing.B) {
	eachCluster(b, func(b *testing.B, c *benchCluster) {
		a, snapshot := c.agent(b)
		b.ReportAllocs()
		for b.Loop() {
			tell(b, a, snapshot)
		}
		b.ReportMetric(size(snapshot), "bytes/snapshot")
	})
}
