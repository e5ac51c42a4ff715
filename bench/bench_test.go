package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

func TestReadyLineNamesTheLinks(t *testing.T) {
	links, ok := parseReady("ready broker name=broker1 frontends=tcp://127.0.0.1:4001 jobs=tcp://127.0.0.1:4002")
	want := map[string]string{"name": "broker1", "frontends": "tcp://127.0.0.1:4001", "jobs": "tcp://127.0.0.1:4002"}
	if !ok || !reflect.DeepEqual(links, want) {
		t.Errorf("got %v, %v", links, ok)
	}
	for _, other := range []string{"", "ready", "listening on http://127.0.0.1:1", "not ready broker a=b"} {
		if _, ok := parseReady(other); ok {
			t.Errorf("%q passes for a ready line", other)
		}
	}
}

func TestEveryKindOfWrkErrorIsAFailure(t *testing.T) {
	got, err := parseWrk("Running 1s test\n" + resultMark + `{"requests":100,"seconds":2,"p50_us":95,"p99_us":1200,` +
		`"errors":{"connect":1,"read":2,"write":4,"timeout":8,"status":16,"body":32}}` + "\n")
	if err != nil {
		t.Fatal(err)
	}
	m := measurement{wrkResult: got, CheckFailed: 64}
	if m.failures() != 127 || got.P50 != 95 || got.Seconds != 2 {
		t.Errorf("got %+v with %d failures", got, m.failures())
	}
}

func TestWrkWithoutAResultIsAnError(t *testing.T) {
	for _, output := range []string{
		"", "unable to connect to 127.0.0.1:1", resultMark + "{", resultMark + `{"requests":0,"seconds":1}`,
	} {
		if got, err := parseWrk(output); err == nil {
			t.Errorf("%q gives %+v", output, got)
		}
	}
}

// answering starts a server that answers like faasd, except where spoil changes that.
func answering(t *testing.T, spoil func(body string, w http.ResponseWriter) string) *system {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("X-Faasd-Queue", "queueA")
		w.Header().Set("X-Faasd-Worker", "w1")
		_, _ = io.WriteString(w, spoil(string(body), w))
	}))
	t.Cleanup(server.Close)
	return &system{kind: kind{crosses: true}, url: server.URL}
}

func TestCheckFindsWhatWrkCannot(t *testing.T) {
	const sent = 200
	for _, c := range []struct {
		name   string
		spoil  func(body string, w http.ResponseWriter) string
		failed int
		err    error
	}{
		{"all well", func(body string, _ http.ResponseWriter) string { return body }, 0, nil},
		{"somebody else's answer", func(body string, _ http.ResponseWriter) string {
			return strings.Replace(body, `:77}`, `:78}`, 1)
		}, 1, nil},
		{"refused", func(body string, w http.ResponseWriter) string {
			if strings.HasSuffix(body, `:7}`) {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return body
		}, 1, nil},
		{"cut off", func(body string, _ http.ResponseWriter) string {
			if strings.HasSuffix(body, `:9}`) {
				panic(http.ErrAbortHandler)
			}
			return body
		}, 1, nil},
		{"no worker named", func(body string, w http.ResponseWriter) string {
			if strings.HasSuffix(body, `:5}`) {
				w.Header().Del("X-Faasd-Worker")
			}
			return body
		}, 0, errShortcut},
		{"no queue named", func(body string, w http.ResponseWriter) string {
			w.Header().Del("X-Faasd-Queue")
			return body
		}, 0, errShortcut},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := check(t.Context(), answering(t, c.spoil), load{8, 24}, sent)
			if !errors.Is(err, c.err) || got.failed != c.failed || got.sent != sent || (got.first == "") != (c.failed == 0) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestOnlyFaasdHasToNameItsWorkers(t *testing.T) {
	sys := answering(t, func(body string, w http.ResponseWriter) string {
		w.Header().Del("X-Faasd-Worker")
		return body
	})
	sys.crosses = false
	if got, err := check(t.Context(), sys, load{2, 24}, 20); err != nil || got.failed != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCheckEndsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	sys := answering(t, func(body string, _ http.ResponseWriter) string { cancel(); return body })
	if _, err := check(ctx, sys, load{2, 24}, 1_000_000); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestResultsAreMediansOfRoundsAndRatiosWithinOne(t *testing.T) {
	take := func(round int, system string, rps, p50 float64) measurement {
		return measurement{Round: round, System: system, load: load{1, 24}, wrkResult: wrkResult{P50: p50, P99: 10 * p50}, RPS: rps}
	}
	// The machine was twice as slow in round 2; the ratios do not mind.
	got := summarize([]measurement{
		take(1, upSystem, 500, 200), take(1, bareSystem, 1000, 100),
		take(2, bareSystem, 500, 200), take(2, upSystem, 250, 400),
		take(3, bareSystem, 1000, 100), take(3, upSystem, 400, 300),
	})
	same := func(v float64) spread { return spread{v, v, v} }
	for i, want := range []result{
		{RPS: spread{1000, 500, 1000}, P50: spread{100, 100, 200}, RPSOfBare: same(1), P50OfBare: same(1)},
		{RPS: spread{400, 250, 500}, P50: spread{300, 200, 400}, RPSOfBare: spread{0.5, 0.4, 0.5}, P50OfBare: spread{2, 2, 3}},
	} {
		if got[i].RPS != want.RPS || got[i].P50 != want.P50 || got[i].RPSOfBare != want.RPSOfBare || got[i].P50OfBare != want.P50OfBare {
			t.Errorf("got  %+v\nwant %+v", got[i], want)
		}
		if cells := got[i].cells("1"); len(cells) != len(resultColumns)+1 || cells[4] != "–" {
			t.Errorf("the row, without a NATS system: %q", cells)
		}
	}
	if m := median([]float64{4, 1, 3, 2}); m != 2.5 {
		t.Errorf("the median of 1, 2, 3, 4 is %v", m)
	}
}

func TestEachTableGoesBetweenItsMarks(t *testing.T) {
	const document = "before\n<!-- numbers: begin -->\nold\n<!-- numbers: end -->\nafter\n<!-- screen: begin -->\n<!-- screen: end -->\n"
	for name, want := range map[string]string{
		"numbers": "before\n<!-- numbers: begin -->\nnew\n\n| a | b |\n|---:|---|\n| 1 | x |\n<!-- numbers: end -->\nafter\n<!-- screen: begin -->\n<!-- screen: end -->\n",
		"screen":  "before\n<!-- numbers: begin -->\nold\n<!-- numbers: end -->\nafter\n<!-- screen: begin -->\nnew\n\n| a | b |\n|---:|---|\n| 1 | x |\n<!-- screen: end -->\n",
	} {
		got, err := replace(document, name, table{name: name, heading: "new", columns: []string{"a", "b"}, left: []int{1}, rows: [][]string{{"1", "x"}}}.markdown())
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for _, document := range []string{"", "<!-- numbers: begin -->", "<!-- numbers: end --><!-- numbers: begin -->"} {
		if _, err := replace(document, "numbers", ""); err == nil {
			t.Errorf("%q has no place for numbers, yet no error", document)
		}
	}
}

func TestFlagsOverrideTheEnvironment(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"BENCH_ROUNDS": "7", "BENCH_SECONDS": "2"}[name]
	}
	s, err := parse([]string{"--seconds", "1", "--clients", "1,512"}, env)
	if err != nil || s.rounds != 7 || s.seconds != 1 || !reflect.DeepEqual(s.clients, []int{1, 512}) {
		t.Errorf("got %+v, %v", s, err)
	}
	if s, err := parse(nil, func(string) string { return "many" }); err == nil {
		t.Errorf("a number that is none gives %+v", s)
	}
	for _, wrong := range [][]string{{"--clients", "0"}, {"--clients", ""}, {"--bodies", "1MiB,24"}, {"--bodies", "x"}, {"--bodies", "25"}, {"--systems", "x"}, {"--parts", "x"}, {"--rounds", "0"}, {"x"}} {
		if _, err := parse(wrong, env); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}
