package httpcall

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/frontend/frontendtest"
	"faasd/internal/job"
	"faasd/internal/wire"
)

// held is how many calls are remembered for repeats.
func (s *stage) held() int {
	s.calls.repeats.mu.Lock()
	defer s.calls.repeats.mu.Unlock()
	return len(s.calls.repeats.calls)
}

// counts answers each job with its number.
func counts() frontendtest.Outcome {
	n := 0
	return func(m *wire.Message) *wire.Message {
		n++
		r := frontendtest.Echo(m)
		r.SetBody(fmt.Appendf(nil, "run %d", n))
		return r
	}
}

func TestARepeatHasTheAnswerOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, counts())
		first := s.Call("POST", "/echo", "x", "Key", "k")
		time.Sleep(keptFor - time.Second)
		again := s.Call("POST", "/echo", "x", "Key", "k")
		if first.Body.String() != "run 1" || again.Body.String() != "run 1" || len(s.Jobs()) != 1 {
			t.Errorf("answered %q and %q by %d runs, want the same by one", first.Body, again.Body, len(s.Jobs()))
		}
		if a, b := first.Header(), again.Header(); a.Get("X-Faasd-Job") != b.Get("X-Faasd-Job") || b.Get("X-Faasd-Attempt") != "1" || b.Get("X-Faasd-Worker") != "w1" {
			t.Errorf("the repeat's headers are %v, the first's %v", b, a)
		}
		for _, other := range [][2]string{{"k2", "/echo"}, {"k", "/echo?version=$LATEST"}, {"", "/echo"}, {"", "/echo"}} {
			before := len(s.Jobs())
			if s.Call("POST", other[1], "x", "Key", other[0]); len(s.Jobs()) != before+1 {
				t.Errorf("%s with key %q is taken for a repeat", other[1], other[0])
			}
		}
		time.Sleep(keptFor)
		synctest.Wait()
		if n := s.held(); n != 0 {
			t.Errorf("%d answers are kept after their time", n)
		}
		if w := s.Call("POST", "/echo", "x", "Key", "k"); w.Body.String() == "run 1" {
			t.Error("a call long after another has its answer")
		}
		time.Sleep(2 * keptFor)
	})
}

func TestAKeyWithAnotherBodyIsA422(t *testing.T) {
	s := newStage(t, counts())
	s.Call("POST", "/echo", "x", "Key", "k")
	p := frontendtest.IsProblem(t, s.Call("POST", "/echo", "y", "Key", "k"), http.StatusUnprocessableEntity, "key-reused")
	if len(s.Jobs()) != 1 || !strings.Contains(p.Detail, "new key") {
		t.Errorf("%d jobs; %s", len(s.Jobs()), p.Detail)
	}
}

// As an SDK does whose own patience is shorter than the function takes.
func TestAClientThatGoesAwayAndComesBackFindsItsCallOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, frontendtest.Unanswered)
		leave := s.CallAndLeave("POST", "/echo", "x", "Key", "k")
		leave()
		time.Sleep(alone - time.Second)
		answer := make(chan *httptest.ResponseRecorder, 1)
		go func() { answer <- s.Call("POST", "/echo", "x", "Key", "k") }()
		synctest.Wait()
		time.Sleep(2 * alone) // somebody waits: it goes on
		if len(s.Jobs()) != 1 || s.Cancels() != 0 {
			t.Errorf("%d jobs, %d cancelled, want the first to go on", len(s.Jobs()), s.Cancels())
		}
		s.Pass(frontendtest.Timeout + time.Second)
		frontendtest.IsProblem(t, <-answer, http.StatusGatewayTimeout, "deadline")
		time.Sleep(2 * keptFor)
	})
}

func TestACallThatNobodyComesBackForIsCancelled(t *testing.T) {
	for name, wait := range map[string]func(*stage){
		"after a while":           func(*stage) { <-time.After(alone + time.Second) },
		"when the frontend stops": func(s *stage) { s.calls.Stop() },
	} {
		t.Run(name, func(t *testing.T) { isCancelled(t, wait) })
	}
}

func isCancelled(t *testing.T, wait func(*stage)) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, frontendtest.Unanswered)
		leave := s.CallAndLeave("POST", "/echo", "x", "Key", "k")
		leave()
		wait(s)
		synctest.Wait()
		if s.Cancels() != 1 || s.held() != 0 {
			t.Errorf("%d cancelled, %d calls remembered, want that it was given up", s.Cancels(), s.held())
		}
	})
}

func TestARefusedCallMayBeTriedAgain(t *testing.T) {
	s := newStageWith(t, job.Window{}, frontendtest.Echo)
	for range 2 {
		frontendtest.IsProblem(t, s.Call("POST", "/echo", "x", "Key", "k"), http.StatusServiceUnavailable, "no-broker")
	}
	if n := s.held(); n != 0 {
		t.Errorf("%d refusals are kept", n)
	}
}

func TestTheAnswersThatAreKeptAreBounded(t *testing.T) {
	s := newStage(t, returns(0))
	s.letLarge()
	r := &s.calls.repeats
	big := outcome{}
	big.answer.Body = make([]byte, keptBytes/8)
	for i := range 20 {
		r.mu.Lock()
		c := &repeatable{key: repeatKey{id: fmt.Sprint(i)}, done: make(chan struct{})}
		r.calls[c.key] = c
		r.mu.Unlock()
		r.finish(c, big)
	}
	if r.bytes > keptBytes || len(r.calls) != 7 || r.calls[repeatKey{id: "19"}] == nil {
		t.Errorf("%d answers of %d bytes are kept, want the last seven", len(r.calls), r.bytes)
	}
	big.answer.Body = make([]byte, keptBytes/4)
	c := &repeatable{key: repeatKey{id: "huge"}, done: make(chan struct{})}
	if r.finish(c, big); len(r.calls) != 7 {
		t.Error("one answer takes the place of all others")
	}
}
