package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime is the processor time that processes have used since they started, all threads together.
func cpuTime(pids ...int) (sum time.Duration, err error) {
	for _, pid := range pids {
		// A process's CPU clock, as clock_getcpuclockid(3) names it: to the ns, where /proc counts hundredths of a second.
		const scheduled = 2
		clock := int32(^pid<<3 | scheduled)
		var used syscall.Timespec
		if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&used)), 0); errno != 0 {
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, errno)
		}
		sum += time.Duration(used.Nano())
	}
	return sum, nil
}

// pids are a system's processes, with all that they have started.
func (s *system) pids() (pids []int, err error) {
	for _, p := range s.processes {
		pids = append(pids, p.cmd.Process.Pid)
	}
	children, err := processes()
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(pids); i++ { // pids grows meanwhile
		pids = append(pids, children[pids[i]]...)
	}
	return pids, nil
}

// processes are those of this machine, by the one that started them.
func processes() (children map[int][]int, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children = map[int][]int{}
	for _, file := range all {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// PID (NAME) STATE PARENT …, and a name may have spaces and parentheses.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		parent, errParent := strconv.Atoi(string(fields[1]))
		pid, errPID := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err := errors.Join(errParent, errPID); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		children[parent] = append(children[parent], pid)
	}
	return children, nil
}

// cpu is the processor time that a system's processes have used since they started; that of those that have ended is not in it.
func (s *system) cpu() (used time.Duration, err error) {
	const tries = 10 // functions' processes come and go: one may end after it was found
	for range tries {
		var pids []int
		if pids, err = s.pids(); err != nil {
			return 0, err
		}
		if used, err = cpuTime(pids...); err == nil {
			return used, nil
		}
	}
	return 0, err
}

// A usage is what processes used while something was measured.
type usage struct {
	cpu  time.Duration
	wall time.Duration
}

// share is how much of one core that is, in %.
func (u usage) share() float64 { return 100 * u.cpu.Seconds() / u.wall.Seconds() }

// A meter reads the CPU time of groups of processes twice.
type meter struct {
	groups [][]int
	began  time.Time
	before []time.Duration
}

func startMeter(groups ...[]int) (*meter, error) {
	m := &meter{groups: groups, began: time.Now()}
	var err error
	m.before, err = m.read()
	return m, err
}

func (m *meter) read() (used []time.Duration, err error) {
	for _, pids := range m.groups {
		cpu, err := cpuTime(pids...)
		if err != nil {
			return nil, err
		}
		used = append(used, cpu)
	}
	return used, nil
}

// stop returns what each group has used since the start.
func (m *meter) stop() (used []usage, err error) {
	after, err := m.read()
	if err != nil {
		return nil, err
	}
	wall := time.Since(m.began)
	for i, cpu := range after {
		used = append(used, usage{cpu - m.before[i], wall})
	}
	return used, nil
}
