package httpcall

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/frontend/frontendtest"
)

// nothingReserved checks that no body has room.
func (s *stage) nothingReserved() {
	s.T.Helper()
	b := &s.calls.bodies
	b.mu.Lock()
	defer b.mu.Unlock()
	if all := b.shares.All(); all.Count != 0 || all.Bytes != 0 {
		s.T.Errorf("%+v is reserved for nobody", all)
	}
}

func TestABodyThatDoesNotComeInItsTimeIsA408(t *testing.T) {
	for name, header := range map[string]string{
		"small":     "Content-Length: 1000",
		"large":     fmt.Sprint("Content-Length: ", large),
		"in chunks": "Transfer-Encoding: chunked",
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, frontendtest.Echo)
			s.letLarge()
			c := s.Dial()
			c.Say("POST", "/echo", header+"\r\nX-Timeout: 50ms", "8\r\nhalf of ")
			w := c.Hear()
			p := frontendtest.IsProblem(t, w, http.StatusRequestTimeout, "body-too-slow")
			if !strings.Contains(p.Detail, "50ms") || w.Header().Get("Connection") != "close" || w.Header().Get("X-Faasd-Attempt") != "0" {
				t.Errorf("%+v with %v: want the time named, no attempt, and the connection's end", p, w.Header())
			}
			s.nothingReserved()
			if len(s.Jobs()) > 0 {
				t.Errorf("%d jobs were accepted", len(s.Jobs()))
			}
		})
	}
}

func TestABodyMustKeepThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, frontendtest.Echo)
		s.letLarge()
		s.calls.cfg.Timeout = time.Hour
		c := s.Pipe()
		c.Say("POST", "/echo", fmt.Sprint("Content-Length: ", large), "")
		step := strings.Repeat("x", paceBytes)
		for range 10 { // slowly, but fast enough
			time.Sleep(paceTime - time.Second)
			c.Add(step)
		}
		began := time.Now()
		c.Add(step[1:])
		p := frontendtest.IsProblem(t, c.Hear(), http.StatusRequestTimeout, "body-too-slow")
		if took := time.Since(began); took != paceTime || !strings.Contains(p.Detail, "256 KiB within 20s") {
			t.Errorf("a body that stands still is given up after %s: %s", took, p.Detail)
		}
		s.nothingReserved()
		c.Closed()
	})
}

func TestASlowBodyIsAnsweredAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newStage(t, frontendtest.Echo).Pipe()
		began := time.Now()
		c.Say("POST", "/echo", "Content-Length: 1000\r\nX-Timeout: 2s", "half")
		w := c.Hear()
		if took := time.Since(began); took != 2*time.Second || w.Code != http.StatusRequestTimeout {
			t.Errorf("status %d after %s", w.Code, took)
		}
		c.Closed()
	})
}

func TestTheTimeThatABodyTakesIsTheRequestsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, frontendtest.Echo)
		c := s.Pipe()
		c.Say("POST", "/echo", "Content-Length: 2\r\nX-Timeout: 5s", "x")
		time.Sleep(2 * time.Second)
		c.Add("y")
		if w := c.Hear(); w.Code != http.StatusOK || w.Body.String() != "xy" {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if got := s.Jobs()[0].TTLMillis; got != 3000 {
			t.Errorf("the job has %d ms of 5 s, 2 of which the body took", got)
		}
	})
}

// Once a body is there its deadline is over: for the answer, and for whatever
// else comes by the connection.
func TestWhatABodyMayTakeBoundsNothingElse(t *testing.T) {
	for name, header := range map[string]string{"of known length": "Content-Length: 6", "in chunks": "Transfer-Encoding: chunked"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, frontendtest.Unanswered)
				s.calls.cfg.Timeout = 4 * paceTime
				c := s.Pipe()
				for before := range 2 {
					c.Say("POST", "/echo", header, "1\r\nx\r\n")
					if strings.Contains(header, "chunked") {
						c.Add("0\r\n\r\n")
					}
					<-s.Arrived
					time.Sleep(3 * paceTime)
					if synctest.Wait(); s.Cancels() > before {
						t.Fatal("a request whose body was read in time is cancelled")
					}
					s.Pass(s.calls.cfg.Timeout + time.Second)
					frontendtest.IsProblem(t, c.Hear(), http.StatusGatewayTimeout, "deadline")
				}
			})
		})
	}
}

func TestALargeBodyIsReservedForAtOnceAndOneInChunksAsItComes(t *testing.T) {
	s := newStage(t, frontendtest.Unanswered)
	s.letLarge()
	held := func() int64 {
		s.calls.bodies.mu.Lock()
		defer s.calls.bodies.mu.Unlock()
		return int64(s.calls.bodies.shares.All().Bytes)
	}
	eventually := func(want int64) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for over := time.After(frontendtest.Patience); held() != want; {
			select {
			case <-tick.C:
			case <-over:
				t.Fatalf("%d bytes are reserved, want %d", held(), want)
			}
		}
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n", smallBody, strings.Repeat("x", smallBody))
	chunked := s.Dial()
	chunked.Say("POST", "/echo", "Transfer-Encoding: chunked", chunk)
	known := s.Dial()
	known.Say("POST", "/echo", fmt.Sprint("Content-Length: ", large), "x")
	eventually(large + 2*smallBody) // and the double of what has come
	chunked.Add(chunk)
	eventually(large + 4*smallBody)
	known.Close()
	chunked.Close()
	eventually(0)
}

func TestABodyInChunksThatFindsNoMoreRoomIsA503(t *testing.T) {
	s := newStage(t, frontendtest.Echo)
	s.letLarge()
	s.calls.bodies.most = 8 * smallBody // half of it for one function
	if !s.calls.bodies.reserve("echo", 0, smallBody) {
		t.Fatal("no room")
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n", smallBody, strings.Repeat("x", smallBody))
	c := s.Dial()
	c.Say("POST", "/echo", "Transfer-Encoding: chunked", chunk+chunk+chunk+"0\r\n\r\n")
	w := c.Hear()
	frontendtest.IsProblem(t, w, http.StatusServiceUnavailable, "full")
	frontendtest.RetryAfter(t, w)
	if len(s.Jobs()) > 0 {
		t.Errorf("%d jobs were accepted", len(s.Jobs()))
	}
}

func TestALargeBodyIsRefusedBeforeItIsAskedFor(t *testing.T) {
	for _, want := range refusals {
		t.Run(want.name, func(t *testing.T) {
			c := refusing(t).Dial()
			c.Say(want.method, want.path, fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue", want.size), "")
			frontendtest.IsProblem(t, c.Hear(), want.status, want.kind) // and no 100 before it
		})
	}
}
