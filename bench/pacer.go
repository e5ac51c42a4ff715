package main

import (
	"runtime"
	"syscall"
	"time"
)

// A pacer has vegeta send a request every interval. vegeta's own lets Go sleep, which wakes up to 1 ms late: more than an answer
// takes.
type pacer struct {
	interval time.Duration
	locked   bool // confined to vegeta's goroutine, which is on a thread of its own from the first request on
}

// Pace implements vegeta.Pacer: it returns when the next request is due, at once if that is over.
func (p *pacer) Pace(elapsed time.Duration, sent uint64) (time.Duration, bool) {
	if !p.locked {
		runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
		// The kernel would wait 50 µs longer than asked, to wake others at the same time.
		const setTimerSlack, least = 29, 1
		_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, least, 0)
		p.locked = true
	}
	if wait := p.due(sent) - elapsed; wait > 0 {
		duration := syscall.NsecToTimespec(int64(wait))
		_ = syscall.Nanosleep(&duration, nil) // a signal that ends it makes one request early
	}
	return 0, false
}

// due is when, after the beginning, the request is to be sent before which so many are.
func (p *pacer) due(sent uint64) time.Duration { return time.Duration(sent+1) * p.interval }

// Rate implements vegeta.Pacer; in requests/s.
func (p *pacer) Rate(time.Duration) float64 { return float64(time.Second) / float64(p.interval) }
