package main

import (
	"reflect"
	"testing"
)

func TestBudgetsSayWhatIsKept(t *testing.T) {
	take := func(system string, clients int, rps, p50 float64) measurement {
		return measurement{Round: 1, System: system, load: load{clients, 24}, wrkResult: wrkResult{P50: p50}, RPS: rps}
	}
	r := report{
		Measurements: []measurement{
			take(bareSystem, 1, 10_000, 100), take(upSystem, 1, 2000, 400), take(tcpSystem, 1, 1000, 750),
			take(bareSystem, 128, 50_000, 100), take(natsSystem, 128, 20_000, 100), take(upSystem, 128, 20_000, 100),
		},
		Floors: []floor{{Round: 1, P50: 400}, {Round: 2, P50: 900}},
	}
	r.Results = summarize(r.Measurements)
	want := [][]string{
		{"faasd up, 128 clients: requests/s, of bare", "0.40", "≥ 0.45", "missed", "≥ 0.60", "missed"},
		{"faasd up, 128 clients: requests/s, of NATS", "1.00", "≥ 1.10", "missed", "–", "–"},
		{"faasd up, 1 client: p50, of bare", "4.00", "≤ 4.20", "met", "≤ 3.00", "missed"},
		{"processes over tcp, 1 client: p50, of six hops in C and bare", "1.50", "≤ 1.60", "met", "≤ 1.25", "missed"},
		{"faasd, 32 clients and more: requests lost or answered wrongly", "0", "≤ 0", "met", "≤ 0", "met"},
	}
	var got [][]string
	for _, b := range r.budgets() {
		got = append(got, b.cells())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if list := (report{}).budgets(); len(list) != 0 {
		t.Errorf("with nothing measured there are %v", list)
	}
}

func TestSixHopsComeBack(t *testing.T) {
	s := newStarter(t.TempDir(), "", "")
	program, err := s.buildHops(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.hops(t.Context(), program, 1)
	if err != nil || f.RoundTrips < 10 || f.P50 <= 0 || f.P99 < f.P50 {
		t.Errorf("got %+v, %v", f, err)
	}
}
