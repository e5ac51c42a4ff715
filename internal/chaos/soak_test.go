package chaos

import (
	"strings"
	"testing"
	"time"
)

// The short form of `make soak`: too short for anything to grow, long enough to
// see that everything is looked at.
func TestASoakAnswersEverythingAndLooksAtEveryPart(t *testing.T) {
	var told []string
	soak := Soak{
		Setup:    setup(t),
		Capacity: Capacity{Worker: build(t, "internal/chaos/timed"), Workers: 3, Slots: 2, WindowJobs: 4096},
		Duration: 4 * time.Second, Sample: 500 * time.Millisecond,
	}
	soak.Progress = func(line string) { told = append(told, line) }
	report, err := soak.Run(t.Context())
	if report == nil || err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report.Write(&text)
	t.Log(text.String())
	if !report.Run.OK() || len(told) != 8 {
		t.Errorf("a promise was broken, see above, or it said %d lines: %q", len(told), told)
	}
	for i, q := range report.Quarters {
		if q.Requests < 100 || q.Answers["200"] != q.Requests {
			t.Errorf("quarter %d: %d requests, answered %v; want some 148, all 200", i+1, q.Requests, q.Answers)
		}
	}
	if len(report.Parts) != 12 {
		t.Errorf("%d parts were looked at, want 12", len(report.Parts))
	}
	for _, p := range report.Parts {
		for i, u := range p.Quarters {
			if u.Resident < 1<<20 || u.Descriptors < 3 || u.Threads < 1 || (u.Goroutines > 0) != strings.HasPrefix(p.Name, "frontend") {
				t.Errorf("%s in quarter %d: %+v", p.Name, i+1, u)
			}
		}
	}
}

func TestGrowthIsToldApartFromBreathing(t *testing.T) {
	before := Used{Resident: 100 << 20, Descriptors: 50, Threads: 10, Goroutines: 40}
	for _, c := range []struct {
		after Used
		want  string
	}{
		{before, ""},
		{Used{}, ""},
		{Used{114 << 20, 66, 14, 56}, ""},
		{Used{114<<20 + 1, 50, 10, 40}, "memory"},
		{Used{100 << 20, 67, 10, 40}, "descriptors"},
		{Used{100 << 20, 50, 15, 40}, "threads"},
		{Used{100 << 20, 50, 10, 57}, "goroutines"},
	} {
		if got := grown(before, c.after); got != c.want {
			t.Errorf("%+v: %q has grown, want %q", c.after, got, c.want)
		}
	}
}

func TestAMedianIsThatOfItsQuarter(t *testing.T) {
	const s = time.Second
	r := soak{Soak: &Soak{Duration: 8 * s}}
	for at := s; at <= 8*s; at += s {
		r.samples = append(r.samples, sample{at: at, parts: map[string]Used{"a": {Threads: at.Seconds()}}})
	}
	for quarter, want := range []float64{2, 4, 6, 8} {
		if got := r.median("a", quarter).Threads; got != want {
			t.Errorf("quarter %d: %v, want %v", quarter+1, got, want)
		}
	}
}
