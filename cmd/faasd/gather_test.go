package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// processors are those that the threads of a process may run on; false if they are
// not the same for all.
func processors(pid int) (set unix.CPUSet, same bool, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return set, false, err
	}
	for i, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return set, false, err
		}
		var of unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &of); err != nil {
			return set, false, err
		}
		if i == 0 {
			set = of
		} else if set != of {
			return set, false, nil
		}
	}
	return set, true, nil
}

// Steps of a request that comes alone follow each other, so that on one processor they
// cost the least; of requests that come together they run side by side.
func TestUpAndItsWorkersAreOnOneProcessorWhileRequestsComeOneByOne(t *testing.T) {
	if runtime.NumCPU() < 2 || os.Getenv("GOMAXPROCS") != "" {
		t.Skip("there is one processor, or GOMAXPROCS is set")
	}
	var everyone unix.CPUSet
	if err := unix.SchedGetaffinity(0, &everyone); err != nil {
		t.Fatal(err)
	}
	s := startUp(t)
	s.awaitWorkers(3)
	// all waits until `up` and its workers have so many processors, the same.
	all := func(count int, meanwhile func()) {
		t.Helper()
		eventually(t, 2*patience, func() error {
			meanwhile()
			first, _, err := processors(s.leader.Pid())
			if err != nil {
				return err
			}
			for _, pid := range append(s.workers(), s.leader.Pid()) {
				set, same, err := processors(pid)
				if err != nil || !same || set != first || set.Count() != count {
					return fmt.Errorf("process %d may run on %d processors (the same for all: %v), %v; want %d", pid, set.Count(), same && set == first, err, count)
				}
			}
			return nil
		})
	}
	oneByOne := func() {
		for i := range 40 {
			s.mustEcho(fmt.Sprint("text ", i))
		}
	}
	all(1, oneByOne)
	old := s.workers()
	if err := syscall.Kill(old[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.awaitWorkers(3)
	all(1, oneByOne) // the new one, too

	all(everyone.Count(), func() {}) // nobody calls
	all(1, oneByOne)
	l := s.startLoad(16, 0)
	all(everyone.Count(), func() { l.answered(100) })
	l.finish()
	if l.failed() > 0 {
		t.Errorf("%d of %d requests were not answered: %v", l.failed(), l.sent, l.status)
	}
}
