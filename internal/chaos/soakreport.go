package chaos

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// A SoakReport is what a system at work for long was like. Durations are in seconds.
type SoakReport struct {
	Run
	Duration float64         `json:"duration"` // as it was to be
	Quarters [quarters]Tally `json:"quarters"`
	Parts    []PartReport    `json:"parts"`
}

// A PartReport is the medians of what a part used in each quarter.
type PartReport struct {
	Name     string         `json:"name"`
	Quarters [quarters]Used `json:"quarters"`
	Grown    string         `json:"grown,omitempty"` // what, "" for nothing
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

// OK reports whether every promise was kept and nothing has grown.
func (r *SoakReport) OK() bool {
	return r.Run.OK() && r.Unsent == 0 && !slices.ContainsFunc(r.Parts, func(p PartReport) bool { return p.Grown != "" })
}

func (r *soak) draw() *SoakReport {
	report := &SoakReport{Duration: r.Duration.Seconds()}
	for i, t := range r.tallies {
		report.Quarters[i] = t.sum()
	}
	for _, name := range r.system.Names() {
		p := PartReport{Name: name}
		for i := range p.Quarters {
			p.Quarters[i] = r.median(name, i)
		}
		p.Grown = grown(p.Quarters[1], p.Quarters[quarters-1])
		report.Parts = append(report.Parts, p)
	}
	return report
}

// median is the median of what a part used in a quarter, nothing if it was not looked at.
func (r *soak) median(name string, quarter int) Used {
	var seen [4][]float64
	for _, s := range r.samples {
		if min(quarters-1, int((s.at-1)*quarters/r.Duration)) == quarter {
			u := s.parts[name]
			for i, v := range []float64{u.Resident, u.Descriptors, u.Threads, u.Goroutines} {
				seen[i] = append(seen[i], v)
			}
		}
	}
	middle := func(values []float64) float64 {
		if len(values) == 0 {
			return 0
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return Used{middle(seen[0]), middle(seen[1]), middle(seen[2]), middle(seen[3])}
}

// grown says what is more than it may be, "" if nothing is.
func grown(before, after Used) string {
	switch {
	case after.Resident > before.Resident*(1+grownShare)+grownBytes:
		return "memory"
	case after.Descriptors > before.Descriptors+grownDescriptors:
		return "descriptors"
	case after.Threads > before.Threads+grownThreads:
		return "threads"
	case after.Goroutines > before.Goroutines+grownGoroutines:
		return "goroutines"
	}
	return ""
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
	fmt.Fprintln(table, "\npart\tresident, by quarter\tdescriptors\tthreads\tgoroutines\tgrown")
	for _, p := range r.Parts {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name,
			p.each("%.1f", " MiB", func(u Used) float64 { return u.Resident / (1 << 20) }),
			p.each("%.0f", "", func(u Used) float64 { return u.Descriptors }),
			p.each("%.0f", "", func(u Used) float64 { return u.Threads }),
			p.each("%.0f", "", func(u Used) float64 { return u.Goroutines }), p.Grown)
	}
	_ = table.Flush()
	fmt.Fprintf(w, "\ngrown: the last quarter's median is more than %.0f %% and %s, or %d descriptors, %d threads or %d goroutines, above that of the second.\nDescriptors and goroutines of frontends are told without those of clients' connections.\n",
		100*grownShare, mebibytes(grownBytes), grownDescriptors, grownThreads, grownGoroutines)
	r.writeBehind(w, slices.MaxFunc(r.Quarters[:], func(a, b Tally) int { return int(1000 * (a.SentLate - b.SentLate)) }).SentLate)
	r.writeBreaches(w)
}

// each is a number of all quarters, "12, 13, 13, 13"; "" where it is not known.
func (p *PartReport) each(format, unit string, number func(Used) float64) string {
	s := ""
	for i, u := range p.Quarters {
		if number(u) == 0 {
			return ""
		}
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf(format, number(u))
	}
	return s + unit
}
