package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// groupPrefix begins the names of the cgroups of guards; their marks follow.
const groupPrefix = guardName + "-"

// cgroups is a cgroup of version 2 in which each tree gets one of its own; see
// the kernel's Documentation/admin-guide/cgroup-v2.rst.
type cgroups struct {
	dir    string
	limits Limits // what it can do
}

// findCgroups makes the cgroup for the trees of a guard, where that is allowed:
// in the cgroup that this process is in, or in the one above, which is how a
// service manager delegates them (DelegateSubgroup= of systemd). It returns nil
// if there is no such place.
func findCgroups(mark string) *cgroups {
	own, err := ownCgroup()
	if err != nil {
		return nil
	}
	var best *cgroups
	for _, parent := range []string{own, filepath.Dir(own)} {
		c, err := newCgroups(parent, mark)
		if err != nil {
			continue
		}
		if best != nil && best.limits&KernelMemory >= c.limits&KernelMemory {
			c.remove()
			continue
		}
		if best != nil {
			best.remove()
		}
		best = c
	}
	return best
}

// ownCgroup is the folder of the cgroup that this process is in.
func ownCgroup() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	path, err := cgroupOf(os.Getpid())
	if err != nil {
		return "", err
	}
	mount := cgroupMount(string(mounts))
	if mount == "" {
		return "", errNoCgroup
	}
	return filepath.Join(mount, path), nil
}

var errNoCgroup = errors.New("no cgroup of version 2")

// cgroupOf is the path of a process's cgroup in the hierarchy.
func cgroupOf(pid int) (string, error) {
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(groups)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSuffix(path, "\n"), nil
		}
	}
	return "", errNoCgroup
}

// cgroupMount finds where the hierarchy of version 2 is mounted
// (proc_pid_mountinfo(5)); "" if it is not.
func cgroupMount(mounts string) string {
	for line := range strings.Lines(mounts) {
		mount, kind, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(mount); strings.HasPrefix(kind, "cgroup2 ") && len(fields) > 4 {
			return fields[4]
		}
	}
	return ""
}

// newCgroups makes the cgroup of a guard below that of parent, and tries
// whether processes can be started in cgroups below it.
func newCgroups(parent, mark string) (*cgroups, error) {
	removeStale(parent, mark)
	c := &cgroups{dir: filepath.Join(parent, groupPrefix+mark)}
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		return nil, err
	}
	c.enable(parent)
	if _, err := os.Stat(filepath.Join(c.dir, "cgroup.kill")); err == nil {
		c.limits |= KernelKill
	}
	err := c.try()
	if c.limits == 0 {
		err = errors.ErrUnsupported
	}
	if err != nil {
		c.remove()
		return nil, fmt.Errorf("start processes in %s: %w", c.dir, err)
	}
	return c, nil
}

// enable has the cgroups below c bounded, as far as the controllers for that are
// there for the one above, parent.
func (c *cgroups) enable(parent string) {
	for name, limit := range map[string]Limits{"memory": KernelMemory, "pids": KernelTasks, "cpu": KernelShares} {
		// Where the parent holds processes itself this is refused, unless it
		// was done by who set it up.
		_ = setFile(parent, "cgroup.subtree_control", "+"+name)
		if limit == KernelShares && setFile(c.dir, "cpu.weight", strconv.Itoa(groupWeight)) != nil {
			continue
		}
		if setFile(c.dir, "cgroup.subtree_control", "+"+name) == nil {
			c.limits |= limit
		}
	}
}

// groupWeight is the weight of all functions of a worker together, when they and
// others want the processor. Others have 100 each, and so have the trees of
// functions among themselves, however many processes they are: that is the
// kernel's default. 10 is what one process of [niceness] has.
const groupWeight = 10

// try starts a program that does not exist: that this is found out says that
// there was a process to find it out, in its cgroup.
func (c *cgroups) try() error {
	g, err := c.add(0, 0)
	if err != nil {
		return err
	}
	defer g.remove()
	defer g.close()
	_, err = syscall.ForkExec(filepath.Join(c.dir, "none"), nil, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.fd},
	})
	if err == syscall.ENOENT {
		return nil
	}
	return err
}

// removeStale kills what is in the cgroups of guards that do not live any more,
// and removes them.
func removeStale(parent, own string) {
	left, _ := filepath.Glob(filepath.Join(parent, groupPrefix+"*"))
	for _, dir := range left {
		if isStale(strings.TrimPrefix(filepath.Base(dir), groupPrefix), own) {
			_ = setFile(dir, "cgroup.kill", "1")
			_ = removeGroup(dir) // fails while something still dies in it: the next does it
		}
	}
}

func (c *cgroups) remove() { _ = removeGroup(c.dir) }

// cgroup is that of one tree.
type cgroup struct {
	dir string
	fd  int // of dir, until close
}

// add makes the cgroup of a tree and bounds it.
func (c *cgroups) add(id uint64, memory int64) (*cgroup, error) {
	g := &cgroup{dir: filepath.Join(c.dir, strconv.FormatUint(id, 10))}
	if err := os.Mkdir(g.dir, 0o700); err != nil {
		return nil, err
	}
	err := g.bound(c.limits, memory)
	if err == nil {
		g.fd, err = syscall.Open(g.dir, syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	}
	if err != nil {
		_ = g.remove()
		return nil, err
	}
	return g, nil
}

func (g *cgroup) bound(can Limits, memory int64) error {
	if can&KernelTasks != 0 {
		if err := setFile(g.dir, "pids.max", strconv.Itoa(MaxTasks)); err != nil {
			return err
		}
	}
	if can&KernelMemory == 0 || memory == 0 {
		return nil
	}
	// What is short of memory is killed whole and not swapped out. Kernels
	// without swap have no file for it.
	if err := setFile(g.dir, "memory.swap.max", "0"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := setFile(g.dir, "memory.oom.group", "1"); err != nil {
		return err
	}
	return setFile(g.dir, "memory.max", strconv.FormatInt(memory, 10))
}

// kill kills all that is in it, also what is being forked.
func (g *cgroup) kill() { _ = setFile(g.dir, "cgroup.kill", "1") }

// ranOut says whether the kernel has killed something in it for its memory.
func (g *cgroup) ranOut() bool { return g.happened("memory.events", "oom_kill") }

// wasFull says whether the kernel has refused it a process or thread for their
// number.
func (g *cgroup) wasFull() bool { return g.happened("pids.events", "max") }

// happened says whether one of its files of events counts any of that.
func (g *cgroup) happened(file, event string) bool {
	events, _ := os.ReadFile(filepath.Join(g.dir, file))
	for line := range strings.Lines(string(events)) {
		if n, ok := strings.CutPrefix(line, event+" "); ok {
			return strings.TrimSpace(n) != "0"
		}
	}
	return false
}

func (g *cgroup) close() { _ = syscall.Close(g.fd) }

func (g *cgroup) remove() error { return removeGroup(g.dir) }

// removeGroup removes a cgroup and those below it, the deepest first. It fails
// while there are processes in one.
func removeGroup(dir string) error {
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	for _, path := range slices.Backward(found) {
		if e := os.Remove(path); e != nil && err == nil {
			err = e
		}
	}
	return err
}

// treeGroup is the id of the tree whose cgroup a process is in.
func treeGroup(pid int) (id uint64, ok bool) {
	dir, err := cgroupOf(pid)
	if err != nil || !strings.HasPrefix(filepath.Base(filepath.Dir(dir)), groupPrefix) {
		return 0, false
	}
	id, err = strconv.ParseUint(filepath.Base(dir), 10, 64)
	return id, err == nil
}

func setFile(dir, name, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
