package queue

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/job/jobtest"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// A benchRig is a queue with brokers and workers that are linked and do nothing by themselves.
type benchRig struct {
	b       *testing.B
	m       *Machine
	now     time.Duration
	brokers map[string]*jobtest.End // by key
	workers map[string]*benchWorker // by route
	handed  []handed                // jobs that workers have been given, oldest first
	results int
	states  int // bytes of the last state that was published
}

type benchWorker struct {
	*jobtest.End
	route string
	hello []byte
}

type handed struct {
	worker *benchWorker
	about  jobtest.About
}

func newBenchRig(b *testing.B, brokers, workers int) *benchRig {
	r := &benchRig{b: b, now: time.Second, brokers: make(map[string]*jobtest.End), workers: make(map[string]*benchWorker)}
	cfg := Config{
		Self: wire.Member{
			Role: wire.RoleQueue, Name: "queueA", Incarnation: 10, Host: "box1", PID: 4711, Started: 1795461651882, Version: "0.1.0",
			Protocol: wire.BusProtocol, Endpoints: map[string]string{"workers": "tcp://127.0.0.1:8123"},
		},
		Coordinators: []string{"c"}, Window: wide, Results: job.Window{Count: 4096, Bytes: 1 << 26}, Log: slog.New(slog.DiscardHandler),
	}
	for i := range brokers {
		cfg.Brokers = append(cfg.Brokers, BrokerEndpoints{fmt.Sprint("jobs", i), fmt.Sprint("responses", i)})
		r.brokers[fmt.Sprint("broker", i)] = &jobtest.End{Me: wire.Incarnation(100 + i)}
	}
	r.m = New(cfg)
	r.m.Tick(r.now)
	r.pump()
	for key := range r.brokers {
		r.fromBroker(key, r.brokers[key].Beacon(r.now))
	}
	for i := range workers {
		r.join(wire.Incarnation(1000 + i))
	}
	r.receive(LinkSubscribe, "coordinator0", wire.EncodeBus(wire.SnapshotTopic(10), wire.Snapshot{
		Coordinator: wire.Member{Endpoints: map[string]string{"publish": "p"}},
	}))
	if n, _ := r.m.liveWorkers(); n != workers {
		b.Fatalf("%d of %d workers have joined", n, workers)
	}
	return r
}

func (r *benchRig) join(inc wire.Incarnation) {
	w := &benchWorker{End: &jobtest.End{Me: inc}, route: fmt.Sprint("route of ", inc)}
	hello, err := json.Marshal(wire.Member{
		Role: wire.RoleWorker, Name: fmt.Sprint("w", uint64(inc)), Incarnation: inc, Host: "box1", PID: 4720, Started: 1795461651882,
		Version: "0.1.0", Protocol: wire.BusProtocol, Functions: []string{"echo"}, Slots: 1,
	})
	if err != nil {
		r.b.Fatal(err)
	}
	w.hello = hello
	r.workers[w.route] = w
	r.receive(LinkWorkers, w.route, w.Hello(r.now, hello))
	r.receive(LinkWorkers, w.route, w.Hello(r.now, hello))
}

var benchTopic = []byte(wire.JobTopic("queueA", 10))

func (r *benchRig) fromBroker(key string, frames [][]byte) {
	r.receive(LinkJobs, key, [][]byte{benchTopic, frames[0], frames[1]})
}

// receive gives the queue a packet and takes what it sends.
func (r *benchRig) receive(link role.Link, peer string, frames [][]byte) {
	r.m.Receive(r.now, role.Packet{Link: link, Peer: peer, Frames: frames})
	r.pump()
}

func (r *benchRig) pump() {
	for _, e := range r.m.Effects() {
		switch {
		case e.Op != role.OpSend:
		case e.Link == LinkResponses:
			if kind, _ := r.brokers[e.Peer].Take(e.Frames); kind == wire.TypeResult {
				r.results++
			}
		case e.Link == LinkWorkers:
			w := r.workers[e.Peer]
			if kind, about := w.Take(e.Frames); kind == wire.TypeJob {
				r.handed = append(r.handed, handed{w, about})
			}
		case e.Link == LinkPublish:
			r.states = len(e.Frames[0]) + len(e.Frames[1])
		}
	}
}

// BenchmarkJob takes jobs and gives them to workers, and takes their results and
// passes them on, while every other worker has one. The time stands still.
func BenchmarkJob(b *testing.B) {
	for _, workers := range []int{3, 1000} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { benchJob(b, workers) })
	}
}

func benchJob(b *testing.B, workers int) {
	r := newBenchRig(b, 1, workers)
	busy := workers / 2
	body := []byte(`{"hola":"mundo","n":123}`)
	request := jobtest.NewForm(&wire.Message{
		Header: wire.Header{Type: wire.TypeJob, AttemptLimit: 3, Origin: 7, TTLMillis: 60_000},
		Meta:   wire.Meta{Function: "echo", ContentType: "application/json"},
	}, body)
	result := jobtest.NewForm(&wire.Message{
		Header: wire.Header{Type: wire.TypeResult, Attempt: 1},
		Meta:   wire.Meta{ContentType: "application/json"},
	}, body)
	number := 0
	give := func() {
		number++
		a := jobtest.About{OriginSeq: uint64(number), OriginOpen: uint64(max(number-busy, 1)), Assignment: uint32(number)}
		binary.BigEndian.PutUint64(a.Job[:], a.OriginSeq)
		r.fromBroker("broker0", r.brokers["broker0"].Say(r.now, request, a))
	}
	for range busy {
		give()
	}
	b.ReportAllocs()
	for b.Loop() {
		give()
		next := r.handed[0]
		if r.handed = r.handed[1:]; len(r.handed) < busy {
			b.Fatal("a job was not given to a worker")
		}
		r.receive(LinkWorkers, next.worker.route, next.worker.Say(r.now, result, next.about))
	}
	if r.results != number-busy {
		b.Errorf("%d of %d answered", r.results, number)
	}
}

// BenchmarkState is what it costs a queue to say that its state has changed, which it
// does 20 times a second at most: to make the message, and to take it into its view.
func BenchmarkState(b *testing.B) {
	for _, workers := range []int{3, 33, 1000} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			r := newBenchRig(b, 1, workers)
			b.ReportAllocs()
			for b.Loop() {
				r.now += 50 * ms
				r.m.bus.Changed()
				r.m.bus.Tick(r.now)
				r.pump()
			}
			b.ReportMetric(float64(r.states), "bytes/state")
		})
	}
}

// BenchmarkSecond is what a second costs a queue in which nothing is asked of it:
// beacons to and from each broker and each worker, and its own state.
func BenchmarkSecond(b *testing.B) {
	for _, n := range []struct{ brokers, workers int }{{1, 3}, {1, 1000}, {50, 33}} {
		b.Run(fmt.Sprintf("brokers=%d/workers=%d", n.brokers, n.workers), func(b *testing.B) {
			r := newBenchRig(b, n.brokers, n.workers)
			b.ReportAllocs()
			for b.Loop() {
				for key, broker := range r.brokers {
					r.fromBroker(key, broker.Beacon(r.now))
				}
				for route, w := range r.workers {
					r.receive(LinkWorkers, route, w.Hello(r.now, w.hello))
				}
				for end := r.now + job.BeaconEvery; r.now < end; {
					r.now = min(max(r.m.Wake(), r.now+time.Millisecond), end)
					r.m.Tick(r.now)
					r.pump()
				}
			}
			if live, _ := r.m.liveWorkers(); live != n.workers {
				b.Errorf("%d of %d workers are left", live, n.workers)
			}
		})
	}
}

// BenchmarkHear takes another queue's state, of which each says 20 a second at most,
// and looks whether jobs wait there.
func BenchmarkHear(b *testing.B) {
	for _, queues := range []int{3, 300} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) {
			r := newBenchRig(b, 1, 33)
			var frames [][][]byte
			var at []int
			for i := range queues {
				s := wire.State{
					Member: wire.Member{
						Role: wire.RoleQueue, Name: fmt.Sprint("queue", i), Incarnation: wire.Incarnation(5000 + i), Host: "box1", PID: 4711,
						Started: 1795461651882, Version: "0.1.0", Protocol: wire.BusProtocol, Endpoints: map[string]string{"workers": fmt.Sprint("at ", i)}, Workers: 33,
					},
					Sequence: 1e12, Clock: 26013, // as many digits from now on
					Queue: &wire.QueueState{
						Functions: map[string]wire.FunctionState{"echo": {Workers: 33, Free: 17, Running: 16, Arrived: 123456, Done: 123440}},
						Slots:     33, Free: 17, Running: 16, Arrived: 123456, Done: 123440,
					},
				}
				f := wire.EncodeBus(s.Topic(), s)
				frames = append(frames, f)
				at = append(at, bytes.Index(f[1], []byte("1000000000000")))
				r.receive(LinkSubscribe, "coordinator0", f)
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				i := n % queues
				strconv.AppendInt(frames[i][1][at[i]:at[i]], 1e12+1+int64(n), 10)
				r.receive(LinkSubscribe, "coordinator0", frames[i])
			}
			b.ReportMetric(float64(len(frames[0][0])+len(frames[0][1])), "bytes/state")
		})
	}
}
