package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"faasd/internal/proc"
)

func TestABodyOverTheLimitIsRefusedByNamingIt(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, s *system) {
		over := make([]byte, sixMebibytes+1)
		for name, body := range map[string]io.Reader{
			"with its length": strings.NewReader(string(over)),
			"in chunks":       io.MultiReader(strings.NewReader(string(over))), // of a length that the client does not know
		} {
			t.Run(name, func(t *testing.T) {
				resp, err := s.client.Post(s.url+"/echo", "text/plain", body)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				a := reply{status: resp.StatusCode, header: resp.Header}
				a.body, a.err = io.ReadAll(resp.Body)
				p := a.mustBeProblem(t, http.StatusRequestEntityTooLarge, "body-too-large")
				if p.Limit != sixMebibytes || !strings.Contains(p.Detail, "6291456") || !strings.Contains(p.Detail, "--max-body") {
					t.Errorf("the limit is not named: %s", a.body)
				}
			})
		}
		t.Run("in chunks and exactly at the limit", func(t *testing.T) {
			resp, err := s.client.Post(s.url+"/echo", "text/plain", io.MultiReader(strings.NewReader(string(over[1:]))))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if n, err := io.Copy(io.Discard, resp.Body); n != sixMebibytes || err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%s, %d bytes, %v", resp.Status, n, err)
			}
		})
		// Who asks first is told before sending it all.
		t.Run("announced with Expect", func(t *testing.T) {
			l := s.connect()
			if err := l.say("POST /echo HTTP/1.1\r\nHost: faasd\r\nExpect: 100-continue\r\nContent-Length: 6291457\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			l.hear(patience).mustBeProblem(t, http.StatusRequestEntityTooLarge, "body-too-large")
		})
		allEchoed(t, s.sendEchoes(9))
	})
}

// Clients that send all of a body before they look for an answer see why it is
// refused, and those that send half of it hold its room for their own time.
func TestARefusedBodyIsAnsweredAndAHalfSentOneGivenUp(t *testing.T) {
	t.Parallel()
	s := startUp(t, "--workers", "1", "--window-bytes", "24MiB") // half of it for one function
	whole := make([]byte, sixMebibytes)
	sendAll := func(path string) reply {
		l := s.connect()
		if err := l.say(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: faasd\r\nContent-Length: %d\r\n\r\n%s", path, sixMebibytes, whole)); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return l.hear(patience)
	}
	sendAll("/nobody").mustBeProblem(t, http.StatusNotFound, "unknown-function")
	var half []*line
	for range 2 {
		l := s.connect()
		if err := l.say(fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: faasd\r\nX-Timeout: 4s\r\nContent-Length: %d\r\n\r\n%s", sixMebibytes, whole[:sixMebibytes/2])); err != nil {
			t.Fatal(err)
		}
		half = append(half, l)
	}
	eventually(t, patience, func() error {
		if a := sendAll("/echo"); a.status != http.StatusServiceUnavailable {
			return fmt.Errorf("beside two half-sent bodies: %d, %v", a.status, a.err)
		}
		return nil
	})
	for _, l := range half {
		l.hear(patience).mustBeProblem(t, http.StatusRequestTimeout, "body-too-slow")
	}
	if a := sendAll("/echo"); a.status != http.StatusOK {
		t.Errorf("once they are given up: %d, %.300s, %v", a.status, a.body, a.err)
	}
}

func TestRequestsThatAreNotUnderstoodAreRefused(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, s *system) {
		eventually(t, patience, func() error { // a frontend that has just begun may not know of what is deployed
			resp, err := s.client.Post(s.url+"/ehco", "text/plain", strings.NewReader("body"))
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode == http.StatusServiceUnavailable {
				return fmt.Errorf("status %d", resp.StatusCode)
			}
			return nil
		})
		for _, c := range []struct {
			name, method, path, header string
			status                     int
			kind, headerWanted         string
		}{
			{"GET on a function", "GET", "/echo", "", 405, "method-not-allowed", "Allow: POST"},
			{"PUT on a function", "PUT", "/echo", "", 405, "method-not-allowed", "Allow: POST"},
			{"DELETE on a function", "DELETE", "/echo", "", 405, "method-not-allowed", "Allow: POST"},
			{"POST on the list", "POST", "/functions", "", 405, "method-not-allowed", "Allow: GET, HEAD"},
			{"unknown function", "POST", "/ehco", "", 404, "unknown-function", ""},
			{"GET on an unknown function", "GET", "/ehco", "", 404, "unknown-function", ""},
			{"a name that cannot be", "POST", "/%00%ff", "", 404, "unknown-function", ""},
			{"a very long name", "POST", "/" + strings.Repeat("x", 3000), "", 404, "unknown-function", ""},
			{"unknown function in the list", "GET", "/functions/ehco", "", 404, "unknown-function", ""},
			{"unknown route", "POST", "/echo/more", "", 404, "not-found", ""},
			{"asynchronous", "POST", "/echo", "Prefer: respond-async", 501, "not-implemented", ""},
			{"asynchronous among others", "POST", "/echo", "Prefer: wait=10, respond-async", 501, "not-implemented", ""},
			{"X-Timeout in words", "POST", "/echo", "X-Timeout: soon", 400, "bad-timeout", ""},
			{"X-Timeout without a unit", "POST", "/echo", "X-Timeout: 10", 400, "bad-timeout", ""},
			{"X-Timeout of nothing", "POST", "/echo", "X-Timeout: 0s", 400, "bad-timeout", ""},
			{"X-Timeout in the past", "POST", "/echo", "X-Timeout: -1s", 400, "bad-timeout", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				r, err := http.NewRequest(c.method, s.url+c.path, strings.NewReader("body"))
				if err != nil {
					t.Fatal(err)
				}
				if name, value, ok := strings.Cut(c.header, ": "); ok {
					r.Header.Set(name, value)
				}
				resp, err := s.client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				a := reply{status: resp.StatusCode, header: resp.Header}
				a.body, a.err = io.ReadAll(resp.Body)
				a.mustBeProblem(t, c.status, c.kind)
				if name, value, ok := strings.Cut(c.headerWanted, ": "); ok && resp.Header.Get(name) != value {
					t.Errorf("%s is %q, want %q", name, resp.Header.Get(name), value)
				}
			})
		}
		long := s.do(context.Background(), request{path: "/echo", body: []byte("x"), header: map[string]string{"X-Timeout": "1000000h"}})
		if err := long.echoes("x"); err != nil {
			t.Errorf("a timeout longer than the system's own: %v", err)
		}
	})
}

// withoutWorkers starts both modes without workers and with room for so many
// jobs.
func withoutWorkers(t *testing.T, window int, test func(t *testing.T, s *system)) {
	args := []string{"--window-jobs", fmt.Sprint(window)}
	t.Run("up", func(t *testing.T) { test(t, startUp(t, append(args, "--workers", "0")...)) })
	t.Run("apart", func(t *testing.T) {
		s := startApart(t, proc.Layout{
			Coordinators: 1, Brokers: 1, Queues: 2, Frontends: 1,
			Args: map[string][]string{"broker": args},
		})
		s.watch().awaitQueues(2)
		test(t, s)
	})
}

// in is a request for /echo with a time limit.
func in(limit string) request {
	return request{path: "/echo", body: []byte("text"), header: map[string]string{"X-Timeout": limit}}
}

func TestARequestIsAnsweredAtItsDeadline(t *testing.T) {
	t.Parallel()
	withoutWorkers(t, 10, func(t *testing.T, s *system) {
		a := s.do(context.Background(), in("300ms"))
		p := a.mustBeProblem(t, http.StatusGatewayTimeout, "deadline")
		if p.Job == "" || p.Job != a.header.Get("X-Faasd-Job") || !strings.Contains(p.Detail, "300ms") {
			t.Errorf("the job %q or the time is not named: %s", a.header.Get("X-Faasd-Job"), a.body)
		}
		if a.took < 300*time.Millisecond || a.took > 2*time.Second {
			t.Errorf("it took %s", a.took)
		}
		s.awaitHeld(0) // nobody keeps what nobody waits for
	})
}

func TestAFullSystemRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	withoutWorkers(t, 6, func(t *testing.T, s *system) { // of which one function gets half
		sent := s.sendEchoes(3)
		s.awaitHeld(3)
		for range 5 {
			a := s.do(context.Background(), in("10s"))
			p := a.mustBeProblem(t, http.StatusServiceUnavailable, "full")
			if a.header.Get("Retry-After") == "" || p.Job != a.header.Get("X-Faasd-Job") {
				t.Errorf("Retry-After is %q, the job %q: %s", a.header.Get("Retry-After"), a.header.Get("X-Faasd-Job"), a.body)
			}
		}
		noneAnswered(t, sent, time.Millisecond)
		s.addWorker()
		allEchoed(t, sent)
		s.awaitHeld(0)
		for i := range 20 {
			s.mustEcho(fmt.Sprint("text ", i))
		}
	})
}

func TestAClientThatDisconnectsFreesItsJob(t *testing.T) {
	t.Parallel()
	withoutWorkers(t, 1, func(t *testing.T, s *system) {
		for range 3 { // and so on, for ever
			first := s.connect()
			if err := first.sayEcho("never mind"); err != nil {
				t.Fatal(err)
			}
			s.awaitHeld(1)
			s.do(context.Background(), in("10s")).mustBeProblem(t, http.StatusServiceUnavailable, "full")
			first.Close()
			eventually(t, patience, func() error {
				if a := s.do(context.Background(), in("50ms")); a.status != http.StatusGatewayTimeout {
					return fmt.Errorf("there is still no room: %d, %s, %v", a.status, a.body, a.err)
				}
				return nil
			})
			s.awaitHeld(0)
		}
		s.addWorker()
		s.mustEcho("who stays is served")
	})
}

// Deadlines free jobs too, and so do clients that go away while a worker has
// their job.
func TestJobsOfClientsThatHaveGoneAreNotAnsweredToOthers(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, s *system) {
		workers := s.workers()
		pause(t, workers...)
		var gone []*line
		for i := range 12 {
			l := s.connect()
			if err := l.sayEcho(fmt.Sprint("gone ", i)); err != nil {
				t.Fatal(err)
			}
			gone = append(gone, l)
		}
		s.awaitHeld(12)
		for _, l := range gone {
			l.Close()
		}
		s.awaitHeld(0)
		sent := s.sendEchoes(12)
		s.awaitHeld(12)
		resume(t, workers...)
		allEchoed(t, sent)
	})
}

// A frontend without a broker says so at once, to people and to load balancers.
func TestAFrontendWithoutABrokerRefuses(t *testing.T) {
	t.Parallel()
	s := startApart(t, proc.Layout{Coordinators: 1, Brokers: 1, Queues: 1, Workers: 1, Frontends: 1})
	s.awaitWorkers(1)
	if err := s.part("broker1").Stop(deadline(t, stopWithin)); err != nil {
		t.Fatal(err)
	}
	var a reply
	eventually(t, patience, func() error {
		if a = s.echo("text"); a.status != http.StatusServiceUnavailable {
			return fmt.Errorf("%d, %s, %v", a.status, a.body, a.err)
		}
		return nil
	})
	a.mustBeProblem(t, http.StatusServiceUnavailable, "no-broker")
	for path, want := range map[string]int{"/readyz": 503, "/healthz": 200, "/functions": 200, "/metrics": 200, "/": 200} {
		resp, err := s.client.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %s, want %d", path, resp.Status, want)
		}
	}
}

// Clients that open a connection and dawdle are no burden to others.
func TestHalfOpenConnectionsHarmNobody(t *testing.T) {
	t.Parallel()
	s := startUp(t)
	s.awaitWorkers(3)
	for i := range 200 {
		l := s.connect()
		if err := l.say([]string{
			"",
			"POST /echo HT",
			"POST /echo HTTP/1.1\r\nHost: faasd\r\nContent-Le",
			"POST /echo HTTP/1.1\r\nHost: faasd\r\nContent-Length: 6291456\r\n\r\nbegun",
			"POST /echo HTTP/1.1\r\nHost: faasd\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\nbegun",
		}[i%5]); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for i := range 100 {
		s.mustEcho(fmt.Sprint("text ", i))
	}
	t.Logf("100 requests, one after the other, took %s beside 200 half-open connections", time.Since(began))
	if got := residentBytes(t, s.leader.Pid()); got > mostResident() {
		t.Errorf("%d MiB are resident", got>>20)
	}
}

// What is not HTTP is answered 400 or hung up on.
func TestWhatIsNotHTTPIsTurnedAway(t *testing.T) {
	t.Parallel()
	s := startUp(t, "--workers", "1")
	for _, text := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", string(greeting), "GET\r\n\r\n", "\r\n\r\n\r\n",
		"POST /echo HTTP/9.9\r\nHost: x\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
		"POST /echo HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 100<<10) + "\r\n\r\n",
	} {
		l := s.connect()
		_ = l.say(text) // it may be hung up on at once
		_ = l.CloseWrite()
		a := l.hear(patience)
		if a.err == nil && a.status/100 != 4 && a.status != http.StatusHTTPVersionNotSupported {
			t.Errorf("%.40q: %d, %s", text, a.status, a.body)
		}
		if a.err != nil && errors.Is(a.err, context.DeadlineExceeded) {
			t.Errorf("%.40q: neither answered nor hung up on", text)
		}
	}
	s.mustEcho("fine")
}
