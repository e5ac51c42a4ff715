package lambda

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"

	"faasd/internal/frontend"
	"faasd/internal/frontend/frontendtest"
	"faasd/internal/frontend/httpcall"
	"faasd/internal/function"
	"faasd/internal/job"
	"faasd/internal/wire"
)

// newStage makes a frontend with this API.
func newStage(t *testing.T, outcome frontendtest.Outcome) *frontendtest.Stage {
	return newStageWith(t, job.Window{Count: 100, Bytes: 1 << 20}, outcome)
}

func newStageWith(t *testing.T, window job.Window, outcome frontendtest.Outcome) *frontendtest.Stage {
	t.Helper()
	s := frontendtest.NewWith(t, window, outcome)
	calls := httpcall.New(httpcall.Config{
		MaxBody: frontendtest.MaxBody, Timeout: frontendtest.Timeout, MaxTimeout: time.Minute, Observe: s.Observe,
	}, s.Gateway)
	s.Handler = calls.Handler(httpcall.Route{Prefix: Prefix, Serve: New(calls).Serve})
	return s
}

func path(name string) string { return functions + name + invocations }

// isException checks that an answer is an error of the service.
func isException(t *testing.T, w *httptest.ResponseRecorder, status int, name string) (text string) {
	t.Helper()
	var b map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil {
		t.Fatalf("status %d with %q, which is not JSON: %v", w.Code, w.Body, err)
	}
	if got := w.Header().Get("X-Amzn-ErrorType"); w.Code != status || got != name {
		t.Errorf("status %d and %q, want %d and %s: %s", w.Code, got, status, name, w.Body)
	}
	whose, member := "User", "message"
	if status >= 500 {
		whose = "Service"
	}
	if name == "ResourceNotFoundException" || name == "ServiceException" {
		member = "Message"
	}
	if b["Type"] != whose || b[member] == "" {
		t.Errorf("%s is of type %q and has no %s: %s", name, b["Type"], member, w.Body)
	}
	if w.Header().Get("X-Amz-Function-Error") != "" {
		t.Errorf("%s is also an error of the function", name)
	}
	return b[member]
}

func TestAnInvocationIsAnsweredWithWhatTheFunctionReturned(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	for _, name := range []string{"echo", "echo%3A$LATEST", "echo:$LATEST", "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aecho", "echo"} {
		w := s.Call("POST", path(name), `{"hola":"mundo"}`, "Content-Type", "application/octet-stream")
		head := w.Header()
		if w.Code != http.StatusOK || w.Body.String() != `{"hola":"mundo"}` || head.Get("Content-Type") != "application/json" {
			t.Errorf("%s: status %d, %q of type %q", name, w.Code, w.Body, head.Get("Content-Type"))
		}
		if head.Get("X-Amz-Executed-Version") != "$LATEST" || head.Get("X-Amzn-RequestId") == "" || head.Get("X-Amzn-RequestId") != head.Get("X-Faasd-Job") ||
			head.Get("X-Faasd-Worker") != "w1" || head.Get("X-Amz-Function-Error") != "" || head.Get("X-Amz-Log-Result") != "" {
			t.Errorf("%s: headers %v", name, head)
		}
	}
	if w := s.Call("POST", path("echo"), ""); w.Body.String() != "{}" {
		t.Errorf("no event is %q to a function, want {}", w.Body)
	}
}

func TestADryRunRunsNothing(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	w := s.Call("POST", path("echo"), `{}`, "X-Amz-Invocation-Type", "DryRun")
	if w.Code != http.StatusNoContent || w.Body.Len() > 0 || w.Header().Get("X-Amz-Executed-Version") != "$LATEST" {
		t.Errorf("status %d, %q, %v", w.Code, w.Body, w.Header())
	}
	isException(t, s.Call("POST", path("nobody"), `{}`, "X-Amz-Invocation-Type", "DryRun"), http.StatusNotFound, "ResourceNotFoundException")
	isException(t, s.Call("POST", path("echo:5"), `{}`, "X-Amz-Invocation-Type", "DryRun"), http.StatusNotFound, "ResourceNotFoundException")
	isException(t, s.Call("POST", path("echo"), `{`, "X-Amz-Invocation-Type", "DryRun"), http.StatusBadRequest, "InvalidRequestContentException")
	if n := len(s.Jobs()); n > 0 {
		t.Errorf("%d jobs were accepted", n)
	}
}

func TestWhatAWSWouldRefuseIsRefusedAlike(t *testing.T) {
	client := base64.StdEncoding.EncodeToString([]byte(`{"client":"` + strings.Repeat("x", 2700) + `"}`))
	s := newStage(t, frontendtest.Echo)
	for _, c := range []struct {
		what, name, query, body string
		header                  []string
		status                  int
		exception               string
	}{
		{"no function", "nobody", "", "{}", nil, 404, "ResourceNotFoundException"},
		{"no name", "a%20b", "", "{}", nil, 400, "InvalidParameterValueException"},
		{"no such version", "echo", "?Qualifier=7", "{}", nil, 404, "ResourceNotFoundException"},
		{"two qualifiers", "echo:1", "?Qualifier=2", "{}", nil, 400, "InvalidParameterValueException"},
		{"no JSON", "echo", "", "hello", nil, 400, "InvalidRequestContentException"},
		{"more than JSON", "echo", "", "{}{}", nil, 400, "InvalidRequestContentException"},
		{"too large", "echo", "", `"` + strings.Repeat("x", frontendtest.MaxBody+beyond-1) + `"`, nil, 413, "RequestTooLargeException"},
		{"no such type", "echo", "", "{}", []string{"X-Amz-Invocation-Type", "event"}, 400, "InvalidParameterValueException"},
		{"no such log type", "echo", "", "{}", []string{"X-Amz-Log-Type", "All"}, 400, "InvalidParameterValueException"},
		{"not yet", "echo", "", "{}", []string{"X-Amz-Invocation-Type", "Event"}, 501, "NotImplementedException"},
		{"client context not in base64", "echo", "", "{}", []string{"X-Amz-Client-Context", "{}"}, 400, "InvalidRequestContentException"},
		{"client context not JSON", "echo", "", "{}", []string{"X-Amz-Client-Context", "eHh4"}, 400, "InvalidRequestContentException"},
		{"client context too long", "echo", "", "{}", []string{"X-Amz-Client-Context", client}, 400, "InvalidRequestContentException"},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := s.Call("POST", path(c.name)+c.query, c.body, c.header...)
			isException(t, w, c.status, c.exception)
			if h := w.Header(); h.Get("X-Amzn-RequestId") == "" || h.Get("X-Faasd-Attempt") != "0" {
				t.Errorf("headers %v", h)
			}
		})
	}
	if n := len(s.Jobs()); n > 0 {
		t.Errorf("%d jobs were accepted", n)
	}
	if w := s.Call("POST", path("echo"), `"`+strings.Repeat("x", frontendtest.MaxBody+beyond-2)+`"`); w.Code != http.StatusOK {
		t.Errorf("an event that is as large as may be: status %d", w.Code)
	}
}

func TestOtherOperationsAreNotServed(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", Prefix + "functions", 404}, {"GET", functions + "echo", 404}, {"POST", functions + "echo/invoke-async", 404},
		{"POST", path("a/b"), 404}, {"POST", path("a%2Fb"), 404}, {"GET", Prefix + "event-source-mappings", 404}, {"GET", path("echo"), 405},
	} {
		isException(t, s.Call(c.method, c.path, ""), c.status, "UnknownOperationException")
	}
}

func TestAFullSystemThrottles(t *testing.T) {
	s := newStageWith(t, job.Window{Count: 4, Bytes: 1 << 20}, frontendtest.Unanswered) // half of it for one function
	first, second := s.CallLater("POST", path("echo"), "{}"), s.CallLater("POST", path("echo"), "{}")
	w := s.Call("POST", path("echo"), "{}")
	isException(t, w, http.StatusTooManyRequests, "TooManyRequestsException")
	frontendtest.RetryAfter(t, w)
	if !strings.Contains(w.Body.String(), `"Reason":"ConcurrentInvocationLimitExceeded"`) {
		t.Errorf("no reason: %s", w.Body)
	}
	s.Pass(frontendtest.Timeout + time.Second)
	for _, answer := range []chan *httptest.ResponseRecorder{first, second} { // not known to be the function's fault
		isException(t, <-answer, http.StatusInternalServerError, "ServiceException")
	}
}

func TestWithoutABrokerTheServiceFails(t *testing.T) {
	w := newStageWith(t, job.Window{}, frontendtest.Echo).Call("POST", path("echo"), "{}")
	isException(t, w, http.StatusInternalServerError, "ServiceException")
	frontendtest.RetryAfter(t, w)
}

func TestWhatHappenedOnTheWayIsNotTheFunctionsError(t *testing.T) {
	for _, code := range []wire.Code{wire.CodeCorrupt, wire.CodeExpired, wire.CodeLeaving} {
		w := newStage(t, frontendtest.Fails(code, "the reason")).Call("POST", path("echo"), "{}")
		if text := isException(t, w, http.StatusInternalServerError, "ServiceException"); !strings.Contains(text, "the reason") {
			t.Errorf("code %d: %q", code, text)
		}
	}
}

func TestAFunctionThatFailsIsA200WithAFunctionError(t *testing.T) {
	own := func(body, kind string) frontendtest.Outcome {
		return func(m *wire.Message) *wire.Message {
			r := frontendtest.Echo(m)
			r.Code, r.Meta.ErrorType = wire.CodeFunctionError, kind
			r.SetBody([]byte(body))
			return r
		}
	}
	crashed := func(m *wire.Message) *wire.Message {
		r := frontendtest.Fails(wire.CodeFunctionFailed, "exit status 3")(m)
		r.Meta.ErrorType = function.TypeExit
		return r
	}
	for _, c := range []struct {
		what    string
		outcome frontendtest.Outcome
		kind    string
		message string
	}{
		{"its own", own(`{"errorMessage":"no","errorType":"myError","stackTrace":[]}`, "myError"), "myError", "no"},
		{"its own, not JSON", own("sh: no such file", ""), "Runtime.Unknown", "sh: no such file"},
		{"a crash", crashed, "Runtime.ExitError", "RequestId: JOB Error: exit status 3"},
		{"of no kind", frontendtest.Fails(wire.CodeFunctionFailed, "it panicked"), "Runtime.Unknown", "RequestId: JOB Error: it panicked"},
		{"workers lost", frontendtest.Fails(wire.CodeWorkersLost, "3 workers"), "Runtime.ExitError", "RequestId: JOB Error: 3 workers"},
		{"its timeout", frontendtest.Fails(wire.CodeTimedOut, "too slow"), "Sandbox.Timedout", "RequestId: JOB Error: Task timed out after 3.00 seconds"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := newStage(t, c.outcome)
			s.Deploy(frontend.FunctionInfo{Name: "fn", Kind: function.KindLambda, Version: 2, Timeout: 3 * time.Second})
			w := s.Call("POST", path("fn"), "{}")
			var f failure
			if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != http.StatusOK || w.Header().Get("X-Amz-Function-Error") != "Unhandled" {
				t.Fatalf("status %d, %v, %q: %v", w.Code, w.Header(), w.Body, err)
			}
			if want := strings.Replace(c.message, "JOB", w.Header().Get("X-Faasd-Job"), 1); f.Type != c.kind || f.Message != want {
				t.Errorf("%+v, want %s: %s", f, c.kind, want)
			}
		})
	}
}

func TestTheEndOfTheLogComesIfItIsAskedFor(t *testing.T) {
	log := strings.Repeat("before\n", 1000) + "the end\n"
	s := newStage(t, func(m *wire.Message) *wire.Message {
		r := frontendtest.Echo(m)
		if m.Flags&wire.FlagLog != 0 {
			r.Meta.LogTail = log
		}
		return r
	})
	w := s.Call("POST", path("echo"), "{}", "X-Amz-Log-Type", "Tail")
	got, err := base64.StdEncoding.DecodeString(w.Header().Get("X-Amz-Log-Result"))
	if err != nil || len(got) != 4<<10 || !strings.HasSuffix(log, string(got)) {
		t.Errorf("%d bytes of log, %v, want the last 4 KiB", len(got), err)
	}
	if w := s.Call("POST", path("echo"), "{}", "X-Amz-Log-Type", "None"); w.Header().Get("X-Amz-Log-Result") != "" {
		t.Error("a log comes that was not asked for")
	}
}

func TestAVersionIsCalledByItsNumber(t *testing.T) {
	s := newStage(t, func(m *wire.Message) *wire.Message {
		r := frontendtest.Echo(m)
		r.FunctionVersion = m.FunctionVersion
		return r
	})
	s.Deploy(frontend.FunctionInfo{Name: "fn", Kind: function.KindLambda, Version: 12})
	for _, p := range []string{path("fn"), path("fn:12"), path("fn") + "?Qualifier=12", path("fn:12") + "?Qualifier=12", path("fn") + "?Qualifier=%24LATEST"} {
		if w := s.Call("POST", p, "{}"); w.Code != http.StatusOK || w.Header().Get("X-Amz-Executed-Version") != "12" {
			t.Errorf("%s: status %d of version %q", p, w.Code, w.Header().Get("X-Amz-Executed-Version"))
		}
	}
	for _, p := range []string{path("fn:11"), path("fn:live"), path("fn") + "?Qualifier=13"} {
		isException(t, s.Call("POST", p, "{}"), http.StatusNotFound, "ResourceNotFoundException")
	}
}

func TestTheClientContextGoesThrough(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	context := base64.StdEncoding.EncodeToString([]byte(`{"custom":{"a":"b"}}`))
	s.Call("POST", path("echo"), "{}", "X-Amz-Client-Context", context)
	if got := s.Jobs()[0].Meta.Client; got != context {
		t.Errorf("the function's client context is %q, want %q", got, context)
	}
}

func TestAnSDKsSecondTryRunsNothingTwice(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	const id = "8e03978e-40d5-43e8-bc93-6894a57f9324"
	first := s.Call("POST", path("echo"), `{"n":1}`, "amz-sdk-invocation-id", id)
	again := s.Call("POST", path("echo"), `{"n":1}`, "amz-sdk-invocation-id", id)
	if len(s.Jobs()) != 1 || again.Body.String() != `{"n":1}` || again.Header().Get("X-Amzn-RequestId") != first.Header().Get("X-Amzn-RequestId") {
		t.Errorf("%d jobs; %q with %v", len(s.Jobs()), again.Body, again.Header())
	}
	s.Call("POST", path("echo"), `{"n":1}`, "amz-sdk-invocation-id", strings.Repeat("x", maxID+1))
	s.Call("POST", path("echo"), `{"n":1}`, "amz-sdk-invocation-id", strings.Repeat("x", maxID+1))
	if len(s.Jobs()) != 3 {
		t.Errorf("%d jobs, want that ids which are none are not gone by", len(s.Jobs()))
	}
}

// FuzzInvoke: whatever JSON comes goes back, and nothing else is called.
func FuzzInvoke(f *testing.F) {
	f.Add("echo", "{}", "", "")
	f.Add("arn:aws:lambda:us-west-2:123456789012:function:echo:$LATEST", "[1]", "Tail", "e30=")
	f.Add("a/b", "x", "Event", "!")
	f.Fuzz(func(t *testing.T, name, body, log, client string) {
		if !httpguts.ValidHeaderFieldValue(log) || !httpguts.ValidHeaderFieldValue(client) {
			return // no request
		}
		s := newStage(t, frontendtest.Echo)
		target := url.URL{Path: path(name)}
		w := s.Call("POST", target.EscapedPath(), body, "X-Amz-Log-Type", log, "X-Amz-Client-Context", client)
		switch {
		case w.Code == http.StatusOK && body == "":
		case w.Code == http.StatusOK && w.Body.String() != body:
			t.Errorf("%q comes back as %q", body, w.Body)
		case w.Code != http.StatusOK && len(s.Jobs()) > 0:
			t.Errorf("status %d, and the function was called", w.Code)
		}
	})
}
