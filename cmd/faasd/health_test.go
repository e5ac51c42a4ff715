package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"faasd/internal/config"
)

// asks runs `faasd health` against a server.
func asks(t *testing.T, h http.HandlerFunc, args ...string) (code int, out, errs string) {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	var o, e strings.Builder
	env := func(name string) string {
		if name == "FAASD_METRICS" {
			return strings.Replace(strings.TrimPrefix(s.URL, "http://"), "127.0.0.1:", ":", 1) // as a part would be given it
		}
		return ""
	}
	code = config.Main(program(), append([]string{"health"}, args...), config.Stdio{Out: &o, Err: &e, Env: env})
	return code, o.String(), e.String()
}

func TestHealthSaysWhetherAPartIsReadyOrAlive(t *testing.T) {
	at := func(path string, status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				t.Errorf("it asks for %s, want %s", r.URL.Path, path)
			}
			http.Error(w, text, status)
		}
	}
	answer := func(status int, text string) http.HandlerFunc { return at("/readyz", status, text) }
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for _, tt := range []struct {
		name    string
		server  http.HandlerFunc
		args    []string
		code    int
		out, is string
	}{
		{"ready", answer(200, "ok"), nil, config.ExitOK, "ready\n", ""},
		{"not ready", answer(503, "queue a waits for a broker\nqueue b waits for a broker"), nil, config.ExitFailed, "", "not ready: queue a waits for a broker; queue b waits for a broker\n"},
		{"alive", at("/healthz", 200, "ok"), []string{"--alive"}, config.ExitOK, "alive\n", ""},
		{"not alive", at("/healthz", 503, "queue a hangs"), []string{"--alive"}, config.ExitFailed, "", "not alive: queue a hangs\n"},
		{"another server", answer(404, "not found"), nil, config.ExitFailed, "", "answered 404 Not Found to GET /readyz: no part of faasd serves its metrics there\n"},
		{"a part that hangs", hangs, []string{"--within", "50ms"}, config.ExitFailed, "", "no answer within 50ms; is the part running, with --metrics?\n"},
		{"nobody", nil, []string{"--metrics", "127.0.0.1:1"}, config.ExitFailed, "", "127.0.0.1:1: connection refused; is the part running, with --metrics?\n"},
		{"no port", nil, []string{"--metrics", "x"}, config.ExitUsage, "", "--metrics"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := asks(t, tt.server, tt.args...)
			if code != tt.code || out != tt.out || !strings.Contains(errs, tt.is) || strings.Count(errs, "\n") > 1 {
				t.Errorf("exit code %d, %q, %q; want %d, %q, %q", code, out, errs, tt.code, tt.out, tt.is)
			}
		})
	}
}
