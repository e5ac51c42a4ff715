package node

import (
	"log/slog"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"faasd/internal/bus"
)

// Scheduling policies of Linux, sched(7). A thread under schedBatch that wakes does
// not interrupt the one that runs on its processor; otherwise they are the same.
const (
	schedOther = 0
	schedBatch = 3
)

// giveWayUnderLoad has the process of a host give way to others while the host is
// saturated. Roles on one machine otherwise interrupt each other for single
// packets, each of which is then sent and received alone: with 128 clients over
// tcp, 0.45 of a request's 2.1 thread switches (docs/BENCHMARKS.md). One that is not
// saturated must not give way: next to functions that compute it would be late for
// each packet. Neither must a process that starts functions, as they would inherit
// it. Where an operator has chosen another policy it stays.
func giveWayUnderLoad(h *bus.Host, log *slog.Logger) {
	if policy, err := policyOf(0); err != nil || policy != schedOther {
		return
	}
	h.OnSaturation(func(saturated bool) {
		log.Debug("how full turns are has changed", "saturated", saturated)
		if saturated {
			setPolicy(schedOther, schedBatch)
		} else {
			setPolicy(schedBatch, schedOther)
		}
	})
}

// setPolicy changes the policy of those threads of this process that have the one
// to the other. Threads that begin meanwhile inherit one of them. It is for speed
// only: what the kernel refuses stays as it is.
func setPolicy(from, to int) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		if err != nil {
			continue
		}
		if policy, err := policyOf(tid); err == nil && policy == from {
			var param struct{ priority int32 } // 0, as both policies want it
			_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, uintptr(tid), uintptr(to), uintptr(unsafe.Pointer(&param)))
		}
	}
}

// policyOf is the scheduling policy of a thread, 0 for the caller's.
func policyOf(tid int) (policy int, err error) {
	r, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETSCHEDULER, uintptr(tid), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
