package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"faasd/internal/acceptance"
	"faasd/internal/config"
)

type test struct {
	target
	live    bool
	yes     bool
	which   []string
	verbose bool
	json    bool
	junit   string
	keep    bool

	tests []acceptance.Test // Validate's reading of which
}

func (c *test) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:    "test",
		Summary: "run the four acceptance tests, each on a system of its own",
		Description: "Each test starts its own system of separate faasd processes on free ports, with its logs in a temporary folder, and ends it. " +
			"The faasd is the one that FAASD_BIN names, else the one beside faasctl, else the one in PATH. What is judged is what can be seen from outside: " +
			"HTTP answers, the coordinator's bus, process ids.\n\n" + listTests(),
		Examples: []string{"faasctl test", "faasctl test 3 --verbose", "faasctl test 1 --keep", "faasctl test all --junit report.xml", "faasctl test 3 --live"},
	})
	s.Operands(&c.which, "[1|2|3|4|all]…", 0, -1).Complete(config.Fixed("1", "2", "3", "4", "all"))
	s.Bool(&c.verbose, "verbose", false, "add what each role has logged")
	s.Bool(&c.json, "json", false, "print JSON for programs")
	s.String(&c.junit, "junit", "", "FILE", "write a report in JUnit's format too").DefaultText("none")
	s.Bool(&c.keep, "keep", false, "leave the systems up until Ctrl-C, and say how to look at them")
	s.Bool(&c.live, "live", false, "run tests 1 and 3 on the running system that the settings below name; 3 kills the workers of one queue")
	s.Bool(&c.yes, "yes", false, "with --live: do not ask before something is killed")
	c.declare(s)
	return s
}

func listTests() string {
	var b strings.Builder
	for _, t := range acceptance.Tests() {
		fmt.Fprintf(&b, "  %d  %s\n", t.Number, t.Name)
	}
	return b.String()
}

func (c *test) Validate() error {
	c.tests = nil
	if c.live && (c.keep || c.verbose) {
		return config.Usagef("--keep and --verbose are for a system of the test's own: write them without --live")
	}
	if c.yes && !c.live {
		return config.Usagef("--yes goes with --live: nothing is asked without")
	}
	all := acceptance.Tests()
	if len(c.which) == 0 {
		c.which = []string{"all"}
	}
	for _, which := range c.which {
		n, err := strconv.Atoi(which)
		switch {
		case which == "all" && c.live:
			c.tests = append(c.tests, slices.DeleteFunc(slices.Clone(all), func(t acceptance.Test) bool { return !t.Live })...)
		case which == "all":
			c.tests = append(c.tests, all...)
		case err == nil && n >= 1 && n <= len(all) && c.live && !all[n-1].Live:
			return config.Usagef("test %d needs a system of its own: write it without --live", n)
		case err == nil && n >= 1 && n <= len(all):
			c.tests = append(c.tests, all[n-1])
		default:
			return config.Usagef("no test %q: write a number from 1 to %d, or all", which, len(all))
		}
	}
	return nil
}

func (c *test) Run(ctx context.Context, std config.Stdio) error {
	if c.live {
		return c.runLive(ctx, std)
	}
	bin, err := acceptance.Binary()
	if err != nil {
		return err
	}
	if dir, err := os.MkdirTemp("", "faasd-test-"); err != nil {
		return fmt.Errorf("cannot make a folder for the systems' logs: %w; set TMPDIR to a folder that this user may write to", err)
	} else if err := os.Remove(dir); err != nil {
		return err
	}
	return c.runAll(ctx, std, func(t acceptance.Test, observe func(acceptance.Step)) (acceptance.Result, func() error) {
		return t.Run(ctx, acceptance.Options{Bin: bin, Keep: c.keep, Logs: c.verbose, Observe: observe})
	})
}

// runAll runs the tests one after the other by do, and says what came of them.
func (c *test) runAll(ctx context.Context, std config.Stdio, do func(acceptance.Test, func(acceptance.Step)) (acceptance.Result, func() error)) error {
	junit, err := c.openJUnit()
	if err != nil {
		return err
	}
	out := newReporter(std, c.json)
	var results []acceptance.Result
	var kept []func() error
	began := time.Now()
	for _, t := range c.tests {
		if ctx.Err() != nil {
			break
		}
		out.begin(t)
		result, end := do(t, out.step)
		results, kept = append(results, result), append(kept, end)
		out.end(result)
	}
	took := time.Since(began)
	err = errors.Join(c.conclude(std.Out, results, took), writeJUnit(junit, results, took))
	failed := failures(results)
	switch {
	case err != nil || ctx.Err() != nil:
	case c.keep && slices.ContainsFunc(results, func(r acceptance.Result) bool { return r.System != nil }):
		if c.json {
			for _, r := range results {
				lookAt(std.Err, r)
			}
		}
		c.hold(ctx, std)
	}
	for _, end := range kept {
		err = errors.Join(err, end())
	}
	switch {
	case err != nil:
		return err
	case failed != "":
		return errors.New(failed)
	case len(results) < len(c.tests) || results[len(results)-1].State == acceptance.Stopped:
		return context.Cause(ctx)
	}
	return nil
}

// hold waits until somebody ends the command.
func (c *test) hold(ctx context.Context, std config.Stdio) {
	w := std.Out
	if c.json {
		w = std.Err
	}
	fmt.Fprintln(w, "Ctrl-C ends what was left up.")
	<-ctx.Done()
}

// conclude says what came of all tests.
func (c *test) conclude(w io.Writer, results []acceptance.Result, took time.Duration) error {
	if c.json {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			State      string              `json:"state"`
			TookMillis int64               `json:"took_ms"`
			Tests      []acceptance.Result `json:"tests"`
		}{overall(results), took.Milliseconds(), results})
	}
	if len(results) > 1 && overall(results) == acceptance.Passed {
		_, err := fmt.Fprintf(w, "%d tests passed in %s\n", len(results), seconds(took))
		return err
	}
	return nil
}

// overall is the worst state of the results.
func overall(results []acceptance.Result) string {
	state := acceptance.Passed
	for _, r := range results {
		switch {
		case r.State == acceptance.Failed:
			return r.State
		case r.State != acceptance.Passed:
			state = r.State
		}
	}
	return state
}

// failures names the tests that failed; "" if none did.
func failures(results []acceptance.Result) string {
	var numbers []string
	for _, r := range results {
		if r.State == acceptance.Failed {
			numbers = append(numbers, strconv.Itoa(r.Number))
		}
	}
	switch len(numbers) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("test %s failed", numbers[0])
	}
	return fmt.Sprintf("tests %s failed", strings.Join(numbers, ", "))
}

// lookAt says how to look at a system that was left up.
func lookAt(w io.Writer, r acceptance.Result) {
	if r.System == nil {
		return
	}
	self := "faasctl"
	if filepath.Base(os.Args[0]) == self {
		self = os.Args[0]
	}
	fmt.Fprintf(w, "  the system of test %d is left up; its logs are in %s\n", r.Number, r.Logs)
	fmt.Fprintf(w, "    curl -i -d hello %s/echo\n", r.System.HTTP)
	fmt.Fprintf(w, "    %s status --coordinator %s\n", self, strings.Join(r.System.Coordinators, ","))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
