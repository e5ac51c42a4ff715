package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

const someMetrics = `# HELP faasd_bus_sent_messages_total Messages handed to ZeroMQ.
faasd_bus_sent_messages_total{link="jobs",name="broker1",role="broker"} 7
faasd_bus_sent_messages_total{link="publish",name="broker1",role="broker"} 2
faasd_bus_sent_messages_total{link="publish",name="coordinator1",role="coordinator"} 15
faasd_bus_sent_messages_total{link="publish",name="queueA",role="queue"} 5e+06
faasd_queue_handovers_total{direction="given",name="queueA"} 3
faasd_queue_handovers_total{direction="taken",name="queueA"} 4
`

func TestMessagesArePublishedByPartsAndNotAgainByTheCoordinator(t *testing.T) {
	if got, err := published.sum(someMetrics); err != nil || got != 5_000_002 {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := handovers.sum(someMetrics); err != nil || got != 3 {
		t.Errorf("got %v, %v", got, err)
	}
	for _, none := range []string{"", "faasd_queue_handovers_total{direction=\"given\"} many\n"} {
		if got, err := handovers.sum(none); err == nil {
			t.Errorf("%q gives %v", none, got)
		}
	}
}

func TestGrowthIsComparedWithTheFirstSizeOfTheSameRound(t *testing.T) {
	take := func(round int, size grown, rps, cpu float64) growth {
		return growth{
			grown: size, measurement: measurement{Round: round, RPS: rps, CPU: cpu},
			Light: traffic{Published: 60}, Load: traffic{Published: 75},
		}
	}
	processes := grown{Queues: 3, Workers: 30, Processes: true}
	full := grown{Queues: 3, Workers: 1000}
	r := report{Growth: []growth{
		take(1, sizes[0], 1000, 0.1), take(1, full, 900, 0.11), take(2, sizes[0], 500, 0.2), take(2, full, 450, 0.22),
		take(1, processes.base(), 400, 0.2), take(1, processes, 500, 0.1),
	}}
	rows := r.growthRows()
	if len(rows) != 4 || len(rows[1]) != len(growthColumns) || rows[1][1] != "1000" || rows[1][3] != "0.90" || rows[1][5] != "1.10" {
		t.Errorf("got %q", rows)
	}
	if got := rows[3]; got[1] != "30 processes" || got[3] != "1.25" || got[5] != "0.50" {
		t.Errorf("processes are compared with processes: %q", got)
	}
	if charts := r.growthCharts(); len(charts) != 4 || charts[0].lines[0].values[3].Median != 675 {
		t.Errorf("got %+v", charts)
	}
	for _, size := range []grown{full, full.base(), processes, processes.base()} {
		if !slices.Contains(sizes, size) {
			t.Errorf("%s is compared, but not measured: %v", size, sizes)
		}
	}
	var kept []string
	for _, b := range r.budgets() {
		kept = append(kept, strings.Join(b.cells(), " "))
	}
	want := []string{
		"1,000 workers instead of 3: requests/s 0.90 ≥ 0.80 met ≥ 0.95 missed",
		"1,000 workers instead of 3: CPU for a request 1.10 ≤ 1.25 met – –",
		"1,000 workers: messages/s published under full load, of those at 1,000 requests/s 1.25 ≤ 1.25 met – –",
	}
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("got %q", kept)
	}
}

func TestStartsAreMediansInTheirOwnUnits(t *testing.T) {
	var r report
	for i, took := range []float64{300, 100, 200} {
		r.Starts = append(r.Starts, starting{i + 1, upFirst, took, 0}, starting{i + 1, idleMemory, 60, 0}, starting{i + 1, "wasm", took / 10, 2})
	}
	rows := r.startRows()
	for i, want := range [][]string{
		{upFirst, "0.20 s (0.10 s to 0.30 s)", "–"},
		{idleMemory, "60 MB", "–"},
	} {
		if !reflect.DeepEqual(rows[i], want) {
			t.Errorf("got %q, want %q", rows[i], want)
		}
	}
	if got, want := rows[len(rows)-1], []string{"first call of a function, wasm", "20.0 ms (10.0 ms to 30.0 ms)", "2.00 ms"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
