package node

import (
	"log/slog"
	"os"

	"golang.org/x/sys/unix"

	"faasd/internal/bus"
)

// giveWayUnderLoad has the process of a host give way to others while the host is
// saturated: under SCHED_BATCH, sched(7), a thread that wakes does not interrupt the
// one that runs on its processor. Roles on one machine otherwise interrupt each other for single
// packets, each of which is then sent and received alone: with 128 clients over
// tcp, 0.45 of a request's 2.1 thread switches (docs/BENCHMARKS.md). One that is not
// saturated must not give way: next to functions that compute it would be late for
// each packet. Neither must a process that starts functions, as they would inherit
// it. Where an operator has chosen another policy it stays.
func giveWayUnderLoad(h *bus.Host, log *slog.Logger) {
	if now, err := unix.SchedGetAttr(0, 0); err != nil || now.Policy != unix.SCHED_NORMAL {
		return
	}
	h.OnSaturation(func(saturated bool) {
		log.Debug("how full turns are has changed", "saturated", saturated)
		if saturated {
			setPolicy(unix.SCHED_NORMAL, unix.SCHED_BATCH)
		} else {
			setPolicy(unix.SCHED_BATCH, unix.SCHED_NORMAL)
		}
	})
}

// setPolicy changes the policy of those threads of this process that have the one
// to the other. It is for speed only: what the kernel refuses stays as it is.
func setPolicy(from, to uint32) {
	eachThread(os.Getpid(), func(tid int) (changed bool) {
		now, err := unix.SchedGetAttr(tid, 0)
		return err == nil && now.Policy == from && unix.SchedSetAttr(tid, &unix.SchedAttr{Policy: to, Nice: now.Nice}, 0) == nil
	})
}
