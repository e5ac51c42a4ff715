package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// entry is what /proc says of a process (proc_pid_stat(5)).
type entry struct {
	pid, parent    int
	group, session int
	tasks          int    // threads
	start          uint64 // when, in clock ticks since boot; with pid, an identity
	pages          int64  // resident
	dead           bool   // a zombie
}

// refresh is how long a process is taken for somebody else's without looking.
// Only one that has got the id of another that ended between two looks is taken
// for what it is not, and for that time.
const refresh = 2 * time.Second

// table finds descendants in /proc. Its owner is one goroutine.
type table struct {
	foreign   map[int]bool // processes that are no descendants and never become any
	refreshed time.Time
	buf       [1024]byte // more than a line of stat can have
}

// below returns the descendants of a process. whole is false if some may be
// missing, because a parent ended while we looked.
func (t *table) below(root int) (list []entry, whole bool, err error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, false, err
	}
	names, err := proc.Readdirnames(-1)
	_ = proc.Close()
	if err != nil {
		return nil, false, err
	}
	if time.Since(t.refreshed) > refresh {
		t.foreign, t.refreshed = make(map[int]bool), time.Now()
	}
	foreign := make(map[int]bool, len(names)) // without those that have ended
	seen := make(map[int]entry)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == root {
			continue
		}
		if t.foreign[pid] {
			foreign[pid] = true
		} else if e, ok := t.read(pid); ok {
			seen[pid] = e
		}
	}
	whole = true
	for pid, e := range seen {
		switch top, ok := climb(seen, e, root, foreign); {
		case ok:
			list = append(list, e)
		case top == 0 || foreign[top]:
			foreign[pid] = true
		default:
			whole = false
		}
	}
	t.foreign = foreign
	return list, whole, nil
}

// climb goes up from e to root, or to the last ancestor that is not in seen.
func climb(seen map[int]entry, e entry, root int, foreign map[int]bool) (top int, ok bool) {
	for range len(seen) + 1 { // ids that were used again can look like a circle
		if e.parent == root {
			return root, true
		}
		up, known := seen[e.parent]
		if !known || foreign[e.parent] {
			return e.parent, false
		}
		e = up
	}
	return e.pid, false
}

// read reads /proc/[pid]/stat: "pid (name) state ppid pgrp session …", where
// the name may itself hold spaces and brackets.
func (t *table) read(pid int) (entry, bool) {
	fd, err := syscall.Open("/proc/"+strconv.Itoa(pid)+"/stat", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return entry{}, false
	}
	n, err := syscall.Read(fd, t.buf[:])
	_ = syscall.Close(fd)
	if err != nil {
		return entry{}, false
	}
	return parseStat(pid, t.buf[:n])
}

func parseStat(pid int, line []byte) (entry, bool) {
	line = line[bytes.LastIndexByte(line, ')')+1:]
	var fields [22]int64 // from state, the third, to rss, the 24th
	i := 0
	e := entry{pid: pid}
	for field := range bytes.FieldsSeq(line) {
		if i == len(fields) {
			break
		}
		if i == 0 {
			e.dead = field[0] == 'Z' || field[0] == 'X'
		} else {
			fields[i], _ = strconv.ParseInt(string(field), 10, 64) // some are larger, none that is used
		}
		i++
	}
	e.parent, e.group, e.session = int(fields[1]), int(fields[2]), int(fields[3])
	e.tasks, e.start, e.pages = int(fields[17]), uint64(fields[19]), fields[21]
	return e, i == len(fields)
}

// statOf reads one process's entry.
func statOf(pid int) (entry, bool) { return new(table).read(pid) }

// share is how many bytes of memory a process uses, what it shares with others
// divided by their number: its proportional set size.
func share(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0 // it has ended
	}
	for line := range bytes.Lines(data) {
		if rest, ok := bytes.CutPrefix(line, []byte("Pss:")); ok {
			kB, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return kB << 10
		}
	}
	return 0
}
