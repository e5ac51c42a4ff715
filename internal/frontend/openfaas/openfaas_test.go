package openfaas

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/frontend/frontendtest"
	"faasd/internal/frontend/httpcall"
	"faasd/internal/function"
	"faasd/internal/wire"
)

// newStage makes a frontend with these routes.
func newStage(t *testing.T, outcome frontendtest.Outcome) *frontendtest.Stage {
	t.Helper()
	s := frontendtest.New(t, outcome)
	calls := httpcall.New(httpcall.Config{MaxBody: frontendtest.MaxBody, Timeout: frontendtest.Timeout, Observe: s.Observe}, s.Gateway)
	h := New(calls)
	s.Handler = calls.Handler(httpcall.Route{Prefix: Prefix, Serve: h.Serve}, httpcall.Route{Prefix: AsyncPrefix, Serve: h.Serve})
	return s
}

func TestAFunctionIsCalledByAnyMethod(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"} {
		w := s.Call(method, "/function/echo/a/b?c=d", "x", "Content-Type", "text/x-mine")
		head := w.Header()
		body := "x"
		if method == "HEAD" {
			body = "" // it is the answer's head that is asked for
		}
		if w.Code != http.StatusOK || w.Body.String() != body || head.Get("Content-Length") != "1" || head.Get("Content-Type") != "text/x-mine" {
			t.Errorf("%s: status %d, %q of type %q", method, w.Code, w.Body, head.Get("Content-Type"))
		}
		if took, err := strconv.ParseFloat(head.Get("X-Duration-Seconds"), 64); err != nil || took < 0 || took > time.Minute.Seconds() {
			t.Errorf("X-Duration-Seconds is %q", head.Get("X-Duration-Seconds"))
		}
		if head.Get("X-Function-Name") != "echo" || head.Get("X-Call-Id") != head.Get("X-Faasd-Job") || head.Get("X-Faasd-Worker") != "w1" {
			t.Errorf("headers %v", head)
		}
	}
}

func TestTheCallIDComesBackWhateverHappens(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	for _, path := range []string{"/function/echo", "/function/nobody", "/async-function/echo"} {
		if got := s.Call("POST", path, "x", "X-Call-Id", "mine").Header().Get("X-Call-Id"); got != "mine" {
			t.Errorf("%s: X-Call-Id is %q", path, got)
		}
	}
}

func TestTheFunctionIsToldHowItWasCalled(t *testing.T) {
	for path, want := range map[string][2]string{
		"/function/fn":                  {"", ""},
		"/function/fn/":                 {"/", ""},
		"/function/fn?x=1":              {"", "x=1"},
		"/function/fn/a//b/../c/?x=%2F": {"/a//b/../c/", "x=%2F"},
		"/function/fn/a%2Fb%20c":        {"/a%2Fb%20c", ""},
	} {
		s := newStage(t, frontendtest.Echo)
		s.Deploy(frontend.FunctionInfo{Name: "fn", Kind: function.KindExec})
		w := s.Call("PUT", path, "x")
		if w.Code != http.StatusOK {
			t.Fatalf("%s: status %d: %s", path, w.Code, w.Body)
		}
		var got function.Request
		if err := json.Unmarshal([]byte(s.Jobs()[0].Meta.Request), &got); err != nil {
			t.Fatal(err)
		}
		if got.Method != "PUT" || got.Path != want[0] || got.Query != want[1] || got.Header["X-Call-Id"][0] != w.Header().Get("X-Call-Id") {
			t.Errorf("%s: told %+v, want %q", path, got, want)
		}
	}
}

func TestWhatGoesWrongIsAProblem(t *testing.T) {
	s := newStage(t, frontendtest.Fails(wire.CodeFunctionFailed, "no"))
	frontendtest.IsProblem(t, s.Call("POST", "/function/nobody", "x"), http.StatusNotFound, "unknown-function")
	frontendtest.IsProblem(t, s.Call("POST", "/function/", "x"), http.StatusNotFound, "not-found")
	frontendtest.IsProblem(t, s.Call("POST", "/function/echo", "x"), http.StatusBadGateway, "function-failed")
	frontendtest.IsProblem(t, s.Call("POST", "/async-function/echo", "x"), http.StatusNotImplemented, "not-implemented")
	if n := len(s.Jobs()); n != 1 {
		t.Errorf("%d jobs were accepted, want one", n)
	}
}
