package process

import (
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// killAll sends SIGKILL to processes and to the groups that they are in. A
// group is killed as one: none of it can fork away meanwhile. Function
// processes have sessions of their own, so that their groups, and those which
// they can make, hold nobody else.
func killAll(list []entry) {
	own := syscall.Getpgrp()
	groups := make(map[int]bool)
	for _, e := range list {
		if !groups[e.group] && e.group != own && e.group > 1 {
			groups[e.group] = true
			_ = syscall.Kill(-e.group, syscall.SIGKILL)
		}
	}
	for _, e := range list {
		_ = syscall.Kill(e.pid, syscall.SIGKILL)
	}
}

const (
	// patience is how long a process that has been killed is waited for; only
	// one that waits in the kernel for a disk takes longer than a moment.
	patience = 5 * time.Second
	pause    = 2 * time.Millisecond
)

// guards are the guard processes of this process, of all its Guards.
var guards = struct {
	mu   sync.Mutex
	pids map[int]bool
}{pids: make(map[int]bool)}

// killAdopted kills what this process, a subreaper, got from a guard that has
// ended: its children, and all below them, that are in another session. It has
// no others but guards, because what it starts itself stays in its session.
func killAdopted() {
	self := os.Getpid()
	own, _ := statOf(self)
	var procs table
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(pause) {
		guards.mu.Lock() // none may start between the look and the kill
		list, whole, err := procs.below(self)
		var left []entry
		for _, top := range list {
			switch {
			case top.parent != self || top.session == own.session || guards.pids[top.pid]:
			case top.dead:
				_, _ = syscall.Wait4(top.pid, nil, syscall.WNOHANG, nil)
			default:
				left = append(left, subtree(list, top)...)
			}
		}
		killAll(left)
		guards.mu.Unlock()
		if err != nil || len(left) == 0 && whole {
			return
		}
	}
}

// subtree returns top and all of the list below it.
func subtree(list []entry, top entry) []entry {
	children := make(map[int][]entry)
	for _, e := range list {
		children[e.parent] = append(children[e.parent], e)
	}
	found := []entry{top}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found
}

// killStale kills what guards that were killed together with their workers have
// left behind. own is the mark of this guard.
func killStale(own string) {
	for range 10 { // each time there may be new children of those killed
		proc, err := os.Open("/proc")
		if err != nil {
			return
		}
		names, _ := proc.Readdirnames(-1)
		_ = proc.Close()
		found := false
		for _, name := range names {
			pid, err := strconv.Atoi(name)
			if err != nil {
				continue
			}
			if mark, _ := markOf(pid); isStale(mark, own) {
				found = true
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if !found {
			return
		}
		time.Sleep(pause)
	}
}
