package chaos

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The short form of `make chaos`: one fault of each of the four kinds, each in
// another role, none of which a client may notice but by its patience.
func TestOneFaultOfEachKindInSeparateProcessesUnderLoad(t *testing.T) {
	t.Parallel()
	const s = time.Second
	torment := Torment{
		Setup: setup(t), Duration: 24 * s, Rate: 200,
		Faults: []Fault{
			{At: 2 * s, Kind: Kill, Part: "worker3"},
			{At: 5 * s, Kind: Stop, Part: "queueB"},
			{At: 11 * s, Kind: Cut, Part: "broker1"},
			{At: 17500 * time.Millisecond, Kind: Reset, Part: "coordinator1"},
		},
	}
	report, err := torment.Run(t.Context())
	if report == nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report.Write(&text)
	t.Log(text.String())
	if !report.OK() {
		t.Errorf("a promise was broken, see above; %v", err)
	}
	if got := report.Answers["200"]; got < 4700 || got != report.Requests {
		t.Errorf("%d of %d requests were answered 200, want all of 4800 or nearly", got, report.Requests)
	}
	var ends []string
	for _, f := range report.Faults {
		ends = append(ends, f.What+", "+f.End)
	}
	want := []string{
		"SIGKILL of worker3, a new start", "SIGSTOP of queueB, SIGCONT", "link cut of broker1, flowing on", "link cut of coordinator1, reset",
	}
	if !slices.Equal(ends, want) || report.happened() != "faults: 1 × SIGKILL, 1 × SIGSTOP, 1 × cut that flows on, 1 × cut that is reset" {
		t.Errorf("%s: %q, want %q", report.happened(), ends, want)
	}
}

// setup has faasd built, and its logs shown if the test fails.
func setup(t *testing.T) Setup {
	t.Helper()
	logs := t.TempDir()
	t.Cleanup(func() { quote(t, logs) })
	return Setup{Bin: build(t, "cmd/faasd"), Logs: logs, Seed: uint64(time.Now().UnixNano())}
}

// build builds a program of this module and returns its path.
func build(t *testing.T, pkg string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if out, err := exec.Command("go", "build", "-o", bin, "faasd/"+pkg).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return bin
}

// quote shows the end of each part's log of a test that has failed.
func quote(t *testing.T, logs string) {
	if !t.Failed() {
		return
	}
	files, _ := filepath.Glob(filepath.Join(logs, "*.log"))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			t.Logf("the end of %s:\n%s", filepath.Base(file), text[max(0, len(text)-3000):])
		}
	}
}
