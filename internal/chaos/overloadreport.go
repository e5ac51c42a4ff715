package chaos

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// An OverloadReport is what sending too much has found. Durations are in seconds.
type OverloadReport struct {
	Run
	Capacity int     `json:"capacity"` // requests a second
	Offered  float64 `json:"offered"`  // of slow in the flood, a second
	Goodput  float64 `json:"goodput"`  // of them answered 200, a second
	Others   float64 `json:"goodput_other"`
	Quiet    Tally   `json:"quiet"` // slow at half of the capacity
	Flood    Tally   `json:"flood"` // slow
	After    Tally   `json:"after"` // slow at half of the capacity again

	Refused    Refusals  `json:"refused"`     // in the flood
	OtherQuiet Tally     `json:"other_quiet"` // before slow was sent any
	OtherFlood Tally     `json:"other_flood"`
	Recovery   float64   `json:"recovery"` // -1: not until the end
	Memory     []Memory  `json:"memory"`
	Verdicts   []Verdict `json:"verdicts"` // none if it did not run to its end
}

// Refusals are the answers 503.
type Refusals struct {
	Count      int     `json:"count"`
	P50        float64 `json:"p50"`
	P99        float64 `json:"p99"`
	RetryAfter [3]int  `json:"retry_after"` // s: the least, the median, the most
}

// Memory is what a part had resident, in bytes: of its role, the one that came
// nearest to its bound.
type Memory struct {
	Part   string `json:"part"`
	Idle   int64  `json:"idle"`   // with nothing sent yet
	Before int64  `json:"before"` // the flood
	Full   int64  `json:"full"`   // at its end
	Peak   int64  `json:"peak"`
	Bound  int64  `json:"bound"`
}

// What is required. The machine must have had time to send what is sent.
const (
	goodShare     = 0.9
	refusedWithin = 100 * time.Millisecond
	normalWithin  = 2 * time.Second
	fairBelow     = 3 // times
	normalBelow   = 3 // times
	sentWithin    = 50 * time.Millisecond
)

// OK reports whether every requirement was met.
func (r *OverloadReport) OK() bool { return r.Run.OK() && met(r.Verdicts) }

// draw draws up what came of the requests.
func (r *overload) draw() *OverloadReport {
	report := &OverloadReport{Capacity: r.perSecond(), Recovery: -1}
	others := newLatencies(r.other.take())
	report.OtherQuiet = newTally(others.between(0, r.Overload.Quiet)).sum()
	if r.last == nil {
		return report // it was interrupted
	}
	quiet, flood, after := newLatencies(r.slow[0].take()), newLatencies(r.slow[1].take()), newLatencies(r.slow[2].take())
	report.Quiet, report.Flood, report.After = newTally(quiet).sum(), newTally(flood).sum(), newTally(after).sum()
	report.OtherFlood = newTally(others.between(r.flood, r.after)).sum()
	report.Refused = newRefusals(flood)
	lasted := (r.after - r.flood).Seconds()
	report.Offered = float64(len(flood)) / lasted
	report.Goodput = float64(slices.Concat(quiet, flood).answered(r.flood, r.after)) / lasted
	report.Others = float64(others.answered(r.flood, r.after)) / lasted

	normal, _ := quiet.percentile(0.99, 0, r.flood)
	if took, ok := settled(r.after, r.end, func(t time.Duration) bool { return after.normal(t, normalBelow*normal) }); ok {
		report.Recovery = took.Seconds()
	}
	may := memory{Capacity: r.Overload.Capacity, Layout: r.subject.layout, flood: r.Times * r.perSecond(), body: overloadBodies.largest}
	for _, role := range roles {
		var parts []Memory
		for _, name := range r.system.Names(role) {
			idle := r.idle[name].Resident
			parts = append(parts, Memory{name, idle, r.before[name].Resident, r.full[name].Resident, r.last[name].Peak, may.bound(role, idle)})
		}
		report.Memory = append(report.Memory, slices.MinFunc(parts, func(a, b Memory) int { return cmp.Compare(a.Bound-a.Peak, b.Bound-b.Peak) }))
	}
	return report
}

// answered is how many were answered 200 from one time until another.
func (l latencies) answered(from, until time.Duration) (n int) {
	for i := range l {
		if l[i].verdict == right && l[i].ended >= from && l[i].ended < until {
			n++
		}
	}
	return n
}

// normal reports whether all that was sent in a second was answered 200, and 99
// of a hundred within a time.
func (l latencies) normal(t, within time.Duration) bool {
	slowest, any := l.percentile(1, t, t+window)
	p99, _ := l.percentile(0.99, t, t+window)
	return any && slowest < forever && p99 < within
}

func newRefusals(l latencies) (r Refusals) {
	var took []time.Duration
	var after []int
	for i := range l {
		if l[i].verdict == refused {
			took, after = append(took, l[i].took()), append(after, l[i].retryAfter)
		}
	}
	if r.Count = len(took); r.Count > 0 {
		slices.Sort(after)
		r.P50, r.P99 = seconds(0.5, took), seconds(0.99, took)
		r.RetryAfter = [3]int{after[0], after[len(after)/2], after[len(after)-1]}
	}
	return r
}

// judge holds what was found against what is required.
func (r *OverloadReport) judge() {
	require := func(requirement string, holds bool, found string, args ...any) {
		r.Verdicts = append(r.Verdicts, Verdict{Requirement: requirement, Met: holds, Found: fmt.Sprintf(found, args...)})
	}
	share := r.Goodput / float64(r.Capacity)
	require("goodput at least 90 % of capacity", share >= goodShare, "%.1f %%; %.1f %% with the second function's",
		100*share, 100*(r.Goodput+r.Others)/float64(r.Capacity))
	within := len(r.Memory) > 0
	for _, m := range r.Memory {
		within = within && m.Peak <= m.Bound
	}
	require("memory within its bounds", within, "see the table")
	otherwise := r.Flood.Requests - r.Flood.Answers["200"] - r.Refused.Count
	require("the excess gets 503, 99 % within 100 ms", otherwise == 0 && r.Refused.Count > 0 && r.Refused.P99 < refusedWithin.Seconds(),
		"%d, 99 %% within %.0f ms; %d answered otherwise", r.Refused.Count, 1000*r.Refused.P99, otherwise)
	recovery := "not until the end"
	if r.Recovery >= 0 {
		recovery = fmt.Sprintf("after %.1f s", r.Recovery)
	}
	require("normal again 2 s after it ends", r.Recovery >= 0 && r.Recovery <= normalWithin.Seconds(), "%s", recovery)
	refused := r.OtherFlood.Requests - r.OtherFlood.Answers["200"]
	ratio := r.OtherFlood.P99 / r.OtherQuiet.P99
	require("the second function's 99 % within 3 times its quiet value", refused*100 < r.OtherFlood.Requests && ratio <= fairBelow,
		"%.1f times; %d of %d requests not answered 200", ratio, refused, r.OtherFlood.Requests)
	require("the load was sent in time, else nothing is proved", r.Unsent == 0 && r.Flood.SentLateP99 < sentWithin.Seconds(),
		"99 %% within %.1f ms, all within %.0f ms; %d not sent", 1000*r.Flood.SentLateP99, 1000*r.Flood.SentLate, r.Unsent)
}

// Write writes the report for people.
func (r *OverloadReport) Write(w io.Writer) {
	fmt.Fprintf(w, "faasd under too much: %.0f requests/s for a capacity of %d/s, seed %d; %s\n\n", r.Offered, r.Capacity, r.Seed, r.machine())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "function\twhen\trequests\t200\t503\tothers\tp50 of 200\tp99 of 200\tslowest")
	for _, row := range []struct {
		function, when string
		t              *Tally
	}{
		{slow, "at half of the capacity", &r.Quiet}, {slow, "in the flood", &r.Flood}, {slow, "at half of the capacity again", &r.After},
		{other, "alone", &r.OtherQuiet}, {other, "in the flood", &r.OtherFlood},
	} {
		ok, refused := row.t.Answers["200"], row.t.Answers["503"]
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%.1f ms\t%.1f ms\t%.1f ms\n", row.function, row.when, row.t.Requests,
			ok, refused, row.t.Requests-ok-refused, 1000*row.t.P50, 1000*row.t.P99, 1000*row.t.Slowest)
	}
	fmt.Fprintln(table, "\npart\tresident before all\tbefore the flood\tat its end\tat most\tbound")
	for _, m := range r.Memory {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n",
			m.Part, mebibytes(m.Idle), mebibytes(m.Before), mebibytes(m.Full), mebibytes(m.Peak), mebibytes(m.Bound))
	}
	_ = table.Flush()
	f := &r.Refused
	fmt.Fprintf(w, "\ngoodput %.0f/s of %s and %.0f/s of %s; %d × 503 after %.1f ms (p50), %.1f ms (p99), Retry-After %d, %d, %d s (least, median, most)\n",
		r.Goodput, slow, r.Others, other, f.Count, 1000*f.P50, 1000*f.P99, f.RetryAfter[0], f.RetryAfter[1], f.RetryAfter[2])
	fmt.Fprintf(w, overloadExplanation, slow, other)
	writeVerdicts(w, r.Verdicts)
	r.writeBreaches(w)
}

const overloadExplanation = `
200: answered so, with the bytes that were sent. 503: with Retry-After. others: anything else; each is told of below.
p50, p99, slowest: within what half of those answered 200 and 99 of 100 were, and all, from when they were to be sent.
resident: of each role, of the part that came nearest to its bound. before all: with nothing sent yet. at most: from
its start to the end. bound: what it had before all, and what the requests sent can take at most, with Go's garbage
(docs/RELIABILITY.md).
goodput: answered 200 a second while the flood lasted; the capacity is shared by %s and %s.

`
