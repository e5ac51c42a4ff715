package lambda

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// BenchmarkGoEcho is a call of a function made with aws-lambda-go, one after
// the other and several at a time. BenchmarkRoundTrip is what to compare with:
// the same bytes over loopback to a process that does nothing else.
func BenchmarkGoEcho(b *testing.B) {
	f := inGo(b, Config{})
	body := `{"message":"hello, you"}`
	answers(b, f, body, body)
	b.ReportAllocs()
	in := invocation(body)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := f.Invoke(context.Background(), in); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	median(b, took)
}

// median reports the median beside the mean: on a machine that others use too
// it says more.
func median(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
}

func BenchmarkGoEchoParallel(b *testing.B) {
	f := inGo(b, Config{Concurrency: 16})
	body := `{"message":"hello, you"}`
	answers(b, f, body, body)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := f.Invoke(context.Background(), invocation(body)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	go func() {
		c, err := listener.Accept()
		if err == nil {
			_, _ = io.Copy(c, struct{ io.Reader }{c})
		}
	}()
	c, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 300)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	median(b, took)
}
