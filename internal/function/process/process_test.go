package process

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
	if behaviour := os.Getenv(fakeVariable); behaviour != "" {
		os.Exit(fake(behaviour, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// newGuard makes a guard that is closed with the test.
func newGuard(t testing.TB) *Guard {
	g := NewGuard(slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// patienceOfTests bounds every wait; reaching it is a failure.
const patienceOfTests = 20 * time.Second

func await(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patienceOfTests):
		t.Fatalf("waited %v for %s", patienceOfTests, what)
	}
}

// shell starts a script; its output is in the buffer once it is drained.
func shell(t testing.TB, g *Guard, script string, memory int64) (*Process, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	p, err := g.Start(Spec{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"},
		Dir: t.TempDir(), Memory: memory, Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, &out
}

func TestAProcessSaysHowItEnded(t *testing.T) {
	g := newGuard(t)
	for _, c := range []struct {
		script, ended string
		code          int
	}{
		{"exit 0", "exit status 0", 0},
		{"exit 7", "exit status 7", 7},
		{"kill -SEGV $$", "signal: segmentation fault", -1},
	} {
		p, _ := shell(t, g, c.script, 0)
		await(t, "its end", p.Exited())
		if p.Ended() != c.ended || p.ExitCode() != c.code || p.OutOfMemory() {
			t.Errorf("%s: %s, code %d, out of memory %v", c.script, p.Ended(), p.ExitCode(), p.OutOfMemory())
		}
	}
}

func TestAProcessHasItsLimitsAndNothingOfTheWorkers(t *testing.T) {
	t.Setenv("SECRET", "of the worker")
	g := newGuard(t)
	p, out := shell(t, g, `ulimit -n; ulimit -Hn; ulimit -c; env | grep -v -e ^FAASD_TREE -e ^PWD= -e ^_= -e ^SHLVL; `+
		`ls /proc/self/fd | wc -l; grep NoNewPrivs /proc/self/status; cat /proc/self/oom_score_adj; ps -o sid= -p $$`, 0)
	await(t, "its output", p.Drained())
	await(t, "its end", p.Exited())
	t.Log(out, p.Ended())
	got := strings.Fields(out.String())
	want := strings.Fields("1024 1024 0 PATH=/usr/bin:/bin 4 NoNewPrivs: 1 1000")
	if len(got) < len(want) || strings.Join(got[:len(want)], " ") != strings.Join(want, " ") {
		t.Errorf("it sees %q, want %q", got, want)
	}
}
