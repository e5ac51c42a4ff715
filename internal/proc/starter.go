package proc

import (
	"runtime"
	"sync"
)

// starter is the work of a thread that lives as long as the program. The
// kernel sends Pdeathsig when the thread that forked ends, not when the
// process does (prctl(2), golang/go#27505), and the Go runtime ends threads as
// it likes, except for one that is locked to a goroutine which never returns.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// onStarter runs f on the thread that lives as long as the program.
func onStarter(f func() error) error {
	done := make(chan error)
	starter() <- func() { done <- f() }
	return <-done
}
