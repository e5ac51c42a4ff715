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

// harmless is a report that meets every requirement.
func harmless() HarmReport {
	well := func(p99 float64) Tally { return Tally{Requests: 50, Answers: map[string]int{"200": 50}, P99: p99} }
	return HarmReport{
		Victim: well(0.02),
		Rows: []HarmRow{
			{Offence: "hangs", Proper: 1, Quiet: well(0.01), Harm: well(0.02), Times: 2},
		},
	}
}

func TestEachRequirementOfHarmIsJudged(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*HarmReport)
		unmet string
	}{
		{"all is well", func(*HarmReport) {}, ""},
		{"a request lost", func(r *HarmReport) { r.Victim.Answers["200"]-- }, "loses nothing"},
		{"no requests", func(r *HarmReport) { r.Victim = Tally{} }, "loses nothing"},
		{"slower", func(r *HarmReport) { r.Rows[0].Times = 2.1 }, "quiet value"},
		{"not measured", func(r *HarmReport) { r.Rows[0].Times = 0 }, "quiet value"},
		{"no proper answer", func(r *HarmReport) { r.Rows[0].Proper = 0 }, "proper answer"},
		{"sent late", func(r *HarmReport) { r.Victim.SentLateP99 = 0.05 }, "in time"},
		{"not sent", func(r *HarmReport) { r.Unsent = 1 }, "in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := harmless()
			c.spoil(&r)
			r.judge()
			for _, v := range r.Verdicts {
				if want := c.unmet == "" || !strings.Contains(v.Requirement, c.unmet); v.Met != want {
					t.Errorf("%q met: %t, want %t", v.Requirement, v.Met, want)
				}
			}
			if r.OK() != (c.unmet == "") {
				t.Errorf("OK: %t", r.OK())
			}
		})
	}
}
