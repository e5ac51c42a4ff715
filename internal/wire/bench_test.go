package wire

import (
	"strconv"
	"testing"
)

// exampleJob is a job with a small body, as a frontend sends it.
func exampleJob() *Message {
	m := &Message{
		Header: Header{
			Type: TypeJob, AttemptLimit: 3, Origin: 7, OriginSeq: 1234, OriginOpen: 1230, Sender: 7, Receiver: 8, LinkSeq: 1234, LinkAck: 1233,
			CreditCount: 5330, CreditBytes: 1 << 30, LinkEpoch: 1, SentMillis: 86400000, HeardMillis: 86399999, TTLMillis: 60000,
		},
		Meta: Meta{Function: "echo", ContentType: "application/json"},
	}
	m.SetBody([]byte(`{"hola":"mundo","n":123}`))
	return m
}

// exampleResult is what a queue makes of it.
func exampleResult() *Message {
	m := exampleJob()
	m.Type, m.Attempt = TypeResult, 1
	m.Meta.Queue, m.Meta.Worker = "queueA", "worker1"
	return m
}

// BenchmarkEncode writes a message's frames: once for each hop.
func BenchmarkEncode(b *testing.B) {
	for _, m := range []*Message{exampleJob(), exampleResult()} {
		b.Run(m.Type.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Frames()
			}
			size := 0
			for _, frame := range m.Frames() {
				size += len(frame)
			}
			b.ReportMetric(float64(size), "bytes/message")
		})
	}
}

// BenchmarkDecode reads a message's frames: once for each hop.
func BenchmarkDecode(b *testing.B) {
	for _, m := range []*Message{exampleJob(), exampleResult()} {
		frames := m.Frames()
		b.Run(m.Type.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(frames); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSetBody makes the checksum of a body: once at each end of a job's way.
func BenchmarkSetBody(b *testing.B) {
	for _, size := range []int{24, 64 << 10} {
		body := make([]byte, size)
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			var m Message
			for b.Loop() {
				m.SetBody(body)
			}
		})
	}
}
