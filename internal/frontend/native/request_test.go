package native

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"faasd/internal/frontend"
	"faasd/internal/frontend/frontendtest"
	"faasd/internal/function"
)

func TestAnIdempotencyKeyRunsACallOnce(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	first := s.Call("POST", "/echo", "x", "Idempotency-Key", `"a"`)
	again := s.Call("POST", "/echo", "x", "Idempotency-Key", `"a"`)
	if len(s.Jobs()) != 1 || again.Body.String() != "x" || again.Header().Get("X-Faasd-Job") != first.Header().Get("X-Faasd-Job") {
		t.Errorf("%d jobs; %q with %v", len(s.Jobs()), again.Body, again.Header())
	}
	frontendtest.IsProblem(t, s.Call("POST", "/echo", "y", "Idempotency-Key", `"a"`), http.StatusUnprocessableEntity, "key-reused")
	frontendtest.IsProblem(t, s.Call("POST", "/echo", "y", "Idempotency-Key", strings.Repeat("x", maxKey+1)), http.StatusBadRequest, "bad-key")
}

func TestAFunctionOfAKindThatIsToldIsToldItsHeaders(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	s.Deploy(frontend.FunctionInfo{Name: "fn", Kind: function.KindExec})
	s.Call("POST", "/fn?a=b", "x", "X-Mine", "1")
	var got function.Request
	if err := json.Unmarshal([]byte(s.Jobs()[0].Meta.Request), &got); err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.Path != "" || got.Query != "a=b" || got.Header["X-Mine"][0] != "1" {
		t.Errorf("told %+v", got)
	}
}
