package job

import (
	"testing"
	"time"

	"faasd/internal/wire"
)

// BenchmarkLink sends a job one way and its result back, each with its encoding and
// decoding. One operation is two messages.
func BenchmarkLink(b *testing.B) {
	now, window := time.Second, Window{Count: 4096, Bytes: 1 << 28}
	var there, back *Link
	deliver := func(to **Link) func([][]byte) {
		return func(frames [][]byte) {
			m, err := wire.Decode(frames)
			if err != nil {
				b.Fatal(err)
			}
			if (*to).Receive(now, m) && m.Type == wire.TypeJob {
				(*to).Settle(m.Size())
			}
		}
	}
	there = NewLink(1, 2, 1, window, now, deliver(&back))
	back = NewLink(2, 1, 1, window, now, deliver(&there))
	there.Beacon(now)
	back.Beacon(now)
	body := make([]byte, 24)
	message := func(kind wire.Type) *wire.Message {
		m := &wire.Message{Header: wire.Header{Type: kind}, Meta: wire.Meta{Function: "echo", ContentType: "application/json"}}
		m.SetBody(body)
		return m
	}
	b.ReportAllocs()
	for b.Loop() {
		if !there.Room() {
			b.Fatal("no credit")
		}
		there.Send(now, message(wire.TypeJob))
		back.Send(now, message(wire.TypeResult))
	}
	if len(there.Unacknowledged()) > 1 || len(back.Unacknowledged()) > 1 {
		b.Errorf("%d and %d messages are not acknowledged", len(there.Unacknowledged()), len(back.Unacknowledged()))
	}
}
