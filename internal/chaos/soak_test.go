package chaos

import (
	"regexp"
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
	if text := text.String(); !strings.Contains(text, "too short to judge  no growth of memory") || strings.Contains(text, "NOT MET  every") {
		t.Error("memory was judged in 4 s, or the answers were not as they should be")
	}
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
			if u == nil || u.Resident < 1<<20 || u.Descriptors < 3 || u.Threads < 1 || (u.Goroutines > 0) != strings.HasPrefix(p.Name, "frontend") {
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
		{Used{200 << 20, 67, 15, 57}, "memory descriptors threads goroutines"},
	} {
		for judged, want := range map[bool]string{true: c.want, false: strings.TrimSpace(strings.TrimPrefix(c.want, "memory"))} {
			if got := strings.Join(grown(&before, &c.after, judged), " "); got != want {
				t.Errorf("%+v, memory judged: %t: %q has grown, want %q", c.after, judged, got, want)
			}
		}
	}
	if grown(nil, &before, true) != nil || grown(&before, nil, true) != nil {
		t.Error("grown from or to what was not looked at")
	}
}

// soaked is the report of so long a time in which all was well.
func soaked(lasted time.Duration) *SoakReport {
	r := &SoakReport{Duration: lasted.Seconds(), Parts: []PartReport{
		{Name: "frontend1", Role: "frontend", Quarters: [quarters]*Used{{Goroutines: 3}, {}, {}, nil}},
		{Name: "queueA", Role: "queue", Quarters: [quarters]*Used{{Resident: 1 << 20}, {}, nil, {Resident: 2 << 20}}},
	}}
	for i := range r.Quarters {
		r.Quarters[i] = Tally{Requests: 2, Answers: map[string]int{"200": 2}}
	}
	return r
}

func TestTheVerdictOnASoakIsThatOfItsTable(t *testing.T) {
	for _, c := range []struct {
		name   string
		lasted time.Duration
		spoil  func(*SoakReport)
		ok     bool
		says   []string
	}{
		{"all is well", heapSettles, func(*SoakReport) {}, true, []string{"met  no growth of memory  in no part", "met  no growth of threads  in no part"}},
		{"for a short time", heapSettles - 1, func(*SoakReport) {}, true, []string{"too short to judge  no growth of memory", "--duration 30m\n"}},
		{"memory has grown", heapSettles, func(r *SoakReport) { r.Parts[1].Grown = []string{"memory", "threads"} }, false,
			[]string{"  memory, threads\n", "NOT MET  no growth of memory  queueA", "NOT MET  no growth of threads", "met  no growth of descriptors"}},
		{"an answer was another", heapSettles, func(r *SoakReport) { r.Quarters[2].Answers["200"] = 1 }, false, []string{"NOT MET  every request", "7 of 8"}},
		{"nothing was sent", heapSettles, func(r *SoakReport) { r.Quarters = [quarters]Tally{} }, false, []string{"NOT MET  every request", "0 of 0"}},
		{"not all was sent", heapSettles, func(r *SoakReport) { r.Unsent = 1 }, false, []string{"NOT MET  all of the load"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := soaked(c.lasted)
			c.spoil(r)
			r.judge()
			var text strings.Builder
			r.Write(&text)
			// A tabwriter aligns with as many spaces as it takes.
			said := regexp.MustCompile(` {2,}`).ReplaceAllString(text.String(), "  ")
			for _, want := range append(c.says, "frontend1  0.0, 0.0, 0.0, –", "3, 0, 0, –", "queueA  1.0, 0.0, –, 2.0", "not told") {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q", want)
				}
			}
			if r.OK() != c.ok {
				t.Errorf("OK: %t", r.OK())
			}
			if t.Failed() {
				t.Log(text.String())
			}
		})
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
