package proc_test

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/proc"
)

func lockThread() { runtime.LockOSThread() }

// However the starting program dies, what it started dies too: by Pdeathsig
// ("silent" watches nothing) or by the lifeline.
func TestKilledStarterLeavesNothing(t *testing.T) {
	p := start(t, "starter", "silent", "holder", "silent")
	var pids []int
	for text := range strings.SplitSeq(ready(t, p).Links["pids"], ",") {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	// The threads that asked for the start have ended, and no child with them.
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err != nil {
			t.Fatalf("child %d died with the thread that asked for it: %v", pid, err)
		}
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := proc.WaitGone(deadline(t), pids...); err != nil {
		t.Fatal(err)
	}
}

// The lifeline alone, without Pdeathsig, ends a process.
func TestLifelineAloneEndsAProcess(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{fakeVariable + "=holder", config.LifelineVariable + "=3"}
	cmd.ExtraFiles = []*os.File{r}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("ended with %s, want the exit of its own accord", cmd.ProcessState)
	}
}

func TestEndedProcessesLeaveNoGoroutine(t *testing.T) {
	warm := start(t, "fail") // the starter's goroutine stays
	_ = warm.Wait(deadline(t))
	before := settled(t, 0)
	for range 10 {
		p := start(t, "frontend-lines")
		ready(t, p)
		if err := p.Stop(deadline(t)); err != nil {
			t.Fatal(err)
		}
	}
	if after := settled(t, before); after > before {
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before:\n%s", after, before, buf[:runtime.Stack(buf, true)])
	}
}

// settled returns the number of goroutines once it is at most want, or has not
// changed for a while.
func settled(t *testing.T, want int) int {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	n, same := runtime.NumGoroutine(), 0
	for same < 40 && n > want {
		<-ticker.C
		if now := runtime.NumGoroutine(); now == n {
			same++
		} else {
			n, same = now, 0
		}
	}
	return n
}
