package proc_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/proc"
)

func TestMain(m *testing.M) {
	if behaviour := os.Getenv(fakeVariable); behaviour != "" {
		os.Exit(fake(behaviour, os.Args[1:]))
	}
	// Else each fake program of a -race build sleeps a second before it ends.
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

// deadline bounds every wait of these tests; reaching it is a failure.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// start starts the fake program with a behaviour.
func start(t *testing.T, behaviour string, args ...string) *proc.Process {
	t.Helper()
	p, err := proc.Start(deadline(t), proc.Spec{
		Name: behaviour, Bin: os.Args[0], Args: args, Env: []string{fakeVariable + "=" + behaviour},
		LogFile: filepath.Join(t.TempDir(), "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.KillGroup() })
	return p
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q has no %q", err, part)
		}
	}
}

func TestReadyAndHTTPComeFromStandardOutput(t *testing.T) {
	p := start(t, "frontend-lines")
	r, err := p.Ready(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.Role != "frontend" || r.Name != "frontend1" || r.Links["replies"] != "tcp://127.0.0.1:8008" {
		t.Errorf("ready = %+v", r)
	}
	url, err := p.HTTP(deadline(t))
	if err != nil || url != "http://127.0.0.1:3000" {
		t.Errorf("HTTP = %q, %v", url, err)
	}
	if err := p.Stop(deadline(t)); err != nil {
		t.Error(err)
	}
}

func TestEndBeforeReadyIsAnErrorWithStatusAndLog(t *testing.T) {
	p := start(t, "fail")
	_, err := p.Ready(deadline(t))
	wantError(t, err, "fail exited before its ready line", "exit status 7", "no such luck")
	if !errors.Is(err, proc.ErrExited) {
		t.Errorf("%v is not ErrExited", err)
	}
	_, err = p.HTTP(deadline(t))
	wantError(t, err, "before serving HTTP")
	if code := p.ExitCode(); code != 7 {
		t.Errorf("exit code %d", code)
	}
	wantError(t, p.Wait(deadline(t)), "exit status 7")
}

func TestBadReadyLineIsAnError(t *testing.T) {
	_, err := start(t, "bad-ready").Ready(deadline(t))
	wantError(t, err, "want name= once and first")
}

func TestWaitForReadyEndsWithTheContext(t *testing.T) {
	p := start(t, "silent")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	_, err := p.Ready(ctx)
	wantError(t, err, "wait for its ready line of silent", "enough")
}

func TestOutputIsLogged(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	for range 2 { // the second time appends
		p, err := proc.Start(deadline(t), proc.Spec{Bin: os.Args[0], Env: []string{fakeVariable + "=fail"}, LogFile: log})
		if err != nil {
			t.Fatal(err)
		}
		_ = p.Wait(deadline(t))
		if got := p.Tail(1); got != "no such luck" && got != "trying" {
			t.Errorf("tail = %q", got)
		}
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"trying\n", "no such luck\n"} {
		if n := strings.Count(string(data), line); n != 2 {
			t.Errorf("%q is %d times in the log, want 2:\n%s", line, n, data)
		}
	}
}

func TestStartNamesWhatItCannotStart(t *testing.T) {
	_, err := proc.Start(deadline(t), proc.Spec{Bin: "/nonexistent/faasd"})
	wantError(t, err, "start faasd", "no such file")
	_, err = proc.Start(deadline(t), proc.Spec{Bin: os.Args[0], LogFile: "/nonexistent/log"})
	wantError(t, err, "/nonexistent/log", "no such file")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = proc.Start(ctx, proc.Spec{Bin: os.Args[0]}); !errors.Is(err, context.Canceled) {
		t.Errorf("start after the context's end: %v", err)
	}
}

func TestChildrenInheritNoSettings(t *testing.T) {
	t.Setenv("FAASD_HTTP", ":1")
	t.Setenv("OTHER", "kept")
	p, err := proc.Start(deadline(t), proc.Spec{Bin: os.Args[0], Env: []string{fakeVariable + "=env", "FAASD_NAME=x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Tail(1), `HTTP="" NAME="x" OTHER="kept"`; got != want {
		t.Errorf("child sees %s, want %s", got, want)
	}
}

func TestStop(t *testing.T) {
	t.Run("waits for the end", func(t *testing.T) {
		p := start(t, "frontend-lines")
		ready(t, p)
		if err := p.Stop(deadline(t)); err != nil {
			t.Fatal(err)
		}
		<-p.Exited()
		if p.ExitCode() != 0 || !strings.Contains(p.Tail(5), "bye") {
			t.Errorf("code %d, log %q", p.ExitCode(), p.Tail(5))
		}
	})
	t.Run("reaches a paused process", func(t *testing.T) {
		p := start(t, "frontend-lines")
		ready(t, p)
		if err := p.Pause(); err != nil {
			t.Fatal(err)
		}
		if err := p.Stop(deadline(t)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("kills at the context's end", func(t *testing.T) {
		p := start(t, "stubborn")
		ready(t, p)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("no time"))
		wantError(t, p.Stop(ctx), "stubborn did not stop and was killed", "no time")
		<-p.Exited()
	})
	t.Run("is content with a process that has ended", func(t *testing.T) {
		p := start(t, "fail")
		<-p.Exited()
		if err := errors.Join(p.Stop(deadline(t)), p.Kill(), p.KillGroup()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("tells of a failure while stopping", func(t *testing.T) {
		p := start(t, "fail-at-stop")
		ready(t, p)
		wantError(t, p.Stop(deadline(t)), "exit status 9")
	})
}

func TestKillReachesTheProcessOnlyAndKillGroupItsChildren(t *testing.T) {
	p := start(t, "parent-of-sleeper") // the sleeper has no lifeline and no Pdeathsig
	ready(t, p)
	children, err := p.Descendants()
	if err != nil || len(children) != 1 {
		t.Fatalf("children = %v, %v", children, err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(children[0], 0); err != nil {
		t.Fatalf("the child went with its parent: %v", err)
	}
	if err := p.KillGroup(); err != nil {
		t.Fatal(err)
	}
	if err := proc.WaitGone(deadline(t), children...); err != nil {
		t.Fatal(err)
	}
}

func TestWaitGoneNamesWhoStays(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := start(t, "silent")
	wantError(t, proc.WaitGone(ctx, p.Pid()), "still run")
}

// A paused process answers nothing, and all of it after it was resumed.
func TestPauseAndResume(t *testing.T) {
	p := start(t, "counter")
	ready(t, p)
	for range 3 {
		if err := p.Pause(); err != nil {
			t.Fatal(err)
		}
		if state := state(t, p.Pid()); state != "T" {
			t.Fatalf("state %s after Pause", state)
		}
		if err := p.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Stop(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Pause(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Pause of an ended process: %v", err)
	}
}

func ready(t *testing.T, p *proc.Process) proc.Ready {
	t.Helper()
	r, err := p.Ready(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// state returns the kernel's letter for the state of a process.
func state(t *testing.T, pid int) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	return rest[:1]
}

func TestUsageIsThatOfTheProcess(t *testing.T) {
	p := start(t, "frontend-lines")
	ready(t, p)
	u, err := p.Usage()
	if err != nil || u.Resident < 1<<20 || u.Peak < u.Resident || u.Threads < 1 || u.Descriptors < 4 {
		t.Errorf("it uses %+v, %v", u, err)
	}
	if err := p.Stop(deadline(t)); err != nil {
		t.Fatal(err)
	}
	_, err = p.Usage()
	wantError(t, err, "see what frontend-lines uses")
}
