package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

func TestWrkLooksAtEveryAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(body string, w http.ResponseWriter) string
		failed func(wrkErrors) int
		err    error
	}{
		{"all well", func(body string, _ http.ResponseWriter) string { return body }, nil, nil},
		{"another answer", func(string, http.ResponseWriter) string { return "{}" }, func(e wrkErrors) int { return e.Body }, nil},
		{"nothing to be said", func(body string, w http.ResponseWriter) string {
			w.WriteHeader(http.StatusAccepted)
			return body
		}, func(e wrkErrors) int { return e.Status }, nil},
		{"no worker named", func(body string, w http.ResponseWriter) string { w.Header().Del(workerHeader); return body }, nil, errShortcut},
		{"no queue named", func(body string, w http.ResponseWriter) string { w.Header().Del(queueHeader); return body }, nil, errShortcut},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := &bench{starter: newStarter(t.TempDir(), "", "")}
			m, err := b.wrk(t.Context(), answering(t, c.spoil), load{2, len(echoBody)}, 1)
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v", err)
			}
			want := 0
			if c.failed != nil {
				want = m.Requests
			}
			if m.Requests == 0 || m.failures() != want || c.failed != nil && c.failed(m.Errors) != want {
				t.Errorf("of %d requests %d failed: %+v", m.Requests, m.failures(), m.Errors)
			}
		})
	}
}

func TestAnswersThatNotAllPartsHaveSeenMakeARunInvalid(t *testing.T) {
	for _, c := range []struct {
		name string
		skip string // the counter that does not see what is answered
		err  error
	}{
		{"all links crossed", "", nil},
		{"answered by the frontend", "faasd_broker_accepted_jobs_total", errShortcut},
		{"answered by the broker", "faasd_queue_arrived_jobs_total", errShortcut},
		{"answered by the queue", "faasd_queue_jobs_total", errShortcut},
		{"not answered through the broker", "faasd_broker_answered_jobs_total", errShortcut},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var answered atomic.Int64
			count := func(w io.Writer, names ...counter) {
				for _, of := range names {
					n := 7 + answered.Load()
					if of.name == c.skip {
						n = 7
					}
					_, _ = fmt.Fprintf(w, "%s{name=\"one\"} %d\n", of.name, n)
				}
			}
			mux := http.NewServeMux()
			mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
				answered.Add(1)
				w.Header().Set(queueHeader, "queueA")
				w.Header().Set(workerHeader, "w1")
				_, _ = io.Copy(w, r.Body)
			})
			mux.HandleFunc("GET /broker", func(w http.ResponseWriter, _ *http.Request) { count(w, crossings[0], crossings[3]) })
			mux.HandleFunc("GET /queue", func(w http.ResponseWriter, _ *http.Request) { count(w, crossings[1], crossings[2]) })
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			sys := &system{kind: kind{crosses: true}, url: server.URL + "/echo", metrics: []string{server.URL + "/broker", server.URL + "/queue"}}
			b := &bench{settings: settings{seconds: 1, check: 10}, starter: newStarter(t.TempDir(), "", "")}
			m, err := b.measure(t.Context(), sys, load{2, len(echoBody)})
			if !errors.Is(err, c.err) || m.Requests == 0 {
				t.Errorf("%d requests, %v", m.Requests, err)
			}
		})
	}
}
