package process

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheMountIsFound(t *testing.T) {
	for mounts, want := range map[string]string{
		"35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n":                                                    "/sys/fs/cgroup",
		"30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n31 24 0:27 / /sys/fs/cgroup/unified rw - cgroup2 x rw\n": "/sys/fs/cgroup/unified",
		"30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n":                                                        "",
		"": "",
	} {
		if got := cgroupMount(mounts); got != want {
			t.Errorf("in %q it is %q, want %q", mounts, got, want)
		}
	}
}

// fakeGroup is a folder with the files of a cgroup.
func fakeGroup(t *testing.T, files ...string) *cgroup {
	t.Helper()
	g := &cgroup{dir: t.TempDir()}
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(g.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func (g *cgroup) wantFile(t *testing.T, name, want string) {
	t.Helper()
	if got, _ := os.ReadFile(filepath.Join(g.dir, name)); string(got) != want {
		t.Errorf("in %s is %q, want %q", name, got, want)
	}
}

func TestACgroupGetsItsBounds(t *testing.T) {
	g := fakeGroup(t, "pids.max", "memory.max", "memory.swap.max", "memory.oom.group")
	if err := g.bound(KernelMemory|KernelTasks, 64<<20); err != nil {
		t.Fatal(err)
	}
	g.wantFile(t, "pids.max", "1024")
	g.wantFile(t, "memory.max", "67108864")
	g.wantFile(t, "memory.swap.max", "0")
	g.wantFile(t, "memory.oom.group", "1")

	g = fakeGroup(t, "pids.max", "memory.max", "memory.oom.group") // a kernel without swap
	if err := g.bound(KernelMemory, 1<<20); err != nil {
		t.Error(err)
	}
	g.wantFile(t, "pids.max", "")
	g.wantFile(t, "memory.max", "1048576")

	g = fakeGroup(t, "memory.max")
	if err := g.bound(0, 1<<20); err != nil {
		t.Error(err)
	}
	g.wantFile(t, "memory.max", "")
	if err := g.bound(KernelTasks, 0); err == nil {
		t.Error("a bound that cannot be set is no error")
	}
}

func TestFunctionsTogetherWeighLessThanOthers(t *testing.T) {
	for _, there := range []bool{true, false} {
		parent := fakeGroup(t, "cgroup.subtree_control")
		own := fakeGroup(t, "cgroup.subtree_control")
		if there {
			own = fakeGroup(t, "cgroup.subtree_control", "cpu.weight")
		}
		c := &cgroups{dir: own.dir}
		c.enable(parent.dir)
		want := map[bool]string{true: "10"}[there]
		own.wantFile(t, "cpu.weight", want)
		if shared := c.limits&KernelShares != 0; shared != there {
			t.Errorf("with a weight in %q it says %s", want, c.limits)
		}
		if both := KernelMemory | KernelTasks; c.limits&both != both {
			t.Errorf("for the others it says %s", c.limits)
		}
	}
	c := &cgroups{dir: fakeGroup(t, "cpu.weight").dir}
	if c.enable(t.TempDir()); c.limits != 0 {
		t.Errorf("where nothing can be set it says %s", c.limits)
	}
}

// used is how long the processes of a cgroup have had a processor, in
// microseconds.
func (c *cgroup) used(t *testing.T) (us int64) {
	t.Helper()
	stat, err := os.ReadFile(filepath.Join(c.dir, "cpu.stat"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(stat), "usage_usec %d", &us); err != nil {
		t.Fatalf("%v in %q", err, stat)
	}
	return us
}

// Where cgroups share the processor, a tree of many processes gets as much of it
// as one of a single process.
func TestACrowdWeighsAsOne(t *testing.T) {
	g := newGuard(t)
	limits, err := g.Limits()
	if err != nil {
		t.Fatal(err)
	}
	if limits&KernelShares == 0 {
		t.Skip("this machine gives no cgroup of version 2 with the controller cpu to this user")
	}
	// All on one processor, whose time is short.
	const spin = "taskset -cp 0 $$ >/dev/null && echo ready && while :; do :; done"
	start := func(script string) *cgroup {
		p, out := shell(t, g, script, 0)
		out.lines(t, "ready")
		path, err := cgroupOf(p.Pid())
		if err != nil {
			t.Fatal(err)
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		return &cgroup{dir: filepath.Join(cgroupMount(string(mounts)), path)}
	}
	crowd := start("for i in 1 2 3 4 5 6 7; do (" + spin + ")& done; " + spin)
	one := start(spin)
	crowdBefore, oneBefore := crowd.used(t), one.used(t)
	const enough = 500_000 // of one, or many times as much of the others
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for one.used(t)-oneBefore < enough && crowd.used(t)-crowdBefore < 20*enough {
		<-ticker.C
	}
	if c, o := crowd.used(t)-crowdBefore, one.used(t)-oneBefore; c > 3*o {
		t.Errorf("8 processes of one function have had %d µs, one of another %d", c, o)
	}
}

func TestACgroupSaysWhetherItRanOut(t *testing.T) {
	g := fakeGroup(t)
	for events, want := range map[string]bool{
		"low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n": true,
		"low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\noom_group_kill 0\n": false,
		"": false,
	} {
		if err := os.WriteFile(filepath.Join(g.dir, "memory.events"), []byte(events), 0o600); err != nil {
			t.Fatal(err)
		}
		if g.ranOut() != want {
			t.Errorf("%q: %v", events, !want)
		}
	}
}

func TestACgroupSaysWhetherItWasFull(t *testing.T) {
	g := fakeGroup(t)
	for events, want := range map[string]bool{"max 0\n": false, "max 3\n": true, "": false} {
		if err := os.WriteFile(filepath.Join(g.dir, "pids.events"), []byte(events), 0o600); err != nil {
			t.Fatal(err)
		}
		if g.wasFull() != want {
			t.Errorf("%q: %v", events, !want)
		}
	}
}

func TestCgroupsAreRemovedWithThoseBelow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "group")
	if err := os.MkdirAll(filepath.Join(dir, "made/by/the/function"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := removeGroup(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it is still there")
	}
}

// Where cgroups can be used at all, trees are in some.
func TestTreesAreInCgroupsOfTheirOwn(t *testing.T) {
	g := newGuard(t)
	limits, err := g.Limits()
	if err != nil {
		t.Fatal(err)
	}
	if limits&KernelKill == 0 {
		t.Skip("this machine gives no cgroup of version 2 to this user")
	}
	p, out := shell(t, g, "echo first $$; exec sleep 621", 64<<20)
	out.lines(t, "first")
	if id, ok := treeGroup(p.Pid()); !ok || id != p.id {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.Pid()))
		t.Errorf("process %d is in %q, %v", p.id, data, err)
	}
	p.Kill()
	await(t, "its end", p.Exited())
}
