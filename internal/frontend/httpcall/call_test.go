package httpcall

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/frontend/frontendtest"
	"faasd/internal/function"
	"faasd/internal/wire"
)

func TestAFunctionsOwnTimeoutLengthensTheTimeOfItsRequests(t *testing.T) {
	for _, c := range []struct {
		own, want time.Duration
		header    string
	}{
		{0, frontendtest.Timeout, ""},
		{3 * time.Second, frontendtest.Timeout, ""},
		{frontendtest.Timeout, frontendtest.Timeout + ownTime, ""},
		{15 * time.Second, 16 * time.Second, ""},
		{time.Hour, 2 * frontendtest.Timeout, ""}, // what the stage has for --max-timeout
		{15 * time.Second, 14 * time.Second, "14s"},
		{15 * time.Second, 16 * time.Second, "1h"},
	} {
		s := newStage(t, frontendtest.Echo)
		s.Deploy(frontend.FunctionInfo{Name: "fn", Kind: function.KindLambda, Version: 3, Timeout: c.own})
		if w := s.Call("POST", "/fn", "x", "X-Timeout", c.header); w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		j := s.Jobs()[0]
		if got := time.Duration(j.TTLMillis) * time.Millisecond; got > c.want || got < c.want-time.Second/2 {
			t.Errorf("own timeout %s, X-Timeout %q: the job has %s, want %s", c.own, c.header, got, c.want)
		}
		if j.FunctionVersion != 3 {
			t.Errorf("version %d is asked for, want 3", j.FunctionVersion)
		}
	}
}

func TestAnUnknownVersionIsA404(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	s.Deploy(frontend.FunctionInfo{Name: "fn", Kind: function.KindLambda, Version: 3})
	for _, path := range []string{"/echo?version=1", "/fn?version=2", "/fn?version=live"} {
		p := frontendtest.IsProblem(t, s.Call("POST", path, "x"), http.StatusNotFound, "unknown-version")
		if version := path[len(path)-1:]; !strings.Contains(p.Detail, version) {
			t.Errorf("%q does not name the version", p.Detail)
		}
	}
	for _, path := range []string{"/fn?version=3", "/fn?version=$LATEST", "/echo?version=$LATEST"} {
		if w := s.Call("POST", path, "x"); w.Code != http.StatusOK {
			t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		}
	}
}

func TestAFunctionsOwnTimeoutIsA504(t *testing.T) {
	s := newStage(t, frontendtest.Fails(wire.CodeTimedOut, "it took 3 s"))
	p := frontendtest.IsProblem(t, s.Call("POST", "/echo", "x"), http.StatusGatewayTimeout, "function-timeout")
	if p.Detail != "it took 3 s" {
		t.Errorf("%q does not say why", p.Detail)
	}
}

func TestFunctionsOfSomeKindsAreToldHowTheyWereCalled(t *testing.T) {
	header := []string{
		"Authorization", "Bearer x", "Cookie", "a=b", "X-Hub-Signature-256", "sha256=0", "Content-Type", "text/plain",
		"Connection", "close, X-Mine", "X-Mine", "1", "Proxy", "http://evil", "Proxy-Authorization", "p", "Te", "trailers", "Expect", "100-continue",
	}
	for _, kind := range []string{function.KindExec, function.KindWasm} {
		s := newStage(t, frontendtest.Echo)
		s.Deploy(frontend.FunctionInfo{Name: "fn", Kind: kind})
		if w := s.Call("POST", "/fn?a=1&b=%20", "x", header...); w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		var got function.Request
		if err := json.Unmarshal([]byte(s.Jobs()[0].Meta.Request), &got); err != nil {
			t.Fatalf("%s: told %q: %v", kind, s.Jobs()[0].Meta.Request, err)
		}
		want := function.Request{Method: "POST", Path: "/rest", Query: "a=1&b=%20", Header: map[string][]string{
			"Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "X-Hub-Signature-256": {"sha256=0"}, "Content-Type": {"text/plain"}, "Content-Length": {"1"}, "Host": {"faasd"},
		}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is told\n%+v, want\n%+v", kind, got, want)
		}
	}
	s := newStage(t, frontendtest.Echo)
	s.Deploy(frontend.FunctionInfo{Name: "fn", Kind: function.KindLambda})
	s.Call("POST", "/fn?a=1", "x")
	s.Call("POST", "/echo?a=1", "x")
	for _, j := range s.Jobs() {
		if j.Meta.Request != "" {
			t.Errorf("%s is told %s", j.Meta.Function, j.Meta.Request)
		}
	}
}

func TestHeadersThatHaveNoRoomAreA431(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	s.Deploy(frontend.FunctionInfo{Name: "fn", Kind: function.KindExec})
	long := strings.Repeat("x", maxText)
	frontendtest.IsProblem(t, s.Call("POST", "/fn", "x", "X-Long", long), http.StatusRequestHeaderFieldsTooLarge, "headers-too-large")
	if w := s.Call("POST", "/echo", "x", "X-Long", long); w.Code != http.StatusOK {
		t.Errorf("status %d for a function that is not told of them", w.Code)
	}
	if w := s.Call("POST", "/fn", "x", "X-Long", long[:maxText-200]); w.Code != http.StatusOK || len(s.Jobs()[1].Meta.Request) < maxText-200 {
		t.Errorf("status %d for what has room", w.Code)
	}
}

func TestATraceGoesThroughAndComesBack(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	s := newStage(t, frontendtest.Echo)
	for sent, want := range map[string]string{
		trace: trace, "01" + trace[2:] + "-more": "01" + trace[2:] + "-more",
		"": "", "x": "", trace + "0": "", strings.ToUpper(trace): "", strings.Replace(trace, "-", "0", 1): "", trace + "-" + strings.Repeat("x", 100): "",
	} {
		w := s.Call("POST", "/echo", "x", "Traceparent", sent)
		jobs := s.Jobs()
		if got := jobs[len(jobs)-1].Meta.Trace; got != want || w.Header().Get("Traceparent") != want {
			t.Errorf("traceparent %q goes on as %q and comes back as %q", sent, got, w.Header().Get("Traceparent"))
		}
	}
}
