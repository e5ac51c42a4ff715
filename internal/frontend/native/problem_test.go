package native

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"faasd/internal/job"
	"faasd/internal/role"
	"faasd/internal/wire"
)

func TestWhatIsNotServedIsA404(t *testing.T) {
	s := newStage(t, echo)
	p := isProblem(t, s.call("POST", "/nobody", "x"), http.StatusNotFound, "unknown-function")
	if !strings.Contains(p.Detail, "nobody") {
		t.Errorf("%q does not name the function", p.Detail)
	}
	isProblem(t, s.call("GET", "/functions/nobody", ""), http.StatusNotFound, "unknown-function")
	for _, path := range []string{"/a/b", "/functions/a/b", "/echo/"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			p := isProblem(t, s.call(method, path, ""), http.StatusNotFound, "not-found")
			if !strings.Contains(p.Detail, path) {
				t.Errorf("%q does not name the path", p.Detail)
			}
		}
	}
	if len(s.jobs) > 0 {
		t.Errorf("%d jobs were accepted", len(s.jobs))
	}
}

func TestAnUnknownFunctionIsKnownOnceAQueueServesIt(t *testing.T) {
	s := newStage(t, echo)
	isProblem(t, s.call("POST", "/upper", "x"), http.StatusNotFound, "unknown-function")
	s.hear("upper")
	if w := s.call("POST", "/upper", "x"); w.Code != http.StatusOK {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestTheWrongMethodIsA405ThatNamesTheRightOnes(t *testing.T) {
	s := newStage(t, echo)
	for path, allow := range map[string]string{
		"/echo": "POST", "/nobody": "POST",
		"/": "GET, HEAD", "/healthz": "GET, HEAD", "/readyz": "GET, HEAD", "/metrics": "GET, HEAD",
		"/functions": "GET, HEAD", "/functions/echo": "GET, HEAD",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			if strings.Contains(allow, method) {
				continue
			}
			w := s.call(method, path, "")
			isProblem(t, w, http.StatusMethodNotAllowed, "method-not-allowed")
			if got := w.Header().Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, got, allow)
			}
		}
	}
	if len(s.jobs) > 0 {
		t.Errorf("%d jobs were accepted", len(s.jobs))
	}
}

func TestABodyOverTheLimitIsA413ThatNamesIt(t *testing.T) {
	s := newStage(t, echo)
	check := func(w *httptest.ResponseRecorder) {
		t.Helper()
		p := isProblem(t, w, http.StatusRequestEntityTooLarge, "body-too-large")
		if p.Limit != maxBody || !strings.Contains(p.Detail, "1000") {
			t.Errorf("%+v does not name the limit of %d", p, maxBody)
		}
	}
	tooLarge := strings.Repeat("x", maxBody+1)
	check(s.call("POST", "/echo", tooLarge)) // by its Content-Length

	r := httptest.NewRequest("POST", "/echo", struct{ io.Reader }{strings.NewReader(tooLarge)})
	r.ContentLength = -1 // in chunks
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	check(w)
	if len(s.jobs) > 0 {
		t.Errorf("%d jobs were accepted", len(s.jobs))
	}
}

func TestABadRequestIsA400(t *testing.T) {
	s := newStage(t, echo)
	for _, v := range []string{"5", "x", "-1s", "0", "0s", "1s1", strings.Repeat("9", 1000) + "s"} {
		p := isProblem(t, s.call("POST", "/echo", "x", "X-Timeout", v), http.StatusBadRequest, "bad-timeout")
		if !strings.Contains(p.Detail, v[:1]) || len(p.Detail) > 200 {
			t.Errorf("X-Timeout %.40q: %q", v, p.Detail)
		}
	}
	for _, length := range []int64{10, -1} {
		r := httptest.NewRequest("POST", "/echo", io.MultiReader(strings.NewReader("half"), broken{}))
		r.ContentLength = length
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		isProblem(t, w, http.StatusBadRequest, "broken-body")
	}
	if len(s.jobs) > 0 {
		t.Errorf("%d jobs were accepted", len(s.jobs))
	}
}

// broken is a body that breaks off.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestARefusedCallCarriesTheHeadersOfAnyOther(t *testing.T) {
	s := newStage(t, echo)
	for kind, w := range map[string]*httptest.ResponseRecorder{
		"unknown-function": s.call("POST", "/nobody", "x"),
		"body-too-large":   s.call("POST", "/echo", strings.Repeat("x", maxBody+1)),
		"bad-timeout":      s.call("POST", "/echo", "x", "X-Timeout", "5"),
		"not-implemented":  s.call("POST", "/echo", "x", "Prefer", "respond-async"),
	} {
		h := w.Header()
		if _, err := ulid.ParseStrict(h.Get("X-Faasd-Job")); err != nil || h.Get("X-Faasd-Attempt") != "0" || h.Get("X-Faasd-Queue") != "-" || h.Get("X-Faasd-Worker") != "-" {
			t.Errorf("%s: headers %v, want a job of no attempt at no queue and worker", kind, h)
		}
		if p := isProblem(t, w, w.Code, kind); p.Job != h.Get("X-Faasd-Job") {
			t.Errorf("%s: the body names the job %q", kind, p.Job)
		}
	}
	if h := s.call("GET", "/functions", "").Header(); h.Get("X-Faasd-Job") != "" {
		t.Errorf("an answer that is of no call names a job: %v", h)
	}
}

func TestAsynchronousCallsAreA501(t *testing.T) {
	s := newStage(t, echo)
	for _, v := range []string{"respond-async", "wait=10, respond-async"} {
		isProblem(t, s.call("POST", "/echo", "x", "Prefer", v), http.StatusNotImplemented, "not-implemented")
	}
	if w := s.call("POST", "/echo", "x", "Prefer", "return=minimal"); w.Code != http.StatusOK {
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
		s := newStage(t, fails(c.code, "the reason"))
		w := s.call("POST", "/echo", "x")
		p := isProblem(t, w, c.status, c.kind)
		if !strings.Contains(p.Detail, "the reason") || p.Job != s.jobs[0].Job.String() {
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
		r := echo(m)
		r.BodyChecksum++
		return r
	})
	isProblem(t, s.call("POST", "/echo", "x"), http.StatusBadGateway, "corrupt")
}

func TestAFullSystemIsA503(t *testing.T) {
	s := newStageWith(t, job.Window{Count: 4, Bytes: 1 << 20}, unanswered) // half of it for one function
	first, second := s.callLater("POST", "/echo", "x"), s.callLater("POST", "/echo", "x")
	w := s.call("POST", "/echo", "x")
	isProblem(t, w, http.StatusServiceUnavailable, "full")
	retryAfter(t, w)
	s.pass(2 * time.Second) // in which nothing is answered
	if got := s.call("POST", "/echo", "x").Header().Get("Retry-After"); got != "5" {
		t.Errorf("Retry-After is %q while nothing is answered, want 5", got)
	}
	s.pass(timeout)
	for _, answer := range []chan *httptest.ResponseRecorder{first, second} {
		isProblem(t, <-answer, http.StatusGatewayTimeout, "deadline")
	}
}

func TestAFrontendWithoutABrokerAnswers503(t *testing.T) {
	s := newStageWith(t, job.Window{}, echo)
	w := s.call("POST", "/echo", "x")
	isProblem(t, w, http.StatusServiceUnavailable, "no-broker")
	retryAfter(t, w)
	w = s.call("GET", "/readyz", "")
	isProblem(t, w, http.StatusServiceUnavailable, "not-ready")
	retryAfter(t, w)
}

func TestAStoppingFrontendAnswers503(t *testing.T) {
	s := newStage(t, unanswered)
	answer := s.callLater("POST", "/echo", "x")
	s.do(s.machine.Drain)
	w := s.call("POST", "/echo", "x")
	isProblem(t, w, http.StatusServiceUnavailable, "stopping")
	retryAfter(t, w)
	isProblem(t, s.call("GET", "/readyz", ""), http.StatusServiceUnavailable, "not-ready")
	if w := s.call("GET", "/healthz", ""); w.Code != http.StatusOK {
		t.Errorf("a stopping frontend that answers is not healthy: %d", w.Code)
	}

	s.do(s.machine.Leave)
	open := <-answer
	isProblem(t, open, http.StatusServiceUnavailable, "stopping")
	retryAfter(t, open)

	s.do(func(role.Time) { s.ended = true })
	isProblem(t, s.call("POST", "/echo", "x"), http.StatusServiceUnavailable, "stopping")
	isProblem(t, s.call("GET", "/functions", ""), http.StatusServiceUnavailable, "stopping")
	isProblem(t, s.call("GET", "/readyz", ""), http.StatusServiceUnavailable, "not-ready")
}

func retryAfter(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if got := w.Header().Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q, want 1", got)
	}
}

var (
	typeInCode = regexp.MustCompile(`\b(?:Type: |p\.Type\b.* = )"([a-z-]+)"`)
	typeInDoc  = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| \\d{3} \\|")
)

// Programs act on the types: docs/SETTINGS.md lists all that there are.
func TestEveryTypeOfProblemIsDocumented(t *testing.T) {
	read := func(re *regexp.Regexp, files ...string) (types []string) {
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range re.FindAllStringSubmatch(string(text), -1) {
				types = append(types, m[1])
			}
		}
		slices.Sort(types)
		return slices.Compact(types)
	}
	code := read(typeInCode, "native.go", "problem.go", "upload.go")
	if doc := read(typeInDoc, "../../../docs/SETTINGS.md"); !slices.Equal(doc, code) {
		t.Errorf("docs/SETTINGS.md has the types\n%q, the code\n%q", doc, code)
	}
}
