package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// newer are keys that systemd knows from version 254 on. Older ones say so and go on without: they start a part again
// each second, and functions are bounded by faasd instead of by the kernel.
var newer = []string{"RestartSteps", "RestartMaxDelaySec", "DelegateSubgroup"}

// analyze finds systemd-analyze and its version.
func analyze(t *testing.T) int {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "--version").Output()
	if err != nil {
		t.Skipf("systemd-analyze is not there (Debian: apt-get install systemd): %v", err)
	}
	m := regexp.MustCompile(`^systemd (\d+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("systemd-analyze --version: %s", out)
	}
	version, _ := strconv.Atoi(string(m[1]))
	return version
}

// installed puts the units where they name programs that are there.
func installed(t *testing.T) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for _, u := range append(units(t, "service"), units(t, "target")...) {
		path := filepath.Join(dir, u.name)
		text := strings.ReplaceAll(u.text, "/usr/local/bin/", bin+"/")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func TestSystemdUnderstandsTheUnits(t *testing.T) {
	version := analyze(t)
	out, err := exec.Command("systemd-analyze", append([]string{"verify"}, installed(t)...)...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze verify: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "faasd") || version < 254 && tells(line, newer) {
			continue // of other units of this machine, or of what is known
		}
		t.Error(strings.TrimSpace(line))
	}
}

func tells(line string, keys []string) bool {
	for _, key := range keys {
		if strings.Contains(line, "'"+key+"'") {
			return true
		}
	}
	return false
}

// What they may do is weighed by systemd itself, from 0 to 10; parts that run functions may do a little more.
func TestTheUnitsAreHardened(t *testing.T) {
	if analyze(t) < 250 {
		t.Skip("this systemd-analyze looks at running units alone")
	}
	for _, path := range installed(t) {
		if !strings.HasSuffix(path, ".service") {
			continue
		}
		most := "15" // in tenths: 1.5 of 10
		if name := filepath.Base(path); strings.Contains(name, "worker") || strings.Contains(name, "up") {
			most = "27"
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold="+most, "--no-pager", path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(path), err, out)
		}
	}
}
