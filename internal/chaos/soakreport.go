package chaos

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A SoakReport is what a system at work for long was like. Durations are in seconds.
type SoakReport struct {
	Run
	Duration float64         `json:"duration"` // as it was to be
	Quarters [quarters]Tally `json:"quarters"`
	Parts    []PartReport    `json:"parts"`
	Verdicts []Verdict       `json:"verdicts"` // none if it did not run to its end
}

// A PartReport is the medians of what a part used in each quarter.
type PartReport struct {
	Name     string          `json:"name"`
	Role     string          `json:"role"`
	Quarters [quarters]*Used `json:"quarters"` // nil: it was not looked at
	Grown    []string        `json:"grown"`    // what
}

// By how much the last quarter's median may be above the second's: the heap
// breathes, and connections come and go between one look and the next.
const (
	grownShare       = 0.10
	grownBytes       = 4 << 20
	grownDescriptors = 16
	grownThreads     = 4
	grownGoroutines  = 16
)

// heapSettles is how long a soak must be for its memory to be judged. Until its
// first collections, which come minutes apart where little is to do, a Go heap
// grows.
const heapSettles = 30 * time.Minute

// OK reports whether every promise was kept and nothing has grown.
func (r *SoakReport) OK() bool { return r.Run.OK() && met(r.Verdicts) }

func (r *soak) draw() *SoakReport {
	report := &SoakReport{Duration: r.Duration.Seconds()}
	for i, t := range r.tallies {
		report.Quarters[i] = t.sum()
	}
	for _, role := range roles {
		for _, name := range r.system.Names(role) {
			p := PartReport{Name: name, Role: role}
			for i := range p.Quarters {
				p.Quarters[i] = r.median(name, i)
			}
			p.Grown = grown(p.Quarters[1], p.Quarters[quarters-1], r.Duration >= heapSettles)
			report.Parts = append(report.Parts, p)
		}
	}
	return report
}

// median is the median of what a part used in a quarter, nil if it was not looked at.
func (r *soak) median(name string, quarter int) *Used {
	var seen [4][]float64
	for _, s := range r.samples {
		if min(quarters-1, int((s.at-1)*quarters/r.Duration)) == quarter {
			u := s.parts[name]
			for i, v := range []float64{u.Resident, u.Descriptors, u.Threads, u.Goroutines} {
				seen[i] = append(seen[i], v)
			}
		}
	}
	if len(seen[0]) == 0 {
		return nil
	}
	middle := func(values []float64) float64 {
		slices.Sort(values)
		return values[len(values)/2]
	}
	return &Used{middle(seen[0]), middle(seen[1]), middle(seen[2]), middle(seen[3])}
}

// grown says what is more than it may be; of memory only if it is to be judged.
func grown(before, after *Used, memory bool) (what []string) {
	if before == nil || after == nil {
		return nil
	}
	if memory && after.Resident > before.Resident*(1+grownShare)+grownBytes {
		what = append(what, "memory")
	}
	if after.Descriptors > before.Descriptors+grownDescriptors {
		what = append(what, "descriptors")
	}
	if after.Threads > before.Threads+grownThreads {
		what = append(what, "threads")
	}
	if after.Goroutines > before.Goroutines+grownGoroutines {
		what = append(what, "goroutines")
	}
	return what
}

// judge holds what was found against what is required.
func (r *SoakReport) judge() {
	requests, right := 0, 0
	for i := range r.Quarters {
		requests, right = requests+r.Quarters[i].Requests, right+r.Quarters[i].Answers["200"]
	}
	r.Verdicts = []Verdict{
		{Requirement: "every request answered 200 with its own bytes", Met: requests > 0 && right == requests, Found: fmt.Sprintf("%d of %d", right, requests)},
		{Requirement: "all of the load was sent, else nothing is proved", Met: r.Unsent == 0, Found: fmt.Sprintf("%d requests were not sent", r.Unsent)},
	}
	for _, what := range []string{"memory", "descriptors", "threads", "goroutines"} {
		var of []string
		for _, p := range r.Parts {
			if slices.Contains(p.Grown, what) {
				of = append(of, p.Name)
			}
		}
		v := Verdict{Requirement: "no growth of " + what, Met: len(of) == 0, Found: cmp.Or(strings.Join(of, ", "), "in no part")}
		if what == "memory" && r.Duration < heapSettles.Seconds() {
			v.Met, v.TooShort, v.Found = false, true, fmt.Sprintf("a heap takes longer to settle: give at least --duration %.0fm", heapSettles.Minutes())
		}
		r.Verdicts = append(r.Verdicts, v)
	}
}

// Write writes the report for people.
func (r *SoakReport) Write(w io.Writer) {
	fmt.Fprintf(w, "faasd at work for %s, seed %d; %s\n\n", time.Duration(r.Seconds*float64(time.Second)).Round(time.Second), r.Seed, r.machine())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "quarter\trequests\t200\tp50\tp99\tslowest")
	for i := range r.Quarters {
		t := &r.Quarters[i]
		fmt.Fprintf(table, "%d\t%d\t%d\t%.1f ms\t%.1f ms\t%.2f s\n", i+1, t.Requests, t.Answers["200"], 1000*t.P50, 1000*t.P99, t.Slowest)
	}
	fmt.Fprintln(table, "\npart\tresident, MiB\tdescriptors\tthreads\tgoroutines\tgrown")
	for _, p := range r.Parts {
		goroutines := "not told"
		if p.Role == "frontend" {
			goroutines = p.each("%.0f", func(u *Used) float64 { return u.Goroutines })
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name,
			p.each("%.1f", func(u *Used) float64 { return u.Resident / (1 << 20) }),
			p.each("%.0f", func(u *Used) float64 { return u.Descriptors }),
			p.each("%.0f", func(u *Used) float64 { return u.Threads }),
			goroutines, cmp.Or(strings.Join(p.Grown, ", "), "nothing"))
	}
	_ = table.Flush()
	fmt.Fprintf(w, soakExplanation, 100*grownShare, mebibytes(grownBytes), grownDescriptors, grownThreads, grownGoroutines)
	writeVerdicts(w, r.Verdicts)
	r.writeBehind(w, slices.MaxFunc(r.Quarters[:], func(a, b Tally) int { return cmp.Compare(a.SentLate, b.SentLate) }).SentLate)
	r.writeBreaches(w)
}

const soakExplanation = `
quarter: of the time; the first is for warming up. 200: answered so, with the bytes that were sent.
p50, p99, slowest: within what half of these and 99 of 100 were answered, and all, from when they were to be sent.
A part's four numbers are the medians of what it used in each quarter, – where it was not looked at.
descriptors, goroutines: of frontends, without those of clients' connections. Other parts do not tell goroutines.
grown: the last quarter's median is above the second's by more than %.0f %% and %s, or %d descriptors, %d threads,
%d goroutines.

`

// each is a number of all quarters: "12, 13, 13, 13".
func (p *PartReport) each(format string, number func(*Used) float64) string {
	var all [quarters]string
	for i, u := range p.Quarters {
		all[i] = "–"
		if u != nil {
			all[i] = fmt.Sprintf(format, number(u))
		}
	}
	return strings.Join(all[:], ", ")
}
