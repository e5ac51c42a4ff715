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
	KernelShares                     // the processor is shared between trees by cgroups; else by sessions, if the kernel does, or between processes
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
		choose(KernelShares, "processor shared by cgroup", "processor shared by niceness"),
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
	return l, nil
}

// adjustment is this process's own oom_score_adj (proc_pid_oom_score_adj(5)),
// which what it starts inherits.
type adjustment struct {
	file  *os.File // nil: it cannot be changed
	usual string
}

// openAdjustment finds out whether it can be raised for a moment.
func openAdjustment() adjustment {
	f, err := os.OpenFile("/proc/self/oom_score_adj", os.O_RDWR, 0)
	if err != nil {
		return adjustment{}
	}
	b := make([]byte, 16)
	n, _ := f.ReadAt(b, 0) // a short read is the end of file
	a := adjustment{file: f, usual: strings.TrimSpace(string(b[:n]))}
	if a.raise() != nil || a.restore() != nil {
		_ = f.Close()
		return adjustment{}
	}
	return a
}

// raise makes whatever is started from here on the first to be killed when
// memory is short.
func (a adjustment) raise() error { return a.set("1000") }

// restore makes this process what it was.
func (a adjustment) restore() error { return a.set(a.usual) }

func (a adjustment) set(value string) error {
	if a.file == nil {
		return nil
	}
	_, err := a.file.WriteAt([]byte(value), 0)
	return err
}

// niceness is that of functions' processes: one that computes without end leaves
// the processor to faasd's own parts when they want it.
const niceness = 10

// lower has a process that was just started, and what it will start, go after
// others. It leads a session, and where the kernel shares processors by sessions
// (sched(7), autogroup) it is the session's niceness that counts. What cannot be
// lowered goes on as it is.
func lower(pid int) {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, pid, niceness)
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(strconv.Itoa(niceness)), 0)
}
