package node

import (
	"bytes"
	"net/http"
	"runtime"
	"runtime/pprof"
	"testing"
)

// A system that was started, used and stopped leaves no goroutine behind.
func TestUpThatHasStoppedLeavesNoGoroutine(t *testing.T) {
	once := func() {
		r, url := up(t, settings(t))
		echo(t, url, "body")
		r.end()
		http.DefaultClient.CloseIdleConnections()
	}
	once() // starts what the process has once and for all
	before := runtime.NumGoroutine()
	for range 2 {
		once()
	}
	defer func() {
		if t.Failed() {
			var stacks bytes.Buffer
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Logf("%d goroutines after the first run, now:\n%s", before, &stacks)
		}
	}()
	within(t, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= before })
}
