package native

import (
	"testing"

	"faasd/internal/frontend/frontendtest"
	"faasd/internal/frontend/httpcall"
	"faasd/internal/frontend/httpserver"
	"faasd/internal/job"
)

// newStage makes a frontend with this interface.
func newStage(t *testing.T, outcome frontendtest.Outcome) *frontendtest.Stage {
	return newStageWith(t, job.Window{Count: 100, Bytes: 1 << 20}, outcome)
}

// newStageWith makes one whose broker has that window; without any if it is zero.
func newStageWith(t *testing.T, window job.Window, outcome frontendtest.Outcome) *frontendtest.Stage {
	t.Helper()
	s := frontendtest.NewWith(t, window, outcome)
	calls := httpcall.New(httpcall.Config{MaxBody: frontendtest.MaxBody, Timeout: frontendtest.Timeout, Observe: s.Observe}, s.Gateway)
	metrics := func(x *httpserver.Exchange) { text(x, "metrics\n") }
	s.Handler = calls.Handler(httpcall.Route{Serve: New(calls, s.Gateway.Gateway, metrics).Serve})
	return s
}
