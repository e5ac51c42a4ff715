package chaos

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A Report is what a run has found. Durations are in seconds.
type Report struct {
	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"` // that load was sent
	Rate     int       `json:"rate"`    // requests a second
	Seed     uint64    `json:"seed"`
	LoadAvg  [2]string `json:"loadavg"` // of the machine, before and after, the load itself included
	Cores    int       `json:"cores"`
	Logs     string    `json:"logs"` // the folder
	Requests int       `json:"requests"`

	Answers     map[string]int `json:"answers"` // by status, or why there is none
	P50         float64        `json:"p50"`     // of what was answered 200
	P99         float64        `json:"p99"`
	Slowest     float64        `json:"slowest"`
	RunTwice    int            `json:"run_twice"` // answered by an attempt above the first
	SentLate    float64        `json:"sent_late"` // by how much the load itself was late at most
	Faults      []FaultReport  `json:"faults"`
	Broken      int            `json:"broken"` // promises
	Breaches    []Breach       `json:"breaches"`
	Interrupted string         `json:"interrupted,omitempty"` // why it did not run to its end
}

// A FaultReport is what a fault did to the requests that ended after it and
// before the next.
type FaultReport struct {
	At       float64 `json:"at"`
	What     string  `json:"what"`
	Lasted   float64 `json:"lasted"` // until the part worked again
	End      string  `json:"end"`
	OK       int     `json:"ok"`
	Held     int     `json:"held"`    // no answer from a frontend that was killed
	Refused  int     `json:"refused"` // 503 from a frontend that starts or is cut off
	Broken   int     `json:"broken"`
	RunTwice int     `json:"run_twice"`
	Slowest  float64 `json:"slowest"`
	Before   float64 `json:"p99_before"` // of what was sent in the 3 s before; 0 if it did not recover
	Recovery float64 `json:"recovery"`   // -1: not before the next fault
}

// OK reports whether every promise was kept.
func (r *Report) OK() bool { return r.Broken == 0 && r.Interrupted == "" }

// report draws up what the load has seen until it ended.
func (l *load) report(seconds time.Duration) *Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &Report{
		Began: l.began, Seconds: seconds.Seconds(), Rate: l.rate, Seed: l.seed,
		Requests: len(l.outcomes), Answers: make(map[string]int), SentLate: l.lag.Seconds(),
		Broken: l.broken, Breaches: l.breaches,
	}
	all := newLatencies(l.outcomes)
	var took []time.Duration
	for i := range all {
		o := &all[i]
		r.Answers[o.class()]++
		if o.verdict == right {
			took = append(took, o.took())
		}
		if o.attempt > 1 {
			r.RunTwice++
		}
	}
	if len(took) > 0 {
		r.P50, r.P99 = percentile(0.5, took).Seconds(), percentile(0.99, took).Seconds()
		r.Slowest = took[len(took)-1].Seconds()
	}
	for i, e := range l.faults {
		end := seconds
		if i+1 < len(l.faults) {
			end = l.faults[i+1].began
		}
		r.Faults = append(r.Faults, all.fault(e, end, i+1 == len(l.faults)))
	}
	return r
}

// tooLate is by how much a load may be sent late before it proves little.
const tooLate = time.Second

// class is what an outcome is counted as.
func (o *outcome) class() string {
	switch {
	case o.verdict == held:
		return "none, held by the killed frontend"
	case o.status == 0:
		return "none"
	case o.verdict == broken && o.status == 200:
		return "200, wrong or late"
	}
	return fmt.Sprint(o.status)
}

func (l latencies) fault(e *event, end time.Duration, last bool) FaultReport {
	f := FaultReport{At: e.began.Seconds(), What: e.String(), Lasted: (e.over - e.began).Seconds(), End: e.how, Recovery: -1}
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

// Write writes the report for people.
func (r *Report) Write(w io.Writer) {
	fmt.Fprintf(w, "faasd under faults: %d requests/s for %.0f s, seed %d; %d cores, load of the machine %s before and %s after\n\n",
		r.Rate, r.Seconds, r.Seed, r.Cores, r.LoadAvg[0], r.LoadAvg[1])
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
	fmt.Fprintf(w, "\n%d requests, answered:", r.Requests)
	for i, status := range slices.Sorted(maps.Keys(r.Answers)) {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, " %d × %s", r.Answers[status], status)
	}
	fmt.Fprintf(w, "\n50th percentile %.1f ms, 99th %.1f ms, slowest %.2f s; sent late by %.0f ms at most\n",
		1000*r.P50, 1000*r.P99, r.Slowest, 1000*r.SentLate)
	if r.SentLate > tooLate.Seconds() {
		fmt.Fprintln(w, "This machine had no time for the load itself: what is said here is as much about it as about faasd.")
	}
	fmt.Fprintf(w, "%d were answered by a second or later run. Runs whose result nobody got cannot be seen from outside.\n", r.RunTwice)
	fmt.Fprint(w, explanation)
	r.writeBreaches(w)
}

const explanation = `
held: connection errors of requests that a killed frontend held, or that were sent to it before it served again.
503: with Retry-After, of a frontend that was cut off from all others, or had started and not yet found a broker.
recovery: from the fault to the first second from which on, for a second more, the 99th percentile of the requests
sent in a second is below 4 times that of the 3 s before the fault; a request without an answer took for ever.
`

func (r *Report) writeBreaches(w io.Writer) {
	if r.Interrupted != "" {
		fmt.Fprintf(w, "\nIt did not run to its end: %s.\n", r.Interrupted)
	}
	if r.Broken == 0 {
		fmt.Fprintln(w, "\nNo promise was broken.")
		return
	}
	fmt.Fprintf(w, "\n%d promises were broken; the parts' logs are in %s\n", r.Broken, r.Logs)
	for _, b := range r.Breaches {
		fmt.Fprintf(w, "  %7.2f s  ", b.Seconds)
		if b.Request > 0 {
			fmt.Fprintf(w, "request %d to %s, sent %s, job %s, after %.2f s: ",
				b.Request, b.Frontend, b.Sent.Format("15:04:05.000"), b.Job, b.Took)
		}
		fmt.Fprintf(w, "%s (%s)\n", b.What, b.During)
	}
	if more := r.Broken - len(r.Breaches); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}

// loadAverage is the machine's, of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
