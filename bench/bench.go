package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// The parts of a run, by the names that they have in flags and in JSON.
const (
	comparePart = "compare"
	lambdaPart  = "lambda"
	growthPart  = "growth"
	startPart   = "start"
	screenPart  = "screen"
	unitsPart   = "units"
)

// parts are all, in their order. The last has a document of its own, and is measured only where it is asked for.
var parts = []struct {
	name    string
	measure func(*bench, context.Context, *report) error
}{
	{comparePart, (*bench).compare},
	{lambdaPart, (*bench).lambda},
	{growthPart, (*bench).growth},
	{startPart, (*bench).start},
	{screenPart, (*bench).screen},
	{unitsPart, (*bench).units},
}

func partNames() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// run measures what is wanted, and prints and writes it. What was measured before something failed or ctx ended is in the tables,
// with a line that says what is missing and why.
func run(ctx context.Context, s settings) (err error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk is missing; install it, on Debian and Ubuntu with  apt-get install wrk")
	}
	program, err := filepath.Abs(s.faasd)
	if err != nil {
		return err
	}
	functions, err := filepath.Abs(s.functions)
	if err != nil {
		return err
	}
	needs := []string{program, faasctl(program)}
	for _, k := range functionKinds[1:] {
		needs = append(needs, filepath.Join(functions, k.path))
	}
	for _, needed := range needs {
		if _, err := exec.LookPath(needed); err != nil {
			return fmt.Errorf("what is measured: %w; build it with  make bench", err)
		}
	}
	folder, err := os.MkdirTemp("", "faasd-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	b := &bench{settings: s, starter: newStarter(folder, program, functions)}
	report := report{Taken: time.Now().UTC(), Build: s.build, Machine: thisMachine(ctx), Rounds: s.rounds, Seconds: s.seconds}
	err = b.measureParts(ctx, &report)
	err = errors.Join(err, b.late)
	for _, t := range report.tables() {
		fmt.Print("\n" + t.text())
	}
	if ctx.Err() != nil { // a document is not to lose what it has to a run that somebody ended
		s.markdown, s.plot = "", ""
	}
	err = errors.Join(err, report.write(s.json, s.markdown, s.plot))
	if lost := report.failures(); lost > 0 {
		err = errors.Join(err, fmt.Errorf("%d requests were lost or answered wrongly; nothing may be", lost))
	}
	return err
}

// measureParts measures one part after the other. One that fails does not keep those after it from being measured; that ctx has
// ended does.
func (b *bench) measureParts(ctx context.Context, r *report) (failed error) {
	for _, part := range parts {
		if !slices.Contains(b.parts, part.name) {
			continue
		}
		err := context.Cause(ctx)
		if err == nil {
			err = part.measure(b, ctx, r)
		}
		if err == nil {
			continue
		}
		r.Missing = append(r.Missing, missing{part.name, err.Error()})
		if ctx.Err() == nil || failed == nil { // that it ended is said once
			failed = errors.Join(failed, fmt.Errorf("%s: %w", part.name, err))
		}
	}
	return failed
}

// faasctl is the program beside faasd.
func faasctl(faasd string) string { return filepath.Join(filepath.Dir(faasd), "faasctl") }

// A bench is one run.
type bench struct {
	settings
	starter *starter
	late    error // processes that had to be killed; the numbers stand, the run fails
}
