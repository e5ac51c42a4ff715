package worker

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"faasd/internal/job/jobtest"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// BenchmarkJob takes jobs and says that they are to be run, and sends the results of
// those that have. Nothing is run, and the time stands still.
func BenchmarkJob(b *testing.B) {
	now := time.Second
	m := New(Config{
		Self:    wire.Member{Role: wire.RoleWorker, Name: "w", Incarnation: 5, Functions: []string{"echo"}, Slots: 8},
		Brokers: []string{"b"}, MaxBody: 1 << 20, Log: slog.New(slog.DiscardHandler),
	})
	queue := &jobtest.End{Me: 10}
	results := 0
	pump := func() {
		for _, e := range m.Effects() {
			if e.Op == role.OpSend && e.Link == LinkQueue {
				if kind, _ := queue.Take(e.Frames); kind == wire.TypeResult {
					results++
				}
			}
		}
	}
	m.Tick(now)
	m.Receive(now, role.Packet{Link: LinkPlace, Peer: peer, Frames: (&wire.Text{Command: wire.TextQueue, Name: "queueA", Endpoint: "qA"}).Frames()})
	pump()
	m.Receive(now, role.Packet{Link: LinkQueue, Peer: peer, Frames: queue.Beacon(now)})
	pump()
	if m.Joined() != "queueA" {
		b.Fatal("not joined")
	}
	body := []byte(`{"hola":"mundo","n":123}`)
	request := jobtest.NewForm(&wire.Message{
		Header: wire.Header{Type: wire.TypeJob, Attempt: 1, AttemptLimit: 3, Origin: 7, TTLMillis: 60_000},
		Meta:   wire.Meta{Function: "echo", ContentType: "application/json"},
	}, body)
	number := 0
	b.ReportAllocs()
	for b.Loop() {
		number++
		a := jobtest.About{OriginSeq: uint64(number)}
		binary.BigEndian.PutUint64(a.Job[:], a.OriginSeq)
		m.Receive(now, role.Packet{Link: LinkQueue, Peer: peer, Frames: queue.Say(now, request, a)})
		starts := m.Starts()
		if len(starts) != 1 {
			b.Fatalf("%d runs for a job", len(starts))
		}
		m.Finished(now, starts[0].Job.Job, Outcome{ContentType: "application/json", Body: starts[0].Job.Body})
		pump()
	}
	if results != number {
		b.Errorf("%d of %d answered", results, number)
	}
}
