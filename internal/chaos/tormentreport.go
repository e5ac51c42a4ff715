package chaos

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// A TormentReport is what tormenting a system has found. Durations are in seconds.
type TormentReport struct {
	Run
	Tally
	Rate     int           `json:"rate"`      // requests a second
	RunTwice int           `json:"run_twice"` // answered by an attempt above the first
	Faults   []FaultReport `json:"faults"`
}

// A FaultReport is what a fault did to the requests that ended after it and
// before the next.
type FaultReport struct {
	At       float64 `json:"at"`
	Kind     string  `json:"kind"` // one of four
	What     string  `json:"what"`
	Lasted   float64 `json:"lasted"` // until the part worked again
	End      string  `json:"end"`    // how the fault ended
	OK       int     `json:"ok"`
	Held     int     `json:"held"`    // no answer from a frontend that was killed
	Refused  int     `json:"refused"` // 503 from a frontend that starts or is cut off
	Broken   int     `json:"broken"`
	RunTwice int     `json:"run_twice"`
	Slowest  float64 `json:"slowest"`
	Before   float64 `json:"p99_before"` // of what was sent in the 3 s before; 0 if it did not recover
	Recovery float64 `json:"recovery"`   // -1: not before the next fault
}

// draw draws up what came of the requests.
func (r *TormentReport) draw(outcomes []outcome, faults []*event, lasted time.Duration) {
	all := newLatencies(outcomes)
	r.Tally = newTally(all).sum()
	for i := range all {
		if all[i].attempt > 1 {
			r.RunTwice++
		}
	}
	for i, e := range faults {
		end := lasted
		if i+1 < len(faults) {
			end = faults[i+1].began
		}
		f := all.fault(e, end, i+1 == len(faults))
		if e.over == 0 {
			f.Lasted, f.End = (lasted - e.began).Seconds(), "the end of the run"
		}
		r.Faults = append(r.Faults, f)
	}
}

func (l latencies) fault(e *event, end time.Duration, last bool) FaultReport {
	f := FaultReport{
		At: e.began.Seconds(), Kind: e.Kind.String(), What: e.String(), Lasted: (e.over - e.began).Seconds(), End: kinds[e.Kind].end,
		Recovery: -1,
	}
	for i := range l {
		o := &l[i]
		if o.ended < e.began || o.ended >= end && !last {
			continue
		}
		switch o.verdict {
		case right:
			f.OK++
			f.Slowest = max(f.Slowest, o.took().Seconds())
		case held:
			f.Held++
		case refused:
			f.Refused++
		case broken:
			f.Broken++
		}
		if o.attempt > 1 {
			f.RunTwice++
		}
	}
	if took, before, ok := l.recovery(e.began, end); ok {
		f.Before, f.Recovery = before.Seconds(), took.Seconds()
	}
	return f
}

// happened is how many faults of each kind there were, for people.
func (r *TormentReport) happened() string {
	var counts []string
	for _, k := range kinds {
		n := 0
		for _, f := range r.Faults {
			if f.Kind == k.name {
				n++
			}
		}
		counts = append(counts, fmt.Sprintf("%d × %s", n, k.name))
	}
	return "faults: " + strings.Join(counts, ", ")
}

// Write writes the report for people.
func (r *TormentReport) Write(w io.Writer) {
	fmt.Fprintf(w, "faasd under faults: %d requests/s for %.0f s, seed %d; %s\n\n", r.Rate, r.Seconds, r.Seed, r.machine())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "at\tfault\tlasted\tended by\t200\theld\t503\tbroken\trun twice\tslowest\tp99 before\trecovery")
	for _, f := range r.Faults {
		before, recovery := "", "not before the next"
		if f.Recovery >= 0 {
			before, recovery = fmt.Sprintf("%.0f ms", 1000*f.Before), fmt.Sprintf("%.1f s", f.Recovery)
		}
		fmt.Fprintf(table, "%.1f s\t%s\t%.1f s\t%s\t%d\t%d\t%d\t%d\t%d\t%.2f s\t%s\t%s\n",
			f.At, f.What, f.Lasted, f.End, f.OK, f.Held, f.Refused, f.Broken, f.RunTwice, f.Slowest, before, recovery)
	}
	_ = table.Flush()
	fmt.Fprintf(w, "\n%s\n%s\n", r.happened(), &r.Tally)
	r.writeBehind(w, r.SentLate)
	fmt.Fprintf(w, "%d were answered by a second or later run\n", r.RunTwice)
	fmt.Fprint(w, explanation)
	r.writeBreaches(w)
}

const explanation = `
at: since the load began. lasted: until the part worked again, as far as can be seen from outside.
ended by: a killed part is started again after 2 s, a stopped one goes on after 5 s, a cut is healed after 5 s.
A cut closes nothing. What is sent through it is stalled until it is healed, and then flows on, or is lost as both
ends are reset.
200, held, 503, broken: how many requests ended so from this fault to the next.
held: no answer, as the connection broke with the killed frontend that had the request, or did not open before it
served again. 503: with Retry-After, from a frontend that was cut off from all others, or had started and not yet
found a broker. broken: anything else; each is told of below.
run twice: answered by a second or later run; runs whose result nobody got cannot be seen from outside.
slowest: of those answered 200, from when the request was to be sent.
p99 before: within this, 99 of 100 of the requests sent in the 3 s before the fault were answered.
recovery: from the fault to the first second from which on, for a second more, the 99th percentile of the requests
sent in a second is below 4 times p99 before; a request without an answer took for ever.
`
