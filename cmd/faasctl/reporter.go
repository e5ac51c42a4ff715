package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"faasd/internal/acceptance"
	"faasd/internal/config"
)

// A reporter says what happens in a test, while it happens.
type reporter interface {
	begin(t acceptance.Test)
	step(s acceptance.Step)
	end(r acceptance.Result)
}

// newReporter returns what suits the output: JSON is printed at the end only,
// a terminal shows the step under way, anything else gets plain lines. So do
// terminals whose user wants no colour or that know no escape codes.
func newReporter(std config.Stdio, json bool) reporter {
	if json {
		return silence{}
	}
	f, ok := std.Out.(interface{ Fd() uintptr })
	if !ok || !isTerminal(std.Out) || std.Env("NO_COLOR") != "" || std.Env("TERM") == "" || std.Env("TERM") == "dumb" {
		return &lines{out: std.Out}
	}
	return &screen{out: std.Out, width: func() int {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
		return 80
	}}
}

type silence struct{}

func (silence) begin(acceptance.Test) {}
func (silence) step(acceptance.Step)  {}
func (silence) end(acceptance.Result) {}

// lines prints one line for each step that has ended, and lines of what was
// seen in it.
type lines struct{ out io.Writer }

// verdicts are the states as lines say them.
var verdicts = map[string]string{acceptance.Passed: "ok", acceptance.Failed: "FAILED", acceptance.Stopped: "stopped"}

func (l *lines) begin(t acceptance.Test) {
	fmt.Fprintf(l.out, "test %d: %s\n", t.Number, t.Name)
}

func (l *lines) step(s acceptance.Step) {
	if s.State == acceptance.Running {
		return
	}
	fmt.Fprintf(l.out, "  %-7s %8s  %s\n", verdicts[s.State], millis(s.TookMillis), s.Text)
	for _, line := range said(s) {
		fmt.Fprintf(l.out, "                    %s\n", line)
	}
}

func (l *lines) end(r acceptance.Result) {
	printEnd(l.out, r)
}

// said is what there is to say of a step: what was seen and, of one that
// failed, what was expected.
func said(s acceptance.Step) []string {
	text := slices.Clone(s.Evidence)
	if s.State == acceptance.Failed {
		text = append(text, "expected: "+s.Expected)
		text = append(text, strings.Split("seen: "+s.Seen, "\n")...)
	}
	return text
}

// printEnd says what came of a test and what is left of it.
func printEnd(w io.Writer, r acceptance.Result) {
	printLogs(w, r)
	switch {
	case r.State == acceptance.Failed && r.System == nil && r.Logs != "":
		fmt.Fprintf(w, "  failed after %s; the logs are in %s\n", millis(r.TookMillis), r.Logs)
	case r.State == acceptance.Passed:
		fmt.Fprintf(w, "  passed in %s\n", millis(r.TookMillis))
	default:
		fmt.Fprintf(w, "  %s after %s\n", r.State, millis(r.TookMillis))
	}
	lookAt(w, r)
}

// printLogs prints what the roles have logged, if the result has it.
func printLogs(w io.Writer, r acceptance.Result) {
	for _, name := range slices.Sorted(maps.Keys(r.RoleLogs)) {
		fmt.Fprintf(w, "  log of %s:\n", name)
		for line := range strings.Lines(r.RoleLogs[name]) {
			fmt.Fprintf(w, "    %s\n", strings.TrimRight(line, "\n"))
		}
	}
}

func millis(ms int64) string { return seconds(time.Duration(ms) * time.Millisecond) }
