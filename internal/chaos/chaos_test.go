package chaos

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The short form of `make chaos`: one fault of each of four kinds, none of
// which a client may notice but by its patience.
func TestFourFaultsInSeparateProcessesUnderLoad(t *testing.T) {
	t.Parallel()
	const s = time.Second
	dir := t.TempDir()
	bin := filepath.Join(dir, "faasd")
	if out, err := exec.Command("go", "build", "-o", bin, "faasd/cmd/faasd").CombinedOutput(); err != nil {
		t.Fatalf("building faasd: %v\n%s", err, out)
	}
	logs := t.TempDir()
	t.Cleanup(func() { quote(t, logs) })
	report, err := Run(context.Background(), Config{
		Bin: bin, Logs: logs, Duration: 24 * s, Rate: 200, Seed: uint64(time.Now().UnixNano()),
		Faults: []Fault{
			{At: 2 * s, Kind: Kill, Part: "worker3"},
			{At: 5 * s, Kind: Stop, Part: "queueB"},
			{At: 12 * s, Kind: Cut, Part: "broker1"},
			{At: 20 * s, Kind: Kill, Part: "coordinator1"},
		},
	})
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
	if len(report.Faults) != 4 {
		t.Errorf("%d faults have happened, want 4", len(report.Faults))
	}
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
