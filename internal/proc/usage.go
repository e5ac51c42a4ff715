package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Usage is what a process uses of the machine at a moment.
type Usage struct {
	Resident    int64 // bytes
	Peak        int64 // bytes, the most that were ever resident
	Threads     int
	Descriptors int
}

// Usage reads what the process uses, from /proc; an error if it has ended.
func (p *Process) Usage() (u Usage, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return Usage{}, fmt.Errorf("see what %s uses: %w", p.name, err)
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))
	if err != nil {
		return Usage{}, fmt.Errorf("see what %s uses: %w", p.name, err)
	}
	const kB = 1024 // what proc_pid_status(5) means by it
	u = Usage{
		Resident: kB * statusField(status, "VmRSS"), Peak: kB * statusField(status, "VmHWM"),
		Threads: int(statusField(status, "Threads")), Descriptors: len(descriptors),
	}
	if u.Resident == 0 {
		return Usage{}, fmt.Errorf("see what %s uses: %w", p.name, os.ErrProcessDone) // a zombie
	}
	return u, nil
}

// statusField returns a number of /proc/[pid]/status, "VmRSS:	  1234 kB"; 0 if
// it is not there.
func statusField(status []byte, name string) int64 {
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.Fields(text + " 0")[0], 10, 64)
			return n
		}
	}
	return 0
}
