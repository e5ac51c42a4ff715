package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// memory is what processes hold resident, in bytes, where each page that several processes share counts in equal parts for
// each of them (PSS, see proc_pid_smaps(5)). One that has ended holds nothing.
func memory(pids ...int) (sum int, err error) {
	for _, pid := range pids {
		file := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		kilobytes, err := parsePSS(text)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		sum += kilobytes << 10
	}
	return sum, nil
}

// parsePSS returns the kilobytes in the line  Pss:  1234 kB.
func parsePSS(rollup []byte) (int, error) {
	for line := range bytes.Lines(rollup) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "Pss:" {
			return strconv.Atoi(string(fields[1]))
		}
	}
	return 0, fmt.Errorf("it has no line Pss: %.200q", rollup)
}
