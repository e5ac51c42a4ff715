package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"faasd/internal/operator"
	"faasd/internal/registry"
)

// document reads one of the repository's.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	transcript = regexp.MustCompile("(?s)<!-- transcript -->\n```\n(.*?)```\n<!-- end -->")
	printedAt  = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3}  \S+  …[0-9A-Z]{6}`)
)

// What README.md shows of deploying is done as it stands, but for the port, and
// prints what it shows.
func TestWhatTheReadmeDeploysIsDeployed(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed; scripts/deps --test installs it")
	}
	found := transcript.FindStringSubmatch(document(t, "README.md"))
	if found == nil {
		t.Fatal("README.md has no transcript")
	}
	dir, url := startWithWorkers(t)
	here := t.TempDir()
	if err := os.Symlink(filepath.Dir(binary(t, "faasctl")), filepath.Join(here, "bin")); err != nil {
		t.Fatal(err)
	}
	const shown = "http://127.0.0.1:3000"
	var got strings.Builder
	for line := range strings.Lines(found[1]) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command, shown, url))
		cmd.Dir, cmd.Env = here, environ("FAASD_DATA="+dir)
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v: %s", command, err, &said)
		}
		got.WriteString(line)
		got.WriteString(strings.ReplaceAll(string(out), url, shown))
	}
	alike := func(text string) string { return printedAt.ReplaceAllString(normal(sizes(text)), "WHEN  WHO  JOB") }
	if alike(got.String()) != alike(found[1]) {
		t.Errorf("README.md shows\n%s\nand this is printed\n%s", found[1], &got)
	}
}

func TestTheProjectInTheDocumentsCanBeRead(t *testing.T) {
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(document(t, "docs/FUNCTIONS.md"))
	if found == nil {
		t.Fatal("docs/FUNCTIONS.md has no YAML")
	}
	p, err := registry.ParseProject(registry.ProjectFile, []byte(found[1]))
	if err != nil || len(p.Functions) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestTheDocumentsHaveEveryExitCode(t *testing.T) {
	text := document(t, "docs/OPERATING.md")
	for _, c := range program().Codes {
		if !strings.Contains(text, fmt.Sprintf("\n| %d | ", c.Number)) {
			t.Errorf("docs/OPERATING.md has no exit code %d (%s)", c.Number, c.Meaning)
		}
	}
}

// A longer kind would push what stands right of it out of its column.
func TestEveryKindOfEventFitsItsColumn(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `event/.*$").FindString(document(t, "docs/PROTOCOL.md"))
	kinds := regexp.MustCompile("`([a-z]+(?:-[a-z]+)*)`").FindAllStringSubmatch(row, -1)
	if len(kinds) < 20 {
		t.Fatalf("docs/PROTOCOL.md has few kinds: %q", kinds)
	}
	for _, kind := range kinds {
		var line strings.Builder
		if err := printEvent(&line, operator.Event{Kind: kind[1], Name: "queueA"}, time.UTC); err != nil {
			t.Fatal(err)
		}
		if at := strings.Index(line.String(), "queueA"); at != len("1970-01-01 00:00:00.000  INFO  ")+kindWidth+2 {
			t.Errorf("behind %s the columns go on at %d:\n%s", kind[1], at, &line)
		}
	}
}
