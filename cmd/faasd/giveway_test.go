package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"

	"faasd/internal/proc"
)

// Policies of threads, sched(7): those under policyBatch do not interrupt others.
const (
	policyOther = 0
	policyBatch = 3
)

// policies counts the threads of a process by scheduling policy.
func policies(pid int) (threads map[int]int, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	threads = make(map[int]int)
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return nil, err
		}
		policy, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETSCHEDULER, uintptr(tid), 0, 0)
		if errno == syscall.ESRCH {
			continue // it has ended
		}
		if errno != 0 {
			return nil, errno
		}
		threads[int(policy)]++
	}
	return threads, nil
}

// Who carries more than it can interrupts nobody for single packets: that costs
// all of them a fifth of what they can carry. One with less to do must not wait
// for others, and neither must a worker and, after it, its functions.
func TestProcessesGiveWayWhileTheyAreSaturated(t *testing.T) {
	s := startReport(t, proc.Layout{})
	// all waits until each thread of the parts has the policy.
	all := func(policy int, parts ...string) {
		t.Helper()
		eventually(t, 2*patience, func() error {
			for _, name := range parts {
				threads, err := policies(s.part(name).Pid())
				if err != nil {
					return err
				}
				if len(threads) != 1 || threads[policy] == 0 {
					return fmt.Errorf("threads of %s by policy are %v, want all to have %d", name, threads, policy)
				}
			}
			return nil
		})
	}
	all(policyOther, "frontend1", "broker1")
	l := s.startLoad(256, 0)
	all(policyBatch, "broker1")
	for _, pid := range s.workers() {
		if threads, err := policies(pid); err != nil || threads[policyBatch] != 0 {
			t.Errorf("threads of a worker by policy are %v, %v; want none that gives way", threads, err)
		}
	}
	l.finish()
	all(policyOther, "frontend1", "broker1", "queueA", "queueB", "queueC", "coordinator1")
	if l.failed() > 0 {
		t.Errorf("%d of %d requests were not answered: %v", l.failed(), l.sent, l.status)
	}
}
