package native

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"faasd/internal/frontend"

	"faasd/internal/frontend/frontendtest"
)

func TestPeopleAndLoadBalancersAreAnswered(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	for path, want := range map[string]string{
		"/": "POST /{function}", "http://host": "POST /{function}", "http://host/": "POST /{function}", "http://host?x": "POST /{function}", "/healthz": "ok\n", "/readyz": "ready\n", "/metrics": "metrics\n",
	} {
		w := s.Call("GET", path, "")
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("GET %s: %d %q, want 200 and %q", path, w.Code, w.Body, want)
		}
		if ct := w.Header().Get("Content-Type"); ct != "text/plain; charset=utf-8" {
			t.Errorf("GET %s: content type %q", path, ct)
		}
	}
}

func TestFunctionsAreListed(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	s.Hear("upper")
	w := s.Call("GET", "/functions", "")
	var list []frontend.FunctionInfo
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%q of type %q: %v", w.Body, w.Header().Get("Content-Type"), err)
	}
	want := []frontend.FunctionInfo{{Name: "echo", BuiltIn: true}, {Name: "upper", Workers: 2, Waiting: 3, Running: 4}}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("listed %+v, want %+v", list, want)
	}
	var one frontend.FunctionInfo
	w = s.Call("GET", "/functions/upper", "")
	if err := json.Unmarshal(w.Body.Bytes(), &one); err != nil || one != want[1] {
		t.Errorf("GET /functions/upper: %q", w.Body)
	}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	url := "http://" + s.Serve()
	for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/functions", "/functions/echo", "/functions/nobody"} {
		get, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = get.Body.Close()
		head, err := http.Head(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(head.Body)
		_ = head.Body.Close()
		if err != nil || len(body) > 0 {
			t.Errorf("HEAD %s: body %q, %v", path, body, err)
		}
		if head.StatusCode != get.StatusCode || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d of type %q; GET: %d of type %q", path,
				head.StatusCode, head.Header.Get("Content-Type"), get.StatusCode, get.Header.Get("Content-Type"))
		}
	}
}
