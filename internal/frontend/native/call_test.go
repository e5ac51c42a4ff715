package native

import (
	"bytes"
	"context"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"faasd/internal/wire"

	"golang.org/x/net/http/httpguts"

	"faasd/internal/frontend/frontendtest"
)

func TestACallIsAnsweredWithWhatTheFunctionReturned(t *testing.T) {
	for _, c := range []struct{ name, body, contentType string }{
		{"JSON", `{"hola":"mundo"}`, "application/json"},
		{"with parameters", "ä", `text/plain; charset="utf-8"; x=y`},
		{"not what it says", "\x00\xff", "application/json"},
		{"empty", "", "text/plain"},
		{"one byte", "x", "application/octet-stream"},
		{"as large as may be", strings.Repeat("x", frontendtest.MaxBody), "text/plain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, frontendtest.Echo)
			w := s.Call("POST", "/echo", c.body, "Content-Type", c.contentType)
			if w.Code != http.StatusOK || w.Body.String() != c.body || w.Header().Get("Content-Type") != c.contentType {
				t.Errorf("status %d, %q of type %q, want 200 and the same back", w.Code, w.Body, w.Header().Get("Content-Type"))
			}
			id, err := ulid.ParseStrict(w.Header().Get("X-Faasd-Job"))
			if err != nil || id != s.Jobs()[0].Job {
				t.Errorf("X-Faasd-Job is %q, the job was %s", w.Header().Get("X-Faasd-Job"), s.Jobs()[0].Job)
			}
			for name, want := range map[string]string{"Attempt": "1", "Queue": "queueA", "Worker": "w1"} {
				if got := w.Header().Get("X-Faasd-" + name); got != want {
					t.Errorf("X-Faasd-%s is %q, want %q", name, got, want)
				}
			}
			if got := s.Observed(); !slices.Equal(got, []int{http.StatusOK}) {
				t.Errorf("observed %v, want one 200", got)
			}
		})
	}
}

func TestAnAbsentContentTypeStaysAbsent(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	url := "http://" + s.Serve()
	for _, body := range []string{"", "<html>", "{}"} {
		r, err := http.NewRequest("POST", url+"/echo", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got, there := answer.Header["Content-Type"]; there {
			t.Errorf("body %q: the answer has the content type %q, and the request had none", body, got)
		}
		if answer.ContentLength != int64(len(body)) {
			t.Errorf("body %q: the answer's length is %d", body, answer.ContentLength)
		}
	}
	for _, j := range s.Jobs() {
		if j.Meta.ContentType != "" {
			t.Errorf("the function was told the content type %q", j.Meta.ContentType)
		}
	}
}

func TestABodyMayComeInChunks(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	url := "http://" + s.Serve()
	for _, size := range []int{0, 1, frontendtest.MaxBody} {
		// A reader that is nothing but a reader is sent in chunks.
		body := bytes.Repeat([]byte("x"), size)
		answer, err := http.Post(url+"/echo", "text/plain", struct{ *bytes.Buffer }{bytes.NewBuffer(body)})
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := got.ReadFrom(answer.Body); err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !bytes.Equal(got.Bytes(), body) {
			t.Errorf("%d bytes in chunks: status %d and %d bytes", size, answer.StatusCode, got.Len())
		}
	}
}

func TestAFunctionsOwnErrorIsA500WithItsBody(t *testing.T) {
	s := newStage(t, func(m *wire.Message) *wire.Message {
		r := frontendtest.Echo(m)
		r.Code, r.Meta.ContentType, r.Meta.Reason = wire.CodeFunctionError, "text/x-mine", "not for clients"
		r.SetBody([]byte("mine"))
		return r
	})
	w := s.Call("POST", "/echo", "x")
	if w.Code != http.StatusInternalServerError || w.Body.String() != "mine" || w.Header().Get("Content-Type") != "text/x-mine" {
		t.Errorf("status %d, %q of type %q, want 500 and the function's own body", w.Code, w.Body, w.Header().Get("Content-Type"))
	}
	if w.Header().Get("X-Faasd-Queue") != "queueA" || w.Header().Get("X-Faasd-Worker") != "w1" {
		t.Errorf("the answer does not say where the function ran: %v", w.Header())
	}
}

func TestXTimeoutShortensTheTimeAndNeverLengthensIt(t *testing.T) {
	for _, c := range []struct {
		header string
		want   time.Duration
	}{
		{"", frontendtest.Timeout}, {"1500ms", 1500 * time.Millisecond}, {"4s", 4 * time.Second}, {"1h", frontendtest.Timeout}, {"10s", frontendtest.Timeout},
	} {
		s := newStage(t, frontendtest.Echo)
		if w := s.Call("POST", "/echo", "x", "X-Timeout", c.header); w.Code != http.StatusOK {
			t.Fatalf("X-Timeout %q: status %d: %s", c.header, w.Code, w.Body)
		}
		if got := time.Duration(s.Jobs()[0].TTLMillis) * time.Millisecond; got > c.want || got < c.want/2 { // the body took some of it
			t.Errorf("X-Timeout %q: the job has %v, want %v", c.header, got, c.want)
		}
	}
}

func TestACallThatIsNotAnsweredInTimeIsA504(t *testing.T) {
	s := newStage(t, frontendtest.Unanswered)
	answer := s.CallLater("POST", "/echo", "x", "X-Timeout", "2s")
	s.Pass(time.Second)
	select {
	case w := <-answer:
		t.Fatalf("answered too early: %d %s", w.Code, w.Body)
	default:
	}
	s.Pass(1100 * time.Millisecond)
	w := <-answer
	p := frontendtest.IsProblem(t, w, http.StatusGatewayTimeout, "deadline")
	if !strings.Contains(p.Detail, "2s") || p.Job != s.Jobs()[0].Job.String() {
		t.Errorf("%+v does not name the time and the job", p)
	}
	if s.Cancels() != 1 {
		t.Errorf("the broker was told of %d cancelled jobs, want one", s.Cancels())
	}
}

func TestAClientThatGoesAwayCancelsItsJob(t *testing.T) {
	s := newStage(t, frontendtest.Unanswered)
	s.CallAndLeave("POST", "/echo", "x")()
	if s.Cancels() != 1 {
		t.Errorf("the broker was told of %d cancelled jobs, want one", s.Cancels())
	}
	if got := s.Observed(); !slices.Equal(got, []int{499}) {
		t.Errorf("observed %v, want one 499", got)
	}
}

func TestAClientOfAServerThatGoesAwayCancelsItsJob(t *testing.T) {
	s := newStage(t, frontendtest.Unanswered)
	url := "http://" + s.Serve()
	ctx, leave := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "POST", url+"/echo", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(r)
		gone <- err
	}()
	<-s.Arrived // the job
	leave()
	if err := <-gone; err == nil {
		t.Error("a client that goes away has an answer")
	}
	<-s.Arrived // the cancel
	if s.Cancels() != 1 {
		t.Errorf("the broker was told of %d cancelled jobs, want one", s.Cancels())
	}
}

// FuzzCall: any body with any content type comes back as it was.
func FuzzCall(f *testing.F) {
	f.Add([]byte(nil), "")
	f.Add([]byte(`{"hola":"mundo"}`), "application/json")
	f.Add([]byte{0, 255}, "\n")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		if len(body) > frontendtest.MaxBody || len(contentType) > 16<<10 || !httpguts.ValidHeaderFieldValue(contentType) {
			return // refused, or never from a real client; tested elsewhere
		}
		w := newStage(t, frontendtest.Echo).Call("POST", "/echo", string(body), "Content-Type", contentType)
		if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), body) || w.Header().Get("Content-Type") != textproto.TrimString(contentType) {
			t.Errorf("status %d, %q of type %q", w.Code, w.Body, w.Header().Get("Content-Type"))
		}
	})
}
