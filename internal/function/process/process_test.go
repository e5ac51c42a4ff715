package process

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
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

// limit bounds every wait of these tests; reaching it is a failure.
const limit = 20 * time.Second

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

func await(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("waited %v for %s", limit, what)
	}
}

// output is what a process has written so far.
type output struct {
	mu      sync.Mutex
	written sync.Cond
	buf     bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.written.Broadcast()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// lines waits until there is a line that begins with each of the words, and
// returns the words of all lines.
func (o *output) lines(t testing.TB, first ...string) (lines [][]string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	timer := time.AfterFunc(limit, o.written.Broadcast)
	defer timer.Stop()
	for until := time.Now().Add(limit); ; o.written.Wait() {
		lines = nil
		for line := range strings.Lines(o.buf.String()) {
			if strings.HasSuffix(line, "\n") {
				lines = append(lines, strings.Fields(line))
			}
		}
		if !slices.ContainsFunc(first, func(word string) bool {
			return !slices.ContainsFunc(lines, func(words []string) bool { return slices.Contains(words[:min(1, len(words))], word) })
		}) {
			return lines
		}
		if time.Now().After(until) {
			t.Fatalf("waited %v for lines with %q, there is %q", limit, first, o.buf.String())
		}
	}
}

// shell starts a script.
func shell(t testing.TB, g *Guard, script string, memory int64) (*Process, *output) {
	t.Helper()
	out := &output{}
	out.written.L = &out.mu
	p, err := g.Start(Spec{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=" + DefaultPath},
		Dir: t.TempDir(), Memory: memory, Stdout: out, Stderr: out})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, out
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
	inherited, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	defer theirs.Close()
	_ = inherited.Fd()
	g := newGuard(t)
	p, out := shell(t, g, `ulimit -n; ulimit -Hn; ulimit -c; env | grep -v -e ^FAASD_TREE -e ^PWD= -e ^_= -e ^SHLVL; `+
		`exec ls -U /proc/self/fd | sort -n | tr '\n' ' '`, 0)
	await(t, "its output", p.Drained())
	// ls sees its own folder open.
	if want := "1024\n1024\n0\nPATH=" + DefaultPath + "\n0 1 2 3 "; out.String() != want {
		t.Errorf("it sees %q, want %q", out.String(), want)
	}
	limits, err := g.Limits()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(limits)
	p, out = shell(t, g, "grep NoNewPrivs /proc/self/status; echo score $(cat /proc/self/oom_score_adj)", 0)
	await(t, "its output", p.Drained())
	want := map[Limits]string{0: "0", NoPrivileges: "1"}[limits&NoPrivileges]
	if lines := out.lines(t, "NoNewPrivs:", "score"); lines[0][1] != want || limits&FirstToBeFree != 0 && lines[1][1] != "1000" {
		t.Errorf("it sees %v where %v", lines, limits)
	}
}

func TestOutputIsCopiedAndInputIsRead(t *testing.T) {
	g := newGuard(t)
	body, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	p, err := g.Start(Spec{Path: "/bin/sh", Args: []string{"-c", "pwd >&2; cat; cat nothing >&2"}, Env: []string{"PATH=" + DefaultPath},
		Dir: "/usr/bin", Stdin: body, Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		t.Fatal(err)
	}
	_ = body.Close()
	text := strings.Repeat("0123456789", 100000)
	if _, err := io.WriteString(feed, text); err != nil {
		t.Fatal(err)
	}
	_ = feed.Close()
	await(t, "its output", p.Drained())
	if stdout.String() != text {
		t.Errorf("%d bytes came back of %d", stdout.Len(), len(text))
	}
	if got := stderr.String(); !strings.HasPrefix(got, "/usr/bin\ncat: ") {
		t.Errorf("on standard error %q", got)
	}
}

func TestWhatCannotBeStartedIsSaid(t *testing.T) {
	g := newGuard(t)
	for _, c := range []struct {
		name string
		spec Spec
		want string
	}{
		{"no program", Spec{Path: "/nonexistent/program", Dir: "/"}, "start /nonexistent/program: no such file"},
		{"no folder", Spec{Path: "/bin/sh", Dir: "/nonexistent"}, "start /bin/sh: no such file"},
		{"not a program", Spec{Path: "/etc/passwd", Dir: "/"}, "permission denied"},
		{"a zero byte", Spec{Path: "/bin/sh", Dir: "/", Args: []string{"a\x00b"}}, `"a\x00b" has a zero byte`},
		{"too long", Spec{Path: "/bin/sh", Dir: "/", Args: []string{strings.Repeat("x", 200<<10)}}, "argument list too long"},
		{"far too long", Spec{Path: "/bin/sh", Dir: "/", Args: []string{strings.Repeat("x", maxBody)}}, errTooLong.Error()},
	} {
		_, err := g.Start(c.spec)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	// The guard is none the worse.
	p, _ := shell(t, g, "exit 3", 0)
	await(t, "the end of another", p.Exited())
	if p.ExitCode() != 3 {
		t.Errorf("another ended with %s", p.Ended())
	}
}

func TestManyAreStartedAtOnce(t *testing.T) {
	g := newGuard(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for j := range 5 {
				var out bytes.Buffer
				want := fmt.Sprintf("%d of %d\n", i, j)
				p, err := g.Start(Spec{Path: "/bin/echo", Args: []string{strings.TrimSpace(want)}, Dir: "/", Stdout: &out})
				if err != nil {
					t.Error(err)
					return
				}
				<-p.Exited()
				<-p.Drained()
				if out.String() != want || p.ExitCode() != 0 {
					t.Errorf("%q and %s, want %q", out.String(), p.Ended(), want)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	await(t, "a hundred processes", done)
}

func TestTerminateReachesTheGroup(t *testing.T) {
	g := newGuard(t)
	p, out := shell(t, g, `trap 'echo asked; exit 4' TERM; sleep 600 & echo ready; wait`, 0)
	out.lines(t, "ready")
	p.Terminate()
	await(t, "its end", p.Exited())
	await(t, "the end of its child, which holds the output open", p.Drained())
	if p.ExitCode() != 4 || out.String() != "ready\nasked\n" {
		t.Errorf("it ended with %s and said %q", p.Ended(), out)
	}
}

func TestAWriterThatFailsEndsTheReading(t *testing.T) {
	g := newGuard(t)
	p, err := g.Start(Spec{Path: "/bin/sh", Args: []string{"-c", "yes"}, Env: []string{"PATH=" + DefaultPath}, Dir: "/", Stdout: newHead(100)})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "its end by SIGPIPE", p.Exited())
	await(t, "the end of the reading", p.Drained())
}

func TestAGuardThatDoesNotAnswerIsReplaced(t *testing.T) {
	g := newGuard(t)
	g.patience = 100 * time.Millisecond
	if _, err := g.Limits(); err != nil { // it runs
		t.Fatal(err)
	}
	if err := syscall.Kill(g.link.cmd.Process.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p, err := g.Start(Spec{Path: "/bin/true", Dir: "/"})
	if err != nil {
		t.Fatalf("nothing is started: %v", err)
	}
	await(t, "what another guard has started", p.Exited())
}

func TestAClosedGuardStartsNothing(t *testing.T) {
	g := NewGuard(slog.New(slog.DiscardHandler))
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Start(Spec{Path: "/bin/true", Dir: "/"}); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("it says %v", err)
	}
	if _, err := g.Limits(); err == nil {
		t.Error("it has limits")
	}
}
