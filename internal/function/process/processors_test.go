package process

import (
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFunctionsHaveAllProcessorsThoughTheWorkerHasOne: `up` may have its worker
// gathered on one while the guard is started.
func TestFunctionsHaveAllProcessorsThoughTheWorkerHasOne(t *testing.T) {
	if ours.Count() < 2 {
		t.Skip("this process may run on one processor only")
	}
	var one unix.CPUSet
	for n := 0; one.Count() == 0; n++ {
		if ours.IsSet(n) {
			one.Set(n)
		}
	}
	// The guard is started from this thread, which then ends.
	guard := newGuard(t)
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.SchedSetaffinity(0, &one)
		if err == nil {
			_, err = guard.Limits()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	_, out := shell(t, guard, "echo processors $(nproc)", 0)
	if lines := out.lines(t, "processors"); lines[0][1] != strconv.Itoa(ours.Count()) {
		t.Errorf("a function has %s processors, want %d", lines[0][1], ours.Count())
	}
}
