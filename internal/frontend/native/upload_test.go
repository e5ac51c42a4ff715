package native

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// nothingReserved checks that no body has room.
func (s *stage) nothingReserved() {
	s.t.Helper()
	b := &s.handler.bodies
	b.mu.Lock()
	defer b.mu.Unlock()
	if all := b.shares.All(); all.Count != 0 || all.Bytes != 0 {
		s.t.Errorf("%+v is reserved for nobody", all)
	}
}

func TestABodyThatDoesNotComeInItsTimeIsA408(t *testing.T) {
	for name, header := range map[string]string{
		"small":     "Content-Length: 1000",
		"large":     fmt.Sprint("Content-Length: ", large),
		"in chunks": "Transfer-Encoding: chunked",
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, echo)
			s.letLarge()
			c := s.dial()
			c.say("POST", "/echo", header+"\r\nX-Timeout: 50ms", "8\r\nhalf of ")
			w := c.hear()
			p := isProblem(t, w, http.StatusRequestTimeout, "body-too-slow")
			if !strings.Contains(p.Detail, "50ms") || w.Header().Get("Connection") != "close" || w.Header().Get("X-Faasd-Attempt") != "0" {
				t.Errorf("%+v with %v: want the time named, no attempt, and the connection's end", p, w.Header())
			}
			s.nothingReserved()
			if len(s.jobs) > 0 {
				t.Errorf("%d jobs were accepted", len(s.jobs))
			}
		})
	}
}

func TestABodyMustKeepThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, echo)
		s.letLarge()
		s.handler.cfg.Timeout = time.Hour
		c := s.pipe()
		c.say("POST", "/echo", fmt.Sprint("Content-Length: ", large), "")
		step := strings.Repeat("x", paceBytes)
		for range 10 { // slowly, but fast enough
			time.Sleep(paceTime - time.Second)
			c.add(step)
		}
		began := time.Now()
		c.add(step[1:])
		p := isProblem(t, c.hear(), http.StatusRequestTimeout, "body-too-slow")
		if took := time.Since(began); took != paceTime || !strings.Contains(p.Detail, "256 KiB within 20s") {
			t.Errorf("a body that stands still is given up after %s: %s", took, p.Detail)
		}
		s.nothingReserved()
		c.closed()
	})
}

func TestASlowBodyIsAnsweredAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newStage(t, echo).pipe()
		began := time.Now()
		c.say("POST", "/echo", "Content-Length: 1000\r\nX-Timeout: 2s", "half")
		w := c.hear()
		if took := time.Since(began); took != 2*time.Second || w.Code != http.StatusRequestTimeout {
			t.Errorf("status %d after %s", w.Code, took)
		}
		c.closed()
	})
}

func TestTheTimeThatABodyTakesIsTheRequestsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, echo)
		c := s.pipe()
		c.say("POST", "/echo", "Content-Length: 2\r\nX-Timeout: 5s", "x")
		time.Sleep(2 * time.Second)
		c.add("y")
		if w := c.hear(); w.Code != http.StatusOK || w.Body.String() != "xy" {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if got := s.jobs[0].TTLMillis; got != 3000 {
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
				s := newStage(t, unanswered)
				s.handler.cfg.Timeout = 4 * paceTime
				c := s.pipe()
				for range 2 {
					c.say("POST", "/echo", header, "1\r\nx\r\n")
					if strings.Contains(header, "chunked") {
						c.add("0\r\n\r\n")
					}
					<-s.arrived
					time.Sleep(3 * paceTime)
					if synctest.Wait(); s.cancels > 0 {
						t.Fatal("a request whose body was read in time is cancelled")
					}
					s.pass(s.handler.cfg.Timeout + time.Second)
					isProblem(t, c.hear(), http.StatusGatewayTimeout, "deadline")
					s.cancels = 0
				}
			})
		})
	}
}

func TestALargeBodyIsReservedForAtOnceAndOneInChunksAsItComes(t *testing.T) {
	s := newStage(t, unanswered)
	s.letLarge()
	held := func() int64 {
		s.handler.bodies.mu.Lock()
		defer s.handler.bodies.mu.Unlock()
		return int64(s.handler.bodies.shares.All().Bytes)
	}
	eventually := func(want int64) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for over := time.After(patience); held() != want; {
			select {
			case <-tick.C:
			case <-over:
				t.Fatalf("%d bytes are reserved, want %d", held(), want)
			}
		}
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n", smallBody, strings.Repeat("x", smallBody))
	chunked := s.dial()
	chunked.say("POST", "/echo", "Transfer-Encoding: chunked", chunk)
	known := s.dial()
	known.say("POST", "/echo", fmt.Sprint("Content-Length: ", large), "x")
	eventually(large + 2*smallBody) // and the double of what has come
	chunked.add(chunk)
	eventually(large + 4*smallBody)
	known.Close()
	chunked.Close()
	eventually(0)
}

func TestABodyInChunksThatFindsNoMoreRoomIsA503(t *testing.T) {
	s := newStage(t, echo)
	s.letLarge()
	s.handler.bodies.most = 8 * smallBody // half of it for one function
	if !s.handler.bodies.reserve("echo", 0, smallBody) {
		t.Fatal("no room")
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n", smallBody, strings.Repeat("x", smallBody))
	c := s.dial()
	c.say("POST", "/echo", "Transfer-Encoding: chunked", chunk+chunk+chunk+"0\r\n\r\n")
	w := c.hear()
	isProblem(t, w, http.StatusServiceUnavailable, "full")
	retryAfter(t, w)
	if len(s.jobs) > 0 {
		t.Errorf("%d jobs were accepted", len(s.jobs))
	}
}

func TestALargeBodyIsRefusedBeforeItIsAskedFor(t *testing.T) {
	for _, want := range refusals {
		t.Run(want.name, func(t *testing.T) {
			c := refusing(t).dial()
			c.say(want.method, want.path, fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue", want.size), "")
			isProblem(t, c.hear(), want.status, want.kind) // and no 100 before it
		})
	}
}
