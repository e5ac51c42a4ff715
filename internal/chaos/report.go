package chaos

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Run is what is told of every experiment. Durations are in seconds.
type Run struct {
	Began       time.Time `json:"began"`
	Seconds     float64   `json:"seconds"` // that load was sent
	Seed        uint64    `json:"seed"`
	LoadAvg     [2]string `json:"loadavg"` // of the machine, before and after, the load itself included
	Cores       int       `json:"cores"`
	Logs        string    `json:"logs"`   // the folder
	Unsent      int       `json:"unsent"` // requests that were not sent because too many were under way
	Broken      int       `json:"broken"` // promises
	Breaches    []Breach  `json:"breaches"`
	Interrupted string    `json:"interrupted,omitempty"` // why it did not run to its end
}

// OK reports whether it ran to its end and every promise was kept.
func (r *Run) OK() bool { return r.Broken == 0 && r.Interrupted == "" }

// Kept reports whether every promise was kept as far as it went.
func (r *Run) Kept() bool { return r.Broken == 0 }

// ran is what is told of an experiment that has ended, with err if it had to.
func (s *Setup) ran(x *subject, loadBefore string, lasted time.Duration, err error, loads ...*load) Run {
	r := Run{
		Began: x.ledger.began, Seconds: lasted.Seconds(), Seed: s.Seed, Cores: runtime.NumCPU(), Logs: s.Logs,
		LoadAvg: [2]string{loadBefore, loadAverage()},
	}
	for _, l := range loads {
		l.mu.Lock()
		r.Unsent += l.unsent
		l.mu.Unlock()
	}
	x.ledger.mu.Lock()
	r.Broken, r.Breaches = x.ledger.broken, x.ledger.breaches
	x.ledger.mu.Unlock()
	if err != nil {
		r.Interrupted = err.Error()
	}
	return r
}

// machine says where it ran.
func (r *Run) machine() string {
	return fmt.Sprintf("%d cores, load of the machine %s before and %s after", r.Cores, r.LoadAvg[0], r.LoadAvg[1])
}

// tooLate is by how much a load may be sent late before it proves little.
const tooLate = time.Second

// writeBehind tells of a load that was not what it was to be.
func (r *Run) writeBehind(w io.Writer, late float64) {
	if late > tooLate.Seconds() || r.Unsent > 0 {
		fmt.Fprintf(w, "This machine had no time for the load itself (%d requests were not sent): what is said here is as much about it as about faasd.\n", r.Unsent)
	}
}

// toldBreaches is how many broken promises people are told of in full.
const toldBreaches = 20

func (r *Run) writeBreaches(w io.Writer) {
	if r.Interrupted != "" {
		fmt.Fprintf(w, "\nIt did not run to its end: %s.\n", r.Interrupted)
	}
	switch {
	case r.Broken == 0 && r.Interrupted != "":
		fmt.Fprintln(w, "No answer broke a promise until then.")
		return
	case r.Broken == 0:
		fmt.Fprintln(w, "\nNo answer broke a promise, and nothing was left.")
		return
	}
	fmt.Fprintf(w, "\n%d promises were broken; the parts' logs are in %s\n", r.Broken, r.Logs)
	told := r.Breaches[:min(len(r.Breaches), toldBreaches)]
	for _, b := range told {
		fmt.Fprintf(w, "  %7.2f s  ", b.Seconds)
		if b.Request > 0 {
			fmt.Fprintf(w, "request %d to %s of %s, sent %s, job %s, after %.2f s: ",
				b.Request, b.Function, b.Frontend, b.Sent.Format("15:04:05.000"), b.Job, b.Took)
		}
		fmt.Fprintf(w, "%s (%s)\n", strings.TrimSpace(b.What), b.During)
	}
	if more := r.Broken - len(told); more > 0 {
		fmt.Fprintf(w, "  and %d more; --json tells of %d\n", more, len(r.Breaches))
	}
}

// A Verdict is a requirement, and whether it was met.
type Verdict struct {
	Requirement string `json:"requirement"`
	Met         bool   `json:"met"`
	TooShort    bool   `json:"too_short,omitempty"` // the run, to judge it
	Found       string `json:"found"`
}

// met reports whether all requirements are met that could be judged.
func met(verdicts []Verdict) bool {
	return !slices.ContainsFunc(verdicts, func(v Verdict) bool { return !v.Met && !v.TooShort })
}

func writeVerdicts(w io.Writer, verdicts []Verdict) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range verdicts {
		judged := "NOT MET"
		switch {
		case v.Met:
			judged = "met"
		case v.TooShort:
			judged = "too short to judge"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", judged, v.Requirement, v.Found)
	}
	_ = table.Flush()
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

// loadAverage is the machine's, of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
