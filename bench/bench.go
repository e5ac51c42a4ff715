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

// parts are those of a run, in their order.
var parts = []struct {
	name    string
	measure func(*bench, context.Context, *report) error
}{
	{"compare", (*bench).compare},
	{"lambda", (*bench).lambda},
	{"growth", (*bench).growth},
	{"start", (*bench).start},
	{"screen", (*bench).screen},
}

func partNames() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

func run(ctx context.Context, s settings) error {
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
	for _, needed := range []string{program, faasctl(program), filepath.Join(functions, "lambda", "bootstrap")} {
		if _, err := exec.LookPath(needed); err != nil {
			return fmt.Errorf("what is measured: %w; build it with  make bench", err)
		}
	}
	folder, err := os.MkdirTemp("", "faasd-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()

	b := &bench{settings: s, starter: newStarter(folder, program, functions)}
	report := report{Taken: time.Now().UTC(), Build: s.build, Machine: thisMachine(ctx), Rounds: s.rounds, Seconds: s.seconds}
	for _, part := range parts {
		if slices.Contains(s.parts, part.name) {
			if err := part.measure(b, ctx, &report); err != nil {
				return errors.Join(err, b.late)
			}
		}
	}
	for _, t := range report.tables() {
		fmt.Print("\n" + t.text())
	}
	if err := report.write(s.json, s.markdown, s.plot); err != nil {
		return err
	}
	if lost := report.failures(); lost > 0 {
		return fmt.Errorf("%d requests were lost or answered wrongly; nothing may be", lost)
	}
	return b.late
}

// faasctl is the program beside faasd.
func faasctl(faasd string) string { return filepath.Join(filepath.Dir(faasd), "faasctl") }

// A bench is one run.
type bench struct {
	settings
	starter *starter
	late    error // processes that had to be killed; the numbers stand, the run fails
}
