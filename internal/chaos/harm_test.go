package chaos

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The short form of `make harm`: what holds on a machine of any speed.
func TestAFunctionThatBehavesBadlyHarmsNoOther(t *testing.T) {
	h := Harm{Setup: setup(t), Guest: buildGuest(t), Rate: 50, Quiet: 100 * time.Millisecond, Duration: 700 * time.Millisecond, Output: 128 << 20}
	report, err := h.Run(t.Context())
	if report == nil || err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	report.Write(&text)
	t.Log(text.String())
	if !report.Run.OK() {
		t.Error("a promise was broken, see above")
	}
	if len(report.Rows) != len(offences(1)) {
		t.Errorf("%d offences were committed, want %d", len(report.Rows), len(offences(1)))
	}
	for _, row := range report.Rows {
		t.Run(row.Offence, func(t *testing.T) {
			switch {
			case row.Proper == 0:
				t.Errorf("%d calls, none of which ended with %s", row.Calls, row.Ends)
			case row.Left != "":
				t.Error(row.Left)
			case row.Harm.Requests == 0 || row.Quiet.lost()+row.Harm.lost() > 0:
				t.Errorf("the victim had %d requests, answered %v", row.Harm.Requests, row.Harm.Answers)
			}
		})
	}
	if report.Victim.lost() > 0 {
		t.Errorf("%d of the victim's %d requests were lost", report.Victim.lost(), report.Victim.Requests)
	}
}

// buildGuest builds what is deployed, without C, so that it needs nothing.
func buildGuest(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "guest")
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", bin, "faasd/internal/chaos/guest")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the guest: %v\n%s", err, out)
	}
	return bin
}
