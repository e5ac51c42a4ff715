package frontend

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"faasd/internal/job"
	"faasd/internal/job/jobtest"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// BenchmarkRequest takes requests and gives them to a broker, and takes its results
// and answers them, while 128 are open. The time stands still.
func BenchmarkRequest(b *testing.B) {
	const open = 128
	now := time.Second
	m := New(Config{
		Self: wire.Member{Role: wire.RoleFrontend, Name: "f1", Incarnation: 7}, Brokers: []string{"b"}, BuiltIn: []string{"echo"},
		Attempts: func(string) int { return 3 }, MaxWait: time.Second, Window: job.Window{Count: 4096, Bytes: 1 << 28}, Log: slog.New(slog.DiscardHandler),
	})
	broker := &jobtest.End{Me: 100}
	var sent []jobtest.About
	pump := func() {
		for _, e := range m.Effects() {
			if e.Op == role.OpSend && e.Link == LinkRequests {
				if kind, about := broker.Take(e.Frames); kind == wire.TypeJob {
					sent = append(sent, about)
				}
			}
		}
	}
	receive := func(frames [][]byte) {
		m.Receive(now, role.Packet{Link: LinkReplies, Frames: frames})
		pump()
	}
	m.Tick(now)
	pump()
	receive(broker.Beacon(now))
	body := []byte(`{"hola":"mundo","n":123}`)
	result := jobtest.NewForm(&wire.Message{
		Header: wire.Header{Type: wire.TypeResult, Attempt: 1, Origin: 7},
		Meta:   wire.Meta{Function: "echo", ContentType: "application/json", Queue: "queueA", Worker: "worker1"},
	}, body)
	number, answered := uint64(0), uint64(0)
	answer := func(Answer) { answered++ }
	submit := func() {
		number++
		q := Request{Function: "echo", ContentType: "application/json", Body: body, Timeout: time.Minute}
		binary.BigEndian.PutUint64(q.ID[:], number)
		if _, why := m.Submit(now, q, answer); why != Accepted {
			b.Fatalf("request %d is refused: %d", number, why)
		}
		pump()
	}
	for range open {
		submit()
	}
	b.ReportAllocs()
	for b.Loop() {
		submit()
		next := sent[0]
		if sent = sent[1:]; len(sent) < open {
			b.Fatal("a request was not given to the broker")
		}
		receive(broker.Say(now, result, next))
	}
	if answered != number-open {
		b.Errorf("%d of %d answered", answered, number)
	}
}
