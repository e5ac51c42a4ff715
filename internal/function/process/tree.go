package process

import (
	"os"
	"syscall"
	"time"
)

// tree is a function's process and all that came of it, in the guard.
type tree struct {
	id     uint64
	root   int    // the id of the first process
	mark   string // in the environment of all of it, unless it was taken out
	memory int64  // bytes; 0: no limit
	group  *cgroup

	ended  time.Time // when the first process did; zero: it runs
	doomed bool      // to be killed until nothing is left
	why    flags     // it was doomed
}

func (t *tree) hasEnded() bool { return !t.ended.IsZero() }

// doom begins to kill a tree; look goes on with it.
func (k *keeper) doom(t *tree, why flags) {
	if t.doomed {
		return
	}
	t.doomed = true
	t.why |= why
	k.hurry = time.Millisecond
	if t.group != nil {
		t.group.kill()
	}
	if !t.hasEnded() {
		_ = syscall.Kill(-t.root, syscall.SIGKILL)
	}
}

// look compares what lives with what may: dooms trees beyond their bounds, and
// rests of those that have ended; kills what is doomed, and what belongs to no
// tree; forgets trees of which nothing is left.
func (k *keeper) look() {
	defer k.schedule()
	list, whole, err := k.procs.below(k.pid)
	if err != nil {
		return // there is a next time
	}
	members, strangers := k.attribute(list)
	killAll(strangers)
	for _, t := range k.trees {
		living := members[t]
		switch {
		case t.hasEnded() && len(living) == 0 && whole:
			k.forget(t)
			continue
		case t.hasEnded() && time.Since(t.ended) >= Linger:
			k.doom(t, 0)
		case k.isTooLarge(t, living):
			k.doom(t, flagMemory)
		case tasks(living) > MaxTasks:
			k.doom(t, flagTasks)
		}
		if t.doomed {
			killAll(living)
		}
	}
}

// schedule says when to look next: soon while something is to die, never while
// nothing lives.
func (k *keeper) schedule() {
	wait := Sample
	for _, t := range k.trees {
		if t.doomed {
			wait = k.hurry
			k.hurry = min(2*k.hurry, Sample)
			break
		}
	}
	if len(k.trees) > 0 || hasChildren() {
		k.timer.Reset(wait)
	}
}

func (k *keeper) forget(t *tree) {
	if t.group != nil && t.group.remove() != nil {
		return // something is still in it
	}
	delete(k.trees, t.id)
	if k.roots[t.root] == t {
		delete(k.roots, t.root)
	}
}

// isTooLarge says whether a tree uses more memory than it may, as far as that
// is not the kernel's business. What is resident counts shared pages for each
// who has them, but is cheap to learn.
func (k *keeper) isTooLarge(t *tree, living []entry) bool {
	if t.memory == 0 || k.limits&KernelMemory != 0 {
		return false
	}
	var resident, exact int64
	for _, e := range living {
		resident += e.pages * int64(os.Getpagesize())
	}
	if resident <= t.memory {
		return false
	}
	for _, e := range living {
		exact += share(e.pid)
	}
	return exact > t.memory
}

func tasks(living []entry) (n int) {
	for _, e := range living {
		n += e.tasks
	}
	return n
}

// hasChildren says whether this process has any child, waited for or not.
func hasChildren() bool {
	const all, look = 0, 0x01000000 | 0x4 | 0x1 // P_ALL; WNOWAIT, WEXITED, WNOHANG
	_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, all, 0, 0, look, 0, 0)
	return errno != syscall.ECHILD
}
