package native

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"faasd/internal/job"
	"faasd/internal/wire"

	"faasd/internal/frontend/frontendtest"
)

func TestWhatIsNotServedIsA404(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	p := frontendtest.IsProblem(t, s.Call("POST", "/nobody", "x"), http.StatusNotFound, "unknown-function")
	if !strings.Contains(p.Detail, "nobody") {
		t.Errorf("%q does not name the function", p.Detail)
	}
	frontendtest.IsProblem(t, s.Call("GET", "/functions/nobody", ""), http.StatusNotFound, "unknown-function")
	for _, method := range []string{"GET", "PUT", "DELETE", "OPTIONS"} { // no method is the right one
		w := s.Call(method, "/nobody", "")
		frontendtest.IsProblem(t, w, http.StatusNotFound, "unknown-function")
		if allow := w.Header().Get("Allow"); allow != "" {
			t.Errorf("%s /nobody: Allow is %q, and nothing is", method, allow)
		}
	}
	for _, path := range []string{"/a/b", "/functions/a/b", "/echo/"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			p := frontendtest.IsProblem(t, s.Call(method, path, ""), http.StatusNotFound, "not-found")
			if !strings.Contains(p.Detail, path) {
				t.Errorf("%q does not name the path", p.Detail)
			}
		}
	}
	if len(s.Jobs()) > 0 {
		t.Errorf("%d jobs were accepted", len(s.Jobs()))
	}
}

func TestAnUnknownFunctionIsKnownOnceAQueueServesIt(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	frontendtest.IsProblem(t, s.Call("POST", "/upper", "x"), http.StatusNotFound, "unknown-function")
	s.Hear("upper")
	if w := s.Call("POST", "/upper", "x"); w.Code != http.StatusOK {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestTheWrongMethodIsA405ThatNamesTheRightOnes(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	for path, allow := range map[string]string{
		"/echo": "POST",
		"/":     "GET, HEAD", "/healthz": "GET, HEAD", "/readyz": "GET, HEAD", "/metrics": "GET, HEAD",
		"/functions": "GET, HEAD", "/functions/echo": "GET, HEAD",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			if strings.Contains(allow, method) {
				continue
			}
			w := s.Call(method, path, "")
			if method == "HEAD" && w.Code != http.StatusMethodNotAllowed {
				t.Errorf("HEAD %s: status %d", path, w.Code)
			} else if method != "HEAD" {
				frontendtest.IsProblem(t, w, http.StatusMethodNotAllowed, "method-not-allowed")
			}
			if got := w.Header().Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, got, allow)
			}
		}
	}
	if len(s.Jobs()) > 0 {
		t.Errorf("%d jobs were accepted", len(s.Jobs()))
	}
}

func TestABodyOverTheLimitIsA413ThatNamesIt(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	check := func(w *httptest.ResponseRecorder) {
		t.Helper()
		p := frontendtest.IsProblem(t, w, http.StatusRequestEntityTooLarge, "body-too-large")
		if p.Limit != frontendtest.MaxBody || !strings.Contains(p.Detail, "1000") {
			t.Errorf("%+v does not name the limit of %d", p, frontendtest.MaxBody)
		}
	}
	tooLarge := strings.Repeat("x", frontendtest.MaxBody+1)
	check(s.Call("POST", "/echo", tooLarge)) // by its Content-Length

	c := s.Dial()
	c.Say("POST", "/echo", "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(tooLarge), tooLarge))
	check(c.Hear())
	if len(s.Jobs()) > 0 {
		t.Errorf("%d jobs were accepted", len(s.Jobs()))
	}
}

func TestABadRequestIsA400(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	for _, v := range []string{"5", "x", "-1s", "0", "0s", "1s1", strings.Repeat("9", 1000) + "s"} {
		p := frontendtest.IsProblem(t, s.Call("POST", "/echo", "x", "X-Timeout", v), http.StatusBadRequest, "bad-timeout")
		if !strings.Contains(p.Detail, v[:1]) || len(p.Detail) > 200 {
			t.Errorf("X-Timeout %.40q: %q", v, p.Detail)
		}
	}
	for header, body := range map[string]string{"Content-Length: 10": "half", "Transfer-Encoding: chunked": "8\r\nhalf"} {
		c := s.Dial()
		c.Say("POST", "/echo", header, body)
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		frontendtest.IsProblem(t, c.Hear(), http.StatusBadRequest, "broken-body")
	}
	if len(s.Jobs()) > 0 {
		t.Errorf("%d jobs were accepted", len(s.Jobs()))
	}
}

func TestARefusedCallCarriesTheHeadersOfAnyOther(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	for kind, w := range map[string]*httptest.ResponseRecorder{
		"unknown-function": s.Call("POST", "/nobody", "x"),
		"body-too-large":   s.Call("POST", "/echo", strings.Repeat("x", frontendtest.MaxBody+1)),
		"bad-timeout":      s.Call("POST", "/echo", "x", "X-Timeout", "5"),
		"not-implemented":  s.Call("POST", "/echo", "x", "Prefer", "respond-async"),
	} {
		h := w.Header()
		if _, err := ulid.ParseStrict(h.Get("X-Faasd-Job")); err != nil || h.Get("X-Faasd-Attempt") != "0" || h.Get("X-Faasd-Queue") != "-" || h.Get("X-Faasd-Worker") != "-" {
			t.Errorf("%s: headers %v, want a job of no attempt at no queue and worker", kind, h)
		}
		if p := frontendtest.IsProblem(t, w, w.Code, kind); p.Job != h.Get("X-Faasd-Job") {
			t.Errorf("%s: the body names the job %q", kind, p.Job)
		}
	}
	if h := s.Call("GET", "/functions", "").Header(); h.Get("X-Faasd-Job") != "" {
		t.Errorf("an answer that is of no call names a job: %v", h)
	}
}

func TestAsynchronousCallsAreA501(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	for _, v := range []string{"respond-async", "wait=10, respond-async"} {
		frontendtest.IsProblem(t, s.Call("POST", "/echo", "x", "Prefer", v), http.StatusNotImplemented, "not-implemented")
	}
	if w := s.Call("POST", "/echo", "x", "Prefer", "return=minimal"); w.Code != http.StatusOK {
		t.Errorf("another preference: status %d", w.Code)
	}
}

func TestAJobThatCameToNothingIsA502Or504(t *testing.T) {
	for _, c := range []struct {
		code   wire.Code
		status int
		kind   string
	}{
		{wire.CodeWorkersLost, http.StatusBadGateway, "workers-lost"},
		{wire.CodeFunctionFailed, http.StatusBadGateway, "function-failed"},
		{wire.CodeCorrupt, http.StatusBadGateway, "corrupt"},
		{wire.CodeExpired, http.StatusGatewayTimeout, "deadline"},
		{999, http.StatusBadGateway, "function-failed"}, // of a later release
	} {
		s := newStage(t, frontendtest.Fails(c.code, "the reason"))
		w := s.Call("POST", "/echo", "x")
		p := frontendtest.IsProblem(t, w, c.status, c.kind)
		if !strings.Contains(p.Detail, "the reason") || p.Job != s.Jobs()[0].Job.String() {
			t.Errorf("code %d: %+v does not name the reason and the job", c.code, p)
		}
		if w.Header().Get("X-Faasd-Attempt") != "3" || w.Header().Get("X-Faasd-Queue") != "queueA" {
			t.Errorf("code %d: headers %v do not say where and how often it ran", c.code, w.Header())
		}
		if w.Header().Get("X-Faasd-Worker") != "-" {
			t.Errorf("code %d: a worker is named that there was none of: %v", c.code, w.Header())
		}
	}
}

func TestAResultThatWasDamagedIsA502(t *testing.T) {
	s := newStage(t, func(m *wire.Message) *wire.Message {
		r := frontendtest.Echo(m)
		r.BodyChecksum++
		return r
	})
	frontendtest.IsProblem(t, s.Call("POST", "/echo", "x"), http.StatusBadGateway, "corrupt")
}

func TestAFullSystemIsA503(t *testing.T) {
	s := newStageWith(t, job.Window{Count: 4, Bytes: 1 << 20}, frontendtest.Unanswered) // half of it for one function
	first, second := s.CallLater("POST", "/echo", "x"), s.CallLater("POST", "/echo", "x")
	w := s.Call("POST", "/echo", "x")
	frontendtest.IsProblem(t, w, http.StatusServiceUnavailable, "full")
	frontendtest.RetryAfter(t, w)
	s.Pass(2 * time.Second) // in which nothing is answered
	if got := s.Call("POST", "/echo", "x").Header().Get("Retry-After"); got != "5" {
		t.Errorf("Retry-After is %q while nothing is answered, want 5", got)
	}
	s.Pass(frontendtest.Timeout)
	for _, answer := range []chan *httptest.ResponseRecorder{first, second} {
		frontendtest.IsProblem(t, <-answer, http.StatusGatewayTimeout, "deadline")
	}
}

func TestAFrontendWithoutABrokerAnswers503(t *testing.T) {
	s := newStageWith(t, job.Window{}, frontendtest.Echo)
	w := s.Call("POST", "/echo", "x")
	frontendtest.IsProblem(t, w, http.StatusServiceUnavailable, "no-broker")
	frontendtest.RetryAfter(t, w)
	w = s.Call("GET", "/readyz", "")
	frontendtest.IsProblem(t, w, http.StatusServiceUnavailable, "not-ready")
	frontendtest.RetryAfter(t, w)
}

func TestAStoppingFrontendAnswers503(t *testing.T) {
	s := newStage(t, frontendtest.Unanswered)
	answer := s.CallLater("POST", "/echo", "x")
	s.Drain()
	w := s.Call("POST", "/echo", "x")
	frontendtest.IsProblem(t, w, http.StatusServiceUnavailable, "stopping")
	frontendtest.RetryAfter(t, w)
	frontendtest.IsProblem(t, s.Call("GET", "/readyz", ""), http.StatusServiceUnavailable, "not-ready")
	if w := s.Call("GET", "/healthz", ""); w.Code != http.StatusOK {
		t.Errorf("a stopping frontend that answers is not healthy: %d", w.Code)
	}

	s.Leave()
	open := <-answer
	frontendtest.IsProblem(t, open, http.StatusServiceUnavailable, "stopping")
	frontendtest.RetryAfter(t, open)

	s.End()
	frontendtest.IsProblem(t, s.Call("POST", "/echo", "x"), http.StatusServiceUnavailable, "stopping")
	frontendtest.IsProblem(t, s.Call("GET", "/functions", ""), http.StatusServiceUnavailable, "stopping")
	frontendtest.IsProblem(t, s.Call("GET", "/readyz", ""), http.StatusServiceUnavailable, "not-ready")
}
