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

func TestLambdaFunctionsAreComparedUnderTheSameLoad(t *testing.T) {
	take := func(system string, l load, rps, p50 float64) measurement {
		return measurement{Round: 1, System: system, load: l, wrkResult: wrkResult{P50: p50}, RPS: rps}
	}
	one, many, large := load{1, 24}, load{bodyClients, 24}, load{bodyClients, 1024}
	r := report{Rounds: 1, Lambda: []measurement{
		take(lambdaSystem, one, 1000, 600), take(emulatorSystem, one, 2000, 500),
		take(bareSystem, many, 53_000, 100), take(lambdaSystem, many, 4350, 100),
		take(bareSystem, large, 5300, 100), take(lambdaSystem, large, 8700, 100),
	}}
	var kept []string
	for _, b := range r.budgets() {
		kept = append(kept, b.cells()[1])
	}
	if !reflect.DeepEqual(kept, []string{"1.20", "0.50"}) { // p50 of the emulator's, requests/s of of-watchdog's
		t.Errorf("got %q", kept)
	}
	tables := r.tables()
	if len(tables) != 3 || len(tables[0].rows) != 4 || len(tables[1].rows) != 4 {
		t.Fatalf("got %+v", tables)
	}
	for _, table := range tables[:2] {
		for _, row := range table.rows {
			if len(row) != len(table.columns) {
				t.Errorf("%q is no row of %q", row, table.columns)
			}
		}
	}
	if row := tables[0].rows[0]; row[1] != "faasd up, Lambda function" || row[5] != "1.20 ×" {
		t.Errorf("got %q", row)
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
