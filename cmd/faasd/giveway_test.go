package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"faasd/internal/proc"
)

// policies counts the threads of a process by scheduling policy.
func policies(pid int) (threads map[uint32]int, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	threads = make(map[uint32]int)
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return nil, err
		}
		attr, err := unix.SchedGetAttr(tid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		threads[attr.Policy]++
	}
	return threads, nil
}

// crowd has all threads of a process run on one processor only, the first that this
// test may use: together with others there, it is soon given more than it can carry.
func crowd(t *testing.T, pid int) {
	t.Helper()
	var mine, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mine); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if mine.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if tid, err := strconv.Atoi(task.Name()); err == nil {
			_ = unix.SchedSetaffinity(tid, &one) // a thread that has ended is no matter
		}
	}
}

// Who carries more than it can interrupts nobody for single packets: that costs
// all of them a fifth of what they can carry. One with less to do must not wait
// for others.
func TestProcessesGiveWayWhileTheyAreSaturated(t *testing.T) {
	s := startReport(t, proc.Layout{})
	for _, pid := range s.processes() {
		crowd(t, pid)
	}
	// all waits until each thread of the parts has the policy.
	all := func(policy uint32, parts ...string) {
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
	all(unix.SCHED_NORMAL, "frontend1", "broker1")
	l := s.startLoad(256, 0)
	all(unix.SCHED_BATCH, "broker1")
	l.finish()
	all(unix.SCHED_NORMAL, "frontend1", "broker1", "queueA", "queueB", "queueC", "coordinator1")
	if l.failed() > 0 {
		t.Errorf("%d of %d requests were not answered: %v", l.failed(), l.sent, l.status)
	}
}
