package node

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// removed is the argument of a program that removes its own file first.
const removed = "removed"

// debugged is a program that keeps Go's monitor awake. It tells what the runtime
// has been told, what those that it starts would be told, and that it can be heard.
func debugged() {
	if os.Args[len(os.Args)-1] == removed {
		_ = os.Remove(os.Args[0])
	}
	KeepMonitorAwake()
	_, stderr := os.LookupEnv(stderrVariable)
	fmt.Printf("here %q, passed on %q, stderr named: %v, arguments %q", began(debugVariable), os.Getenv(debugVariable), stderr, os.Args[1:])
	fmt.Fprint(os.Stderr, "heard")
	os.Exit(0)
}

// began is what this process had in its environment when the program began.
func began(name string) string {
	environ, _ := os.ReadFile("/proc/self/environ")
	for entry := range strings.SplitSeq(string(environ), "\x00") {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

func TestTheMonitorIsKeptAwakeHereAndNotInWhatIsStartedFromHere(t *testing.T) {
	for _, c := range []struct{ name, set, here, passedOn string }{
		{"nothing is set", "", awake, ""},
		{"something else is set", "madvdontneed=1", "madvdontneed=1," + awake, "madvdontneed=1"},
		{"the user has the scheduler traced", "schedtrace=0", "schedtrace=0", "schedtrace=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bin, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), bin, "debugged", "as it was")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if cmd.Env = os.Environ(); c.set != "" {
				cmd.Env = append(cmd.Env, debugVariable+"="+c.set)
			}
			out, err := cmd.Output()
			want := fmt.Sprintf("here %q, passed on %q, stderr named: false, arguments %q", c.here, c.passedOn, []string{"debugged", "as it was"})
			if err != nil || string(out) != want || stderr.String() != "heard" {
				t.Errorf("it said %q, and %q on standard error, %v; want %q", out, &stderr, err, want)
			}
		})
	}
}

func TestAProgramThatCannotBeginAgainGoesOn(t *testing.T) {
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.WriteFile(gone, program, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), gone, "debugged", removed)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(out), `here "", passed on "", stderr named: false`) || stderr.String() != "heard" {
		t.Errorf("it said %q, and %q on standard error, %v", out, &stderr, err)
	}
}
