package chaos

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// A HarmReport is what functions that behave badly have done to others.
// Durations are in seconds.
type HarmReport struct {
	Run
	Rate     int       `json:"rate"` // requests to the victim in a second
	Rows     []HarmRow `json:"offences"`
	Victim   Tally     `json:"victim"`
	Verdicts []Verdict `json:"verdicts"` // none if it did not run to its end
}

// A HarmRow is one offence, and the victim beside it.
type HarmRow struct {
	Offence string `json:"offence"`
	Does    string `json:"does"`
	Kind    string `json:"kind"`
	Callers int    `json:"callers"`
	Calls   int    `json:"calls"`
	Ends    string `json:"ends"`   // how its calls must
	Proper  int    `json:"proper"` // calls that did
	Memory  int64  `json:"memory"` // bytes resident of the largest worker when it was over
	Left    string `json:"left,omitempty"`

	Quiet Tally   `json:"quiet"` // the victim before
	Harm  Tally   `json:"harm"`  // and during it
	Times float64 `json:"times"` // the latter's p99 in the former's
}

// harmBelow is how many times its quiet 99th percentile a victim's may be.
const harmBelow = 2

// OK reports whether every requirement was met.
func (r *HarmReport) OK() bool { return r.Run.OK() && met(r.Verdicts) }

// draw draws up what came of the requests.
func (r *harm) draw() *HarmReport {
	all := newLatencies(r.victim.take())
	report := &HarmReport{Rate: r.Rate, Rows: r.rows, Victim: newTally(all).sum()}
	for i, s := range r.spans {
		row := &report.Rows[i]
		row.Quiet, row.Harm = newTally(all.between(s.quiet, s.from)).sum(), newTally(all.between(s.from, s.until)).sum()
		if row.Quiet.P99 > 0 {
			row.Times = row.Harm.P99 / row.Quiet.P99
		}
	}
	return report
}

// lost is how many requests were not answered as they should be.
func (t *Tally) lost() int { return t.Requests - t.Answers["200"] }

// judge holds what was found against what is required.
func (r *HarmReport) judge() {
	require := func(requirement string, holds bool, found string, args ...any) {
		r.Verdicts = append(r.Verdicts, Verdict{Requirement: requirement, Met: holds, Found: fmt.Sprintf(found, args...)})
	}
	var slow, improper []string
	worst := 0.0
	for i := range r.Rows {
		row := &r.Rows[i]
		worst = max(worst, row.Times)
		if row.Times > harmBelow || row.Times == 0 {
			slow = append(slow, row.Offence)
		}
		if row.Proper == 0 {
			improper = append(improper, row.Offence)
		}
	}
	require("the victim loses nothing", r.Victim.lost() == 0 && r.Victim.Requests > 0, "%d of %d requests not answered with what was sent", r.Victim.lost(), r.Victim.Requests)
	require("its 99 % within 2 times their quiet value", len(slow) == 0, "at most %.1f times; more: %s", worst, names(slow))
	require("each offender gets its proper answer", len(improper) == 0, "not: %s", names(improper))
	require("the load was sent in time, else nothing is proved", r.Unsent == 0 && r.Victim.SentLateP99 < sentWithin.Seconds(),
		"99 %% within %.1f ms; %d not sent", 1000*r.Victim.SentLateP99, r.Unsent)
}

func names(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// Write writes the report for people.
func (r *HarmReport) Write(w io.Writer) {
	fmt.Fprintf(w, "functions that behave badly beside one that does not, which is sent %d requests/s; seed %d; %s\n\n", r.Rate, r.Seed, r.machine())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "offender\tkind\tcalls\tended as it must\tvictim: lost\tp50 before\tp99 before\tp50 beside\tp99 beside\ttimes\tworker")
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(table, "%s\t%s\t%d\t%d × %s\t%d of %d\t%.1f ms\t%.1f ms\t%.1f ms\t%.1f ms\t%.1f\t%s\n",
			row.Offence, row.Kind, row.Calls, row.Proper, row.Ends, row.Quiet.lost()+row.Harm.lost(), row.Quiet.Requests+row.Harm.Requests,
			1000*row.Quiet.P50, 1000*row.Quiet.P99, 1000*row.Harm.P50, 1000*row.Harm.P99, row.Times, mebibytes(row.Memory))
	}
	_ = table.Flush()
	fmt.Fprintln(w)
	for i := range r.Rows {
		fmt.Fprintf(w, "%s: %s\n", r.Rows[i].Offence, r.Rows[i].Does)
	}
	fmt.Fprintln(w)
	writeVerdicts(w, r.Verdicts)
	r.writeBehind(w, r.Victim.SentLate)
	r.writeBreaches(w)
}
