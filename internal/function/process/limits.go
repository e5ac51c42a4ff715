package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Bounds of each function's process and of its tree.
const (
	MaxFiles = 1024 // files that a process may have open: RLIMIT_NOFILE
	MaxTasks = 1024 // processes and threads of a tree

	// Sample is how often memory and tasks are looked at where no cgroup
	// bounds them: a tree can pass its bounds by what it gets in that time.
	Sample = 100 * time.Millisecond

	// Linger is how long the rest of a tree may go on when its first process
	// has ended, so that what it has begun to write can be written.
	Linger = 100 * time.Millisecond
)

// Limits are those that are in force of the limits that depend on the system.
// All others always are: a session and a process group of its own, RLIMIT_NOFILE
// of [MaxFiles], no core files, death with the worker.
type Limits byte

// The limits that the system may or may not give.
const (
	KernelMemory  Limits = 1 << iota // memory by a cgroup; else it is sampled
	KernelTasks                      // processes and threads by a cgroup; else they are counted
	KernelKill                       // trees are killed as cgroups; else their processes are looked for
	NoPrivileges                     // no-new-privs: setuid programs give nothing
	FirstToBeFree                    // the kernel short of memory kills functions first: oom_score_adj
)

// String says it for people.
func (l Limits) String() string {
	choose := func(bit Limits, with, without string) string {
		if l&bit != 0 {
			return with
		}
		return without
	}
	return strings.Join([]string{
		choose(KernelMemory, "memory by cgroup", fmt.Sprintf("memory sampled every %v", Sample)),
		choose(KernelTasks, "processes by cgroup", fmt.Sprintf("processes counted every %v", Sample)),
		choose(KernelKill, "killed by cgroup", "killed one by one"),
		choose(NoPrivileges, "no new privileges", "new privileges possible"),
		choose(FirstToBeFree, "first to go when memory is short", "not preferred when memory is short"),
	}, ", ")
}

// Options of prctl(2), from <linux/prctl.h>.
const (
	prSetName           = 15
	prSetChildSubreaper = 36
	prSetNoNewPrivs     = 38
)

func prctl(option, value uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, option, value, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// limitSelf bounds this process, the guard, on whose main thread it runs: what
// it starts inherits that.
func limitSelf() (l Limits, err error) {
	if prctl(prSetNoNewPrivs, 1) == nil {
		l |= NoPrivileges
	}
	for resource, most := range map[int]uint64{syscall.RLIMIT_NOFILE: MaxFiles, syscall.RLIMIT_CORE: 0} {
		var r syscall.Rlimit
		if err := syscall.Getrlimit(resource, &r); err != nil {
			return 0, err
		}
		r.Max = min(r.Max, most)
		r.Cur = r.Max
		if err := syscall.Setrlimit(resource, &r); err != nil {
			return 0, err
		}
	}
	if preferVictim(os.Getpid(), ownAdjustment()) == nil {
		l |= FirstToBeFree
	}
	return l, nil
}

const worstAdjustment = 1000 // proc_pid_oom_score_adj(5)

func ownAdjustment() int {
	data, _ := os.ReadFile("/proc/self/oom_score_adj")
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return n
}

// preferVictim sets how early the kernel kills a process when memory is short.
func preferVictim(pid, adjustment int) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strconv.Itoa(adjustment))
	return err
}
