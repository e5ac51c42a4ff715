package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"time"

	"faasd/internal/acceptance"
)

// The parts of JUnit's report format that its readers agree on.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"` // seconds
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitOutcome `xml:"failure"`
		Skipped *junitOutcome `xml:"skipped"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitOutcome struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// openJUnit opens the report's file, nil if none is wanted, so that one that
// cannot be written is known before anything is started.
func (c *test) openJUnit() (*os.File, error) {
	if c.junit == "" {
		return nil, nil
	}
	f, err := os.Create(c.junit)
	if err != nil {
		return nil, fmt.Errorf("--junit: %w: name a file that can be written", err)
	}
	return f, nil
}

// writeJUnit writes the report and closes the file.
func writeJUnit(f *os.File, results []acceptance.Result, took time.Duration) error {
	if f == nil {
		return nil
	}
	text, err := xml.MarshalIndent(junit(results, took), "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(f, "%s%s\n", xml.Header, text)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return nil
}

func junit(results []acceptance.Result, took time.Duration) junitSuites {
	suite := junitSuite{Name: "faasd acceptance", Tests: len(results), Time: junitTime(took.Milliseconds())}
	for _, r := range results {
		c := junitCase{Class: "acceptance", Name: fmt.Sprintf("%d: %s", r.Number, r.Name), Time: junitTime(r.TookMillis)}
		var out bytes.Buffer
		text := &lines{out: &out}
		for _, s := range r.Steps {
			text.step(s)
		}
		printLogs(&out, r)
		c.Output = "\n" + out.String()
		switch r.State {
		case acceptance.Failed:
			suite.Failures++
			last := r.Steps[len(r.Steps)-1]
			c.Failure = &junitOutcome{
				Message: last.Text,
				Text:    fmt.Sprintf("expected: %s\nseen: %s\nlogs: %s", last.Expected, last.Seen, r.Logs),
			}
		case acceptance.Stopped:
			suite.Skipped++
			c.Skipped = &junitOutcome{Message: "stopped before its end"}
		}
		suite.Cases = append(suite.Cases, c)
	}
	return junitSuites{Suite: suite}
}

func junitTime(ms int64) string { return fmt.Sprintf("%.3f", float64(ms)/1000) }
