package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestUnitsAreMediansOfBenchmarksInTheirShares(t *testing.T) {
	var said strings.Builder
	for _, u := range units {
		fmt.Fprintf(&said, "goos: linux\npkg: faasd/internal/%s\n", u.pkg)
		for _, value := range []int{400, 1200, 2000} {
			fmt.Fprintf(&said, "Benchmark%s-2  \t 10\t  %d ns/op\t %d cpu-ns/op\t 7 B/op\n", u.benchmark, value, 10*value)
		}
		if !strings.HasSuffix(u.metric, elapsed) {
			fmt.Fprintf(&said, "Benchmark%s-2  \t 10\t  500 %s\n", u.benchmark, u.metric)
		}
	}
	got, err := parseUnits(said.String())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{endIdle: 3, delivery: 0.4, brokerJob: 1.2, queueSecond: 1.2, stateBytes: 500} {
		if got.of(name) != want {
			t.Errorf("%s is %v, not %v", name, got[name], want)
		}
	}
	if len(got) != len(units) {
		t.Errorf("of %d units there are %d", len(units), len(got))
	}
	r := report{Units: got}
	if rows := r.unitRows(); rows[1][3] != "3 (1 to 5) µs" || rows[len(rows)-1][3] != "500 bytes" {
		t.Errorf("got %q", rows)
	}
}

func TestAUnitThatIsNotMeasuredIsAnError(t *testing.T) {
	if got, err := parseUnits("pkg: faasd/internal/bus\nBenchmarkRoundTrip/tcp/inflight=100-2 1 5 ns/op\n"); err == nil {
		t.Errorf("got %v", got)
	}
}

func TestAPatternMatchesNoOtherBenchmark(t *testing.T) {
	pattern := unitPattern("queue")
	if want := "^BenchmarkJob$/^workers=3$|^BenchmarkHear$/^queues=3$|^BenchmarkHear$/^queues=300$|^BenchmarkState$/^workers=33$|" +
		"^BenchmarkSecond$/^brokers=50$/^workers=33$"; pattern != want {
		t.Errorf("got  %s\nwant %s", pattern, want)
	}
	for _, one := range strings.FieldsFunc(pattern, func(r rune) bool { return r == '|' || r == '/' }) {
		if _, err := regexp.Compile(one); err != nil {
			t.Error(err)
		}
	}
}

func TestALargeClusterIsReckonedFromUnits(t *testing.T) {
	u := costs{}
	for name, cost := range map[string]float64{
		endBusy: 1, endIdle: 10, delivery: 4, frontendJob: 3, frontendCall: 3, brokerJob: 6, queueJob: 4, workerJob: 2,
		hearFew: 10, hearMany: 20, frontendState: 8, coordinatorState: 9, ownState: 5, queueSecond: 340, brokerSecond: 4000,
		stateBytes: 500, stateBytesMany: 2000, jobBytes: 240, resultBytes: 260,
	} {
		u[name] = spread{Median: cost}
	}
	c := cluster{workers: 3000, queues: 300, brokers: 50, frontends: 20, jobs: 100_000, states: 20}
	for _, table := range []struct{ got, want [][]string }{
		{c.jobRows(u), [][]string{
			{"frontend, HTTP included", "23.0 + 2 e = 25 to 43", "12 to 22 % of a core", "2.5 to 4.3 cores"},
			{"broker", "6.0 + 4 e = 10 to 46", "2 to 9.2 % of a core", "1.0 to 4.6 cores"},
			{"queue", "4.0 + 4 e = 8 to 44", "0.27 to 1.5 % of a core", "0.8 to 4.4 cores"},
			{"worker, without the function", "2.0 + 2 e = 4 to 22", "0.013 to 0.073 % of a core", "0.4 to 2.2 cores"},
			{"together", "47 to 155", "–", "5 to 16 cores"},
		}},
		{c.busRows(u), [][]string{
			// 6000 × 10 + 1.92 million × 2; 299 × 20 × 22 + 100; 6000 × 10
			{"coordinator", "390 % of a core", "3.9 cores", "20 % of a core", "0.2 cores"},
			{"queue", "13 % of a core", "39 cores", "0.66 % of a core", "2 cores"},
			{"frontend", "6 % of a core", "1.2 cores", "0.3 % of a core", "0.06 cores"},
			// 4000 + 2 × 320 × 10; 340 + 2 × 83 × 10
			{"broker, links without work", "1 % of a core", "0.52 cores", "1 % of a core", "0.52 cores"},
			{"queue, links without work", "0.2 % of a core", "0.6 cores", "0.2 % of a core", "0.6 cores"},
		}},
		{c.amountRows(u), [][]string{
			{"a job and its result on all six links", "1500 bytes; 150 MB/s for all jobs"},
			{"states delivered, busy; idle", "1.92; 0.096 million/s"},
			{"out of the coordinator, busy; idle; busy with 100 functions", "960 MB/s; 48 MB/s; 3.84 GB/s"},
			{"into a queue", "3 MB/s"},
			{"queues at which the coordinator's one ZeroMQ thread is full", "148"}, // 148 × 168 × 20 = 500,000 a second
			{"queues at which 10 Gbit/s are full; with 100 functions", "344; 167"},
			{"queues at which a queue's owner, one goroutine, is full", "1081"}, // 1080 × 20 × (10 + 1078 × 10/297) µs
		}},
	} {
		if !reflect.DeepEqual(table.got, table.want) {
			t.Errorf("got  %q\nwant %q", table.got, table.want)
		}
	}
}
