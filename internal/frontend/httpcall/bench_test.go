package httpcall

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"faasd/internal/frontend"
)

// echoGateway answers every call with what came, at once.
type echoGateway struct{ Gateway }

func (echoGateway) Resolve(_ context.Context, function, _ string) (frontend.FunctionInfo, frontend.Refusal, error) {
	return frontend.FunctionInfo{Name: function}, frontend.Accepted, nil
}

func (echoGateway) Call(_ context.Context, q frontend.Request) (frontend.Answer, frontend.Refused, error) {
	return frontend.Answer{ContentType: q.ContentType, Body: q.Body, Queue: "queueA", Worker: "worker1", Attempt: 1}, frontend.Refused{}, nil
}

// discard is a response that nobody reads.
type discard struct{ head http.Header }

func (d *discard) Header() http.Header         { return d.head }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkCall takes a request from its header to its answer, without a connection
// and without what net/http does itself.
func BenchmarkCall(b *testing.B) {
	s := &stage{calls: New(Config{
		MaxBody: 1 << 20, MaxBodies: 1 << 24, Timeout: time.Minute, MaxTimeout: time.Minute, Observe: func(int, time.Duration) {},
	}, echoGateway{})}
	defer s.calls.Stop()
	handler := s.calls.Handler(Route{"/", http.HandlerFunc(s.serve)})
	body := strings.NewReader(`{"hola":"mundo","n":123}`)
	r := httptest.NewRequest(http.MethodPost, "/echo", body)
	r.Header.Set("Content-Type", "application/json")
	whole := r.Body
	w := &discard{make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(`{"hola":"mundo","n":123}`)
		r.Body = whole
		clear(w.head)
		handler.ServeHTTP(w, r)
	}
	if w.head.Get("X-Faasd-Worker") != "worker1" {
		b.Errorf("answered with %v", w.head)
	}
}
