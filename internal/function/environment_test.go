package function

import (
	"context"
	"maps"
	"testing"
	"time"
)

func TestAFunctionIsToldOfItsCallInTheEnvironment(t *testing.T) {
	ctx, cancel := context.WithDeadline(context.Background(), time.UnixMilli(1700000000123))
	defer cancel()
	in := Invocation{
		Job: "01J", Attempt: 2, Function: "hello", Version: 7, ContentType: "text/plain", Body: []byte("hola"),
		Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Request: &Request{Method: "PUT", Path: "/a b", Query: "x=1&y", Header: map[string][]string{
			"X-Hub-Signature-256": {"sha256=00"},
			"Accept":              {"text/html", "text/plain"},
			"Cookie":              {"a=1", "b=2"},
			"X-Own":               {"of the caller"},
			"Content-Type":        {"text/plain"},
			"Content-Length":      {"4000"},
			"Proxy":               {"http://evil"},
			"X_Hub_Signature_256": {"forged"},
			"Ünicode":             {"no"},
			"X-Nul":               {"a\x00b"},
			"":                    {"no name"},
		}},
	}
	want := map[string]string{
		"FAASD_JOB": "01J", "FAASD_ATTEMPT": "2", "FAASD_FUNCTION": "hello", "FAASD_VERSION": "7", "FAASD_DEADLINE_MS": "1700000000123",
		"CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "4", "TRACEPARENT": in.Trace,
		"REQUEST_METHOD": "PUT", "PATH_INFO": "/a b", "QUERY_STRING": "x=1&y",
		"HTTP_ACCEPT": "text/html, text/plain", "HTTP_COOKIE": "a=1; b=2", "HTTP_X_HUB_SIGNATURE_256": "sha256=00",
		"HTTP_X_OWN": "of the owner", "GREETING": "hola",
	}
	own := map[string]string{"GREETING": "hola", "HTTP_X_OWN": "of the owner", "FAASD_JOB": "forged", "NUL": "\x00"}
	if env := Environment(ctx, in, own); !maps.Equal(env, want) {
		t.Errorf("it is told %q, want %q", env, want)
	}
}

func TestWhatIsNotKnownOfACallIsAbsent(t *testing.T) {
	want := map[string]string{"FAASD_JOB": "01J", "FAASD_ATTEMPT": "1", "FAASD_FUNCTION": "f", "FAASD_VERSION": "0",
		"CONTENT_TYPE": "", "CONTENT_LENGTH": "0"}
	if env := Environment(context.Background(), Invocation{Job: "01J", Attempt: 1, Function: "f"}, nil); !maps.Equal(env, want) {
		t.Errorf("it is told %q, want %q", env, want)
	}
}

func TestTheTypeOfAnAnswerIsGuessed(t *testing.T) {
	for body, want := range map[string]string{
		`{"hola": "mundo"}`:      "application/json",
		" 7\n":                   "application/json",
		`{"hola": `:              "text/plain; charset=utf-8",
		"":                       "text/plain; charset=utf-8",
		"<!DOCTYPE html><p>hola": "text/html; charset=utf-8",
		"\x89PNG\r\n\x1a\n":      "image/png",
		"\x00\x01\x02":           "application/octet-stream",
	} {
		if got := ContentType([]byte(body)); got != want {
			t.Errorf("%q is taken for %s, want %s", body, got, want)
		}
	}
}
