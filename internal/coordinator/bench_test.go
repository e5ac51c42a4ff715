package coordinator

import (
	"bytes"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// BenchmarkState takes a queue's state, keeps it and passes it on, once, however many
// have subscribed: ZeroMQ's threads do the rest.
func BenchmarkState(b *testing.B) {
	for _, functions := range []int{1, 8, 100} {
		b.Run(fmt.Sprintf("functions=%d", functions), func(b *testing.B) {
			m := New(Config{Self: wire.Member{Role: wire.RoleCoordinator, Name: "c1", Incarnation: 1}, Log: slog.New(slog.DiscardHandler)})
			m.Tick(time.Second)
			s := state("queueA", 10, 1e12) // as many digits from now on
			s.Queue.Functions = make(map[string]wire.FunctionState)
			for i := range functions {
				s.Queue.Functions[fmt.Sprint("function", i)] = wire.FunctionState{Workers: 33, Free: 17, Running: 16, Arrived: 123456, Done: 123440}
			}
			frames := wire.EncodeBus(s.Topic(), s)
			at := bytes.Index(frames[1], []byte("1000000000000"))
			n, sent := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				strconv.AppendInt(frames[1][at:at], 1e12+int64(n), 10)
				m.Receive(time.Second, role.Packet{Link: LinkPublish, Frames: frames})
				sent += len(m.Effects())
			}
			if sent < n {
				b.Errorf("%d of %d passed on", sent, n)
			}
			b.ReportMetric(float64(len(frames[0])+len(frames[1])), "bytes/state")
		})
	}
}

// BenchmarkSnapshot is what it costs to tell a new member who is there.
func BenchmarkSnapshot(b *testing.B) {
	for _, queues := range []int{30, 300} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) {
			m := New(Config{Self: wire.Member{Role: wire.RoleCoordinator, Name: "c1", Incarnation: 1}, Log: slog.New(slog.DiscardHandler)})
			m.Tick(time.Second)
			for i := range queues {
				s := state(fmt.Sprint("queue", i), wire.Incarnation(10+i), 1)
				s.Queue.Functions = map[string]wire.FunctionState{"echo": {Workers: 33, Free: 17, Running: 16, Arrived: 123456, Done: 123440}}
				m.Receive(time.Second, role.Packet{Link: LinkPublish, Frames: wire.EncodeBus(s.Topic(), s)})
			}
			ask := [][]byte{append([]byte{1}, wire.SnapshotTopic(77)...)}
			size := 0
			b.ReportAllocs()
			for b.Loop() {
				m.Effects()
				m.Receive(time.Second, role.Packet{Link: LinkSubscribe, Frames: ask})
				size = len(m.Effects()[0].Frames[1])
			}
			b.ReportMetric(float64(size), "bytes/snapshot")
		})
	}
}
