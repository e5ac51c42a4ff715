package httpcall

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/frontend/httpserver"
)

// echoGateway answers every call with what came, at once.
type echoGateway struct{ Gateway }

func (echoGateway) Resolve(_ context.Context, function, _ string) (frontend.FunctionInfo, frontend.Refusal, error) {
	return frontend.FunctionInfo{Name: function}, frontend.Accepted, nil
}

func (echoGateway) Call(_ context.Context, q frontend.Request) (frontend.Answer, frontend.Refused, error) {
	return frontend.Answer{ContentType: q.ContentType, Body: q.Body, Queue: "queueA", Worker: "worker1", Attempt: 1}, frontend.Refused{}, nil
}

// A tape is a connection by which the same request comes again and again, and
// whose answers nobody reads.
type tape struct {
	net.Conn
	b       *testing.B
	request []byte
	last    []byte // answer
}

func (t *tape) Read(p []byte) (int, error) {
	if !t.b.Loop() {
		return 0, io.EOF
	}
	return copy(p, t.request), nil
}

func (t *tape) Write(p []byte) (int, error) {
	t.last = append(t.last[:0], p...)
	return len(p), nil
}

func (t *tape) Close() error                     { return nil }
func (t *tape) SetReadDeadline(time.Time) error  { return nil }
func (t *tape) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkCall takes a request from the bytes of its head to those of its answer,
// without a kernel.
func BenchmarkCall(b *testing.B) {
	s := &stage{calls: New(Config{
		MaxBody: 1 << 20, MaxBodies: 1 << 24, Timeout: time.Minute, MaxTimeout: time.Minute, Observe: func(int, time.Duration) {},
	}, echoGateway{})}
	defer s.calls.Stop()
	server := httpserver.New(httpserver.Config{Handler: s.calls.Handler(Route{"", s.serve}), Log: slog.New(slog.DiscardHandler)})
	const body = `{"hola":"mundo","n":123}`
	t := &tape{b: b, request: fmt.Appendf(nil, "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}
	b.ReportAllocs()
	server.ServeConn(t)
	if !strings.Contains(string(t.last), "X-Faasd-Worker: worker1\r\n") || !strings.HasSuffix(string(t.last), body) {
		b.Errorf("answered with %q", t.last)
	}
}
