package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// places are a document's marks for the tables of two parts.
const places = "<!-- numbers: begin -->\nold\n<!-- numbers: end -->\n<!-- start: begin -->\nold\n<!-- start: end -->\n" +
	"<!-- budgets: begin --><!-- budgets: end --><!-- open: begin --><!-- open: end -->"

// runnable are the settings of a short run of the bare server in a folder of its own, where faasd is a program that fails.
func runnable(t *testing.T, parts ...string) settings {
	t.Helper()
	folder := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	write := func(name, content string) string {
		file := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(content), 0o700)); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, k := range functionKinds[1:] {
		write(k.path, "")
	}
	write("faasctl", "")
	return settings{
		faasd: write("faasd", "#!/bin/sh\necho no port >&2\nexit 1\n"), functions: folder,
		rounds: 1, seconds: 1, check: 50, clients: []int{2}, bodies: []int{len(echoBody)}, systems: []string{bareSystem}, parts: parts,
		json: filepath.Join(folder, "report.json"), markdown: write("docs.md", places),
	}
}

// nothingLeft fails the test if a run has left a process or a file.
func nothingLeft(t *testing.T) {
	t.Helper()
	children, err := processes()
	if err != nil || len(children[os.Getpid()]) > 0 {
		t.Errorf("processes %v are left, %v", children[os.Getpid()], err)
	}
	files, err := os.ReadDir(os.TempDir())
	if err != nil || len(files) > 0 {
		t.Errorf("files %v are left, %v", files, err)
	}
}

func written(t *testing.T, s settings) (r report, document string) {
	t.Helper()
	text, err := os.ReadFile(s.json)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(s.markdown)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(said)
}

func TestAPartThatFailsLeavesWhatWasMeasuredBefore(t *testing.T) {
	s := runnable(t, "compare", "start")
	err := run(t.Context(), s)
	if err == nil || !strings.Contains(err.Error(), "start: round 1 of 1: faasd-up ended before it printed where it listens") {
		t.Errorf("got %v", err)
	}
	r, document := written(t, s)
	if len(r.Results) != 1 || r.Results[0].RPS.Median <= 0 || len(r.Missing) != 1 || r.Missing[0].Part != "start" {
		t.Errorf("it has %+v, and of what is missing %+v", r.Results, r.Missing)
	}
	for _, wanted := range []string{"| 2 | bare net/http echo |", "INCOMPLETE: round 1 of 1: faasd-up ended", "it said: no port\n<!-- start: end -->"} {
		if !strings.Contains(document, wanted) {
			t.Errorf("there is no %q in\n%s", wanted, document)
		}
	}
	nothingLeft(t)
}

func TestAPartThatFailsDoesNotKeepOthersFromBeingMeasured(t *testing.T) {
	s := runnable(t, "compare", "start")
	s.systems = []string{bareSystem, upSystem} // the second does not start
	if err := run(t.Context(), s); err == nil || !strings.Contains(err.Error(), "compare: round 1 of 1: up:") || !strings.Contains(err.Error(), "start: ") {
		t.Errorf("got %v", err)
	}
	nothingLeft(t)
}

func TestARunThatIsEndedLeavesNothingBehindAndSaysWhatIsComplete(t *testing.T) {
	s := runnable(t, "compare", "start")
	s.systems, s.clients = []string{bareSystem, natsSystem}, []int{1, 2}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	interrupted := errors.New("interrupted")
	ended := make(chan error)
	go func() { ended <- run(ctx, s) }()
	// In the middle: wrk runs for the first time of those that are measured, after a warm-up of each system.
	seen := map[int]bool{}
	for len(seen) < 3 {
		select {
		case err := <-ended:
			t.Fatalf("it has ended: %v", err)
		case <-time.After(time.Millisecond):
		}
		children, err := processes()
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range children[os.Getpid()] {
			name, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
			if string(name) == "wrk\n" {
				seen[pid] = true
			}
		}
	}
	cancel(interrupted)
	if err := <-ended; !errors.Is(err, interrupted) {
		t.Errorf("got %v", err)
	}
	r, document := written(t, s)
	var parts []string
	for _, m := range r.Missing {
		parts = append(parts, m.Part)
	}
	if len(r.Floors) != 1 || !slices.Equal(parts, s.parts) || document != places {
		t.Errorf("floors %+v, missing %+v, the document is %s", r.Floors, r.Missing, document)
	}
	nothingLeft(t)
}
