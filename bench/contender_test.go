package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"
)

// TestMain makes the test's program the contenders, too: they are started as what starts them.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && contenders[os.Args[1]] != nil {
		println(contenders[os.Args[1]](os.Args[2:]).Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// contend starts a system for a test.
func contend(t *testing.T, name string) *system {
	t.Helper()
	folder := t.TempDir()
	sys, err := newStarter(folder, filepath.Join(folder, "no-faasd"), "").start(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sys.stop(); err != nil {
			t.Error(err)
		}
	})
	return sys
}

func TestContendersAnswerEachWithItsOwn(t *testing.T) {
	for name, processes := range map[string]int{bareSystem: 1, natsSystem: 4, proxySystem: 2} {
		t.Run(name, func(t *testing.T) {
			sys := contend(t, name)
			if got, err := check(t.Context(), sys, load{4, 64 << 10}, 200); err != nil || got.failed != 0 {
				t.Errorf("got %+v, %v", got, err)
			}
			if len(sys.processes) != processes {
				t.Errorf("%d processes instead of %d", len(sys.processes), processes)
			}
			if err := sys.alive(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnOpenLoopLooksAtEveryAnswer(t *testing.T) {
	b := &bench{settings: settings{seconds: 1}}
	for _, c := range []struct {
		name   string
		spoil  func(body string, w http.ResponseWriter) string
		failed bool // all of them
		err    error
	}{
		{"all well", func(body string, _ http.ResponseWriter) string { return body }, false, nil},
		{"another answer", func(body string, _ http.ResponseWriter) string { return body + " " }, true, nil},
		{"refused", func(body string, w http.ResponseWriter) string {
			w.WriteHeader(http.StatusServiceUnavailable)
			return body
		}, true, nil},
		{"no worker named", func(body string, w http.ResponseWriter) string { w.Header().Del("X-Faasd-Worker"); return body }, false, errShortcut},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := b.openLoop(t.Context(), answering(t, c.spoil), 50)
			if !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			least, most := 0, 0
			if c.failed {
				least, most = 40, 50
			}
			if got.Failures < least || got.Failures > most || got.P50 <= 0 || got.P999 < got.P50 || got.Sent < 40 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// A system that stalls is asked as often meanwhile; requests that cannot be sent, because all connections wait, wait as well.
func TestALatencyCountsFromWhenItsRequestWasDue(t *testing.T) {
	const rate, stall = 2000, 700 * time.Millisecond
	over := make(chan struct{})
	begin := sync.OnceFunc(func() { time.AfterFunc(stall, func() { close(over) }) })
	sys := answering(t, func(body string, _ http.ResponseWriter) string {
		begin()
		<-over // whoever comes later is answered at once
		return body
	})
	got, err := (&bench{settings: settings{seconds: 1}}).openLoop(t.Context(), sys, rate)
	if err != nil {
		t.Fatal(err)
	}
	// Of 2,000 requests 1,400 are due before the stall is over, and half of all 200 ms before. No more than 512 can be sent meanwhile.
	if got.P50 < micros(100*time.Millisecond) || got.P99 < micros(500*time.Millisecond) || got.Failures > 0 {
		t.Errorf("got %+v", got)
	}
}

func TestLatenciesOfALoadThatWasNotSentAreLeftOut(t *testing.T) {
	take := func(system string, sent, p50 float64) measurement {
		return measurement{Round: 1, System: system, Open: &openLoop{Rate: 1000, Sent: sent, Late: 10, P50: p50, P99: 900, P999: 950}}
	}
	r := report{Measurements: []measurement{take(bareSystem, 900, 5000), take(natsSystem, 1000, 100), take(upSystem, 960, 150)}}
	want := [][]string{
		{"bare net/http echo", "1000", "900", "–", "–", "–", "–", "–", "0"},
		{"NATS bridge", "1000", "1000", "10 µs", "100 µs", "1.00 ×", "900 µs", "950 µs", "0"},
		{"faasd up", "1000", "960", "10 µs", "150 µs", "1.50 ×", "900 µs", "950 µs", "0"},
	}
	if got := r.openRows(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
