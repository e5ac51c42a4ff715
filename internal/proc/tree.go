package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lookAgain is how often /proc is asked again for what it cannot announce.
const lookAgain = 5 * time.Millisecond

// Descendants returns the ids of the process's children, their children, and
// so on, at this moment.
func (p *Process) Descendants() ([]int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, file := range files {
		pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
		if state, parent, ok := readStat(pid); ok && state != 'Z' {
			children[parent] = append(children[parent], pid)
		}
	}
	var found []int
	for next := children[p.Pid()]; len(next) > 0; {
		found = append(found, next...)
		var further []int
		for _, pid := range next {
			further = append(further, children[pid]...)
		}
		next = further
	}
	return found, nil
}

// WaitGone waits until none of the processes runs any more. They need not be
// children of this one. The error names those that still run.
func WaitGone(ctx context.Context, pids ...int) error {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	left := slices.Clone(pids)
	for {
		left = slices.DeleteFunc(left, func(pid int) bool {
			state, _, ok := readStat(pid)
			return !ok || state == 'Z' || state == 'X'
		})
		if len(left) == 0 {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("processes %v still run: %w", left, context.Cause(ctx))
		}
	}
}

// readStat returns the state letter and the parent of a process from
// /proc/[pid]/stat (proc_pid_stat(5)): "pid (name) state ppid …", where the
// name may itself hold spaces and brackets.
func readStat(pid int) (state byte, parent int, ok bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 2 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return fields[0][0], parent, err == nil
}
