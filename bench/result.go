package main

import (
	"cmp"
	"fmt"
	"slices"
)

// A result is what a system's measurements under one load come to. Ratios are taken within each round; they are zero if
// what they compare with was not measured.
type result struct {
	System string `json:"system"`
	load
	RPS       spread `json:"rps"`
	P50       spread `json:"p50_us"`
	P99       spread `json:"p99_us"`
	P999      spread `json:"p999_us"`
	CPU       spread `json:"system_cpu_ms_per_request"`
	Memory    spread `json:"system_memory_mb"`
	RPSOfBare spread `json:"rps_of_bare"`
	P50OfBare spread `json:"p50_of_bare"`
	RPSOfNATS spread `json:"rps_of_nats"`
	P50OfNATS spread `json:"p50_of_nats"`
	Failures  int    `json:"lost_or_wrong"` // in all rounds
}

func summarize(taken []measurement) []result {
	type cell struct {
		system string
		load
	}
	var order []cell
	cells := map[cell][]measurement{}
	for _, m := range taken {
		c := cell{m.System, m.load}
		if cells[c] == nil {
			order = append(order, c)
		}
		cells[c] = append(cells[c], m)
	}
	slices.SortFunc(order, func(a, b cell) int {
		return cmp.Or(a.Body-b.Body, a.Clients-b.Clients,
			place(a.system)-place(b.system))
	})
	var results []result
	for _, c := range order {
		ms := cells[c]
		rps := func(m *measurement) float64 { return m.RPS }
		p50 := func(m *measurement) float64 { return m.P50 }
		bare, nats := cells[cell{bareSystem, c.load}], cells[cell{natsSystem, c.load}]
		r := result{
			System: c.system, load: c.load,
			RPS: spreadOf(ms, rps), RPSOfBare: ratios(ms, bare, rps), RPSOfNATS: ratios(ms, nats, rps),
			P50: spreadOf(ms, p50), P50OfBare: ratios(ms, bare, p50), P50OfNATS: ratios(ms, nats, p50),
			P99:    spreadOf(ms, func(m *measurement) float64 { return m.P99 }),
			P999:   spreadOf(ms, func(m *measurement) float64 { return m.P999 }),
			CPU:    spreadOf(ms, func(m *measurement) float64 { return m.CPU }),
			Memory: spreadOf(ms, func(m *measurement) float64 { return megabytes(m.Memory) }),
		}
		for _, m := range ms {
			r.Failures += m.failures()
		}
		results = append(results, r)
	}
	return results
}

// ratios divides what was measured by what another system had in the same round.
func ratios(of, by []measurement, value func(*measurement) float64) spread {
	var quotients []float64
	for i := range of {
		for j := range by {
			if by[j].Round == of[i].Round {
				quotients = append(quotients, value(&of[i])/value(&by[j]))
			}
		}
	}
	return spreadOver(quotients)
}

// resultColumns are those of a table of results, behind the one of what distinguishes the loads.
var resultColumns = []string{"system", "requests/s", "of bare", "of NATS", "p50", "of bare", "p99", "p99.9", "CPU, s per 1,000",
	"memory, MB", "lost or wrong"}

// cells is a row of that table.
func (x result) cells(distinguished string) []string {
	return []string{distinguished, title(x.System), x.RPS.format("%.0f"), x.RPSOfBare.ratio(""), x.RPSOfNATS.ratio(""), x.P50.say(duration),
		x.P50OfBare.ratio(" ×"), duration(x.P99.Median), duration(x.P999.Median), fmt.Sprintf("%.3f", x.CPU.Median),
		fmt.Sprintf("%.0f", x.Memory.Median), fmt.Sprint(x.Failures)}
}
