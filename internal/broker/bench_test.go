package broker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/job/jobtest"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// A benchRig is a broker with a frontend and queues that are linked and do nothing by themselves.
type benchRig struct {
	b        *testing.B
	m        *Machine
	now      time.Duration
	frontend *jobtest.End
	queues   map[string]*jobtest.End // by topic
	handed   []handed                // jobs that queues have been given, oldest first
	results  int
}

type handed struct {
	queue *jobtest.End
	about jobtest.About
}

func newBenchRig(b *testing.B, queues int) *benchRig {
	r := &benchRig{b: b, now: time.Second, frontend: &jobtest.End{Me: 7}, queues: make(map[string]*jobtest.End)}
	r.m = New(Config{
		Self: wire.Member{Role: wire.RoleBroker, Name: "b1", Incarnation: 1}, Window: job.Window{Count: 4096, Bytes: 1 << 28},
		Log: slog.New(slog.DiscardHandler),
	})
	r.m.Tick(r.now)
	r.begin(LinkFrontends, r.frontend, &wire.Member{
		Role: wire.RoleFrontend, Name: "f1", Incarnation: 7, Endpoints: map[string]string{"replies": "r"},
	})
	for i := range queues {
		q := &jobtest.End{Me: wire.Incarnation(100 + i)}
		name := fmt.Sprint("queue", i)
		topic := wire.JobTopic(name, q.Me)
		r.queues[topic] = q
		r.receive(LinkJobs, [][]byte{append([]byte{1}, topic...)})
		r.begin(LinkResponses, q, &wire.Member{
			Role: wire.RoleQueue, Name: name, Incarnation: q.Me, Endpoints: map[string]string{"workers": "w"},
		})
	}
	if r.m.Routable() != queues {
		b.Fatalf("%d of %d queues take jobs", r.m.Routable(), queues)
	}
	return r
}

func (r *benchRig) begin(link role.Link, e *jobtest.End, member *wire.Member) {
	hello, err := json.Marshal(member)
	if err != nil {
		r.b.Fatal(err)
	}
	r.receive(link, e.Hello(r.now, hello))
	r.receive(link, e.Hello(r.now, hello))
}

// receive gives the broker a packet and takes what it sends.
func (r *benchRig) receive(link role.Link, frames [][]byte) {
	r.m.Receive(r.now, role.Packet{Link: link, Frames: frames})
	r.pump()
}

func (r *benchRig) pump() {
	for _, e := range r.m.Effects() {
		switch {
		case e.Op != role.OpSend:
		case e.Link == LinkReplies:
			if kind, _ := r.frontend.Take(e.Frames); kind == wire.TypeResult {
				r.results++
			}
		case e.Link == LinkJobs:
			q := r.queues[string(e.Frames[0])]
			if kind, about := q.Take(e.Frames[1:]); kind == wire.TypeJob {
				r.handed = append(r.handed, handed{q, about})
			}
		}
	}
}

// BenchmarkJob accepts jobs and gives them to queues, and takes their results and
// passes them on, while 128 are held. The time stands still.
func BenchmarkJob(b *testing.B) {
	for _, queues := range []int{3, 300} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) { benchJob(b, queues) })
	}
}

func benchJob(b *testing.B, queues int) {
	const held = 128
	r := newBenchRig(b, queues)
	body := []byte(`{"hola":"mundo","n":123}`)
	request := jobtest.NewForm(&wire.Message{
		Header: wire.Header{Type: wire.TypeJob, AttemptLimit: 3, Origin: 7, TTLMillis: 60_000},
		Meta:   wire.Meta{Function: "echo", ContentType: "application/json"},
	}, body)
	result := jobtest.NewForm(&wire.Message{
		Header: wire.Header{Type: wire.TypeResult, Attempt: 1, Origin: 7},
		Meta:   wire.Meta{Function: "echo", ContentType: "application/json", Queue: "queueA", Worker: "worker1"},
	}, body)
	number := 0
	give := func() {
		number++
		a := jobtest.About{OriginSeq: uint64(number), OriginOpen: uint64(max(number-held, 1))}
		binary.BigEndian.PutUint64(a.Job[:], a.OriginSeq)
		r.receive(LinkFrontends, r.frontend.Say(r.now, request, a))
	}
	for range held {
		give()
	}
	b.ReportAllocs()
	for b.Loop() {
		give()
		next := r.handed[0]
		if r.handed = r.handed[1:]; len(r.handed) < held {
			b.Fatal("a job was not given to a queue")
		}
		r.receive(LinkResponses, next.queue.Say(r.now, result, next.about))
	}
	if r.results != number-held {
		b.Errorf("%d of %d answered", r.results, number)
	}
}

// BenchmarkSecond is what a second costs a broker in which nothing is asked of it:
// beacons to and from a frontend and each queue.
func BenchmarkSecond(b *testing.B) {
	for _, queues := range []int{3, 300} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) {
			r := newBenchRig(b, queues)
			hellos := make(map[*jobtest.End][]byte, queues)
			for topic, q := range r.queues {
				name, _, err := wire.ParseJobTopic(topic)
				if err != nil {
					b.Fatal(err)
				}
				hello, err := json.Marshal(&wire.Member{
					Role: wire.RoleQueue, Name: name, Incarnation: q.Me, Host: "box1", PID: 4711, Started: 1795461651882, Version: "0.1.0",
					Protocol: wire.BusProtocol, Endpoints: map[string]string{"workers": "tcp://127.0.0.1:8123"}, Workers: 33,
				})
				if err != nil {
					b.Fatal(err)
				}
				hellos[q] = hello
			}
			b.ReportAllocs()
			for b.Loop() {
				r.receive(LinkFrontends, r.frontend.Hello(r.now, nil))
				for q, hello := range hellos {
					r.receive(LinkResponses, q.Hello(r.now, hello))
				}
				for end := r.now + job.BeaconEvery; r.now < end; {
					r.now = min(max(r.m.Wake(), r.now+time.Millisecond), end)
					r.m.Tick(r.now)
					r.pump()
				}
			}
			if r.m.Routable() != queues {
				b.Errorf("%d of %d queues are left", r.m.Routable(), queues)
			}
		})
	}
}
