package node

import (
	"debug/buildinfo"
	"os"
	"strconv"
	"strings"
	"syscall"

	"faasd/internal/config"
)

// The monitor of Go's runtime, a thread of its own, falls asleep whenever all
// processors are idle, and the next system call wakes it. A job crosses a role
// in steps of some 10 µs with nothing to do in between, so that nearly every step
// pays for that: with one client, 23 of the 55 thread switches of a request over
// tcp, and a quarter of its CPU (docs/BENCHMARKS.md). While the runtime is asked
// to print its scheduler's state now and then, the monitor goes by a timer, which
// it slows down to 10 ms when there is nothing to watch. It can be asked by the
// environment only, and before the program begins.
const (
	debugVariable = "GODEBUG"
	// awake asks for that state every 2³¹-1 ms, the longest time there is. That
	// makes a line on standard error in 25 days of the machine's, and one at the
	// beginning if the machine has been up for longer.
	awake = "schedtrace=2147483647"
	// asleep is for processes of which there may be many: each that is kept awake
	// costs 0.2 % of a processor while it has nothing to do.
	asleep = "schedtrace=0"
	// stderrVariable names the descriptor that is to be standard error.
	stderrVariable = config.Prefix + "STDERR_FD"
)

// KeepMonitorAwake begins the program again, in the same process, so that Go's
// monitor does not fall asleep; in the program that has begun so it tidies up and
// returns. Nothing else must have been done before. Where it does not work, the
// program goes on, and is only slower. What the user asks of the scheduler in
// GODEBUG is left to him.
func KeepMonitorAwake() {
	before := os.Getenv(debugVariable)
	switch own, begun := strings.CutSuffix(before, awake); {
	case begun:
		setDebug(strings.TrimSuffix(own, ","))
		restoreStderr()
	case !strings.Contains(before, "schedtrace="):
		setDebug(withDebug(awake))
		beginAgain()
		setDebug(before)
	}
}

// withDebug is GODEBUG with one more setting.
func withDebug(setting string) string {
	return strings.TrimPrefix(os.Getenv(debugVariable)+","+setting, ",")
}

// setDebug sets GODEBUG for those that this process starts.
func setDebug(value string) {
	if value == "" {
		_ = os.Unsetenv(debugVariable)
		return
	}
	_ = os.Setenv(debugVariable, value)
}

// beginAgain returns if it fails. Standard error is put aside until main, for the
// sake of the line that may come at the beginning.
func beginAgain() {
	bin, err := os.Executable()
	if err != nil {
		return
	}
	if _, err := buildinfo.ReadFile(bin); err != nil {
		return // it is the dynamic loader, which was told to start this program
	}
	null, err := syscall.Open(os.DevNull, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	stderr, err := syscall.Dup(syscall.Stderr)
	if err == nil {
		_ = os.Setenv(stderrVariable, strconv.Itoa(stderr))
		if err = syscall.Dup3(null, syscall.Stderr, 0); err == nil {
			_ = syscall.Exec(bin, os.Args, os.Environ())
		}
		restoreStderr()
	}
	_ = syscall.Close(null)
}

// restoreStderr makes standard error what it was before beginAgain.
func restoreStderr() {
	fd, err := strconv.Atoi(os.Getenv(stderrVariable))
	if err == nil && syscall.Dup3(fd, syscall.Stderr, 0) == nil {
		_ = syscall.Close(fd)
	}
	_ = os.Unsetenv(stderrVariable)
}
