package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runaways is a script that leaves processes in every way that there is, prints
// the id of each, and waits: a child, a child in a session of its own, one whose
// parents have ended too, one that has also taken everything out of its
// environment, and one that does not end when asked to.
const runaways = `
trap '' TERM
sleep 601 & echo child $!
setsid sh -c 'echo session $$; exec sleep 602' &
sh -c 'setsid sh -c "setsid sh -c '"'echo orphan \\\$\\\$; exec sleep 603'"' & exit" & exit' 
sh -c 'env -i /usr/bin/setsid /bin/sh -c "env -i /usr/bin/setsid /bin/sh -c '"'echo hidden \\\$\\\$; exec /bin/sleep 604'"' & exit" & exit'
sh -c 'trap "" TERM; echo stubborn $$; while :; do sleep 1; done' &
echo first $$
wait
while :; do sleep 1; done`

// runawayNames begin the lines that it prints for certain: the hidden one may
// be killed at first sight.
var runawayNames = []string{"child", "session", "orphan", "stubborn", "first"}

// pids waits for lines that begin with these words, and returns the ids that
// are the second words of all lines.
func pids(t testing.TB, out *output, first ...string) (list []int) {
	t.Helper()
	for _, words := range out.lines(t, first...) {
		pid, err := strconv.Atoi(words[1])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, pid)
	}
	return list
}

func isAlive(pid int) bool {
	e, ok := statOf(pid)
	return ok && !e.dead
}

func command(pid int) string {
	words, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.ReplaceAll(string(words), "\x00", " ")
}

// awaitGone waits until none of the processes lives.
func awaitGone(t testing.TB, list ...int) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for until := time.Now().Add(limit); ; <-ticker.C {
		var left []string
		for _, pid := range list {
			if isAlive(pid) {
				left = append(left, command(pid))
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("still alive: %q", left)
		}
	}
}

// everyWay runs a test with cgroups, where this machine has some, and without.
func everyWay(t *testing.T, test func(t *testing.T, g *Guard)) {
	t.Run("as the machine allows", func(t *testing.T) { test(t, newGuard(t)) })
	t.Run("without cgroups", func(t *testing.T) {
		g := newGuard(t)
		g.bare = true
		test(t, g)
	})
}

func TestKillReachesWhateverAProcessHasStarted(t *testing.T) {
	everyWay(t, func(t *testing.T, g *Guard) {
		other, otherOut := shell(t, g, "echo first $$; exec sleep 605", 0)
		neighbour := pids(t, otherOut, "first")[0]
		p, out := shell(t, g, runaways, 0)
		list := pids(t, out, runawayNames...)
		p.Kill()
		await(t, "its end", p.Exited())
		awaitGone(t, list...)
		await(t, "the end of all who had its output open", p.Drained())
		if p.Ended() != "signal: killed" {
			t.Errorf("it ended with %s", p.Ended())
		}
		if !isAlive(neighbour) {
			t.Error("another process was killed too: ", other.Ended())
		}
	})
}

func TestWhatAnEndedProcessLeavesIsKilled(t *testing.T) {
	everyWay(t, func(t *testing.T, g *Guard) {
		p, out := shell(t, g, strings.Replace(runaways, "wait\n", "exit 5\n", 1), 0)
		await(t, "its end", p.Exited())
		if p.ExitCode() != 5 {
			t.Errorf("it ended with %s", p.Ended())
		}
		await(t, "the end of all who had its output open", p.Drained())
		awaitGone(t, pids(t, out)...)
	})
}

func TestWhatAnEndedProcessLeavesMayFinishItsOutput(t *testing.T) {
	everyWay(t, func(t *testing.T, g *Guard) {
		// A machine that is busy may not let it within Linger, but not ten times.
		for range 10 {
			p, out := shell(t, g, "setsid sh -c 'echo late' & exit 0", 0)
			await(t, "its output", p.Drained())
			await(t, "its end", p.Exited())
			if out.String() == "late\n" {
				return
			}
		}
		t.Error("it never did")
	})
}

func TestCloseKillsEverything(t *testing.T) {
	everyWay(t, func(t *testing.T, g *Guard) {
		p, out := shell(t, g, runaways, 0)
		list := pids(t, out, runawayNames...)
		list = append(list, g.link.cmd.Process.Pid)
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		for _, pid := range list {
			if isAlive(pid) {
				t.Errorf("%d is alive after Close", pid)
			}
		}
		await(t, "its end", p.Exited())
	})
}

// startWorker starts a process with a guard and a tree, and returns all ids.
func startWorker(t *testing.T, more ...string) (worker *exec.Cmd, guard int, tree []int) {
	t.Helper()
	out := &output{}
	out.written.L = &out.mu
	cmd := exec.Command("/proc/self/exe", append([]string{runaways}, more...)...)
	cmd.Env = []string{fakeVariable + "=worker"}
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := out.lines(t, append([]string{"guard"}, runawayNames...)...)
	at := slices.IndexFunc(lines, func(words []string) bool { return words[0] == "guard" })
	tree = pids(t, out)
	return cmd, tree[at], slices.Delete(tree, at, at+1)
}

func TestAKilledWorkerLeavesNothing(t *testing.T) {
	for _, more := range [][]string{nil, {bareGuard}} {
		worker, guard, tree := startWorker(t, more...)
		if err := worker.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		awaitGone(t, append(tree, guard)...)
	}
}

func TestAKilledGuardLeavesNothingAndIsReplaced(t *testing.T) {
	everyWay(t, func(t *testing.T, g *Guard) {
		p, out := shell(t, g, runaways, 0)
		list := pids(t, out, runawayNames...)
		if err := syscall.Kill(g.link.cmd.Process.Pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		await(t, "its end", p.Exited())
		if p.ExitCode() != -1 || !strings.Contains(p.Ended(), "guard") {
			t.Errorf("it ended with code %d: %s", p.ExitCode(), p.Ended())
		}
		awaitGone(t, list...)
		again, _ := shell(t, g, "exit 6", 0)
		await(t, "another's end", again.Exited())
		if again.ExitCode() != 6 {
			t.Errorf("another ended with %s", again.Ended())
		}
	})
}

// A worker and its guard that are killed in one moment leave what had got away
// from the function's process; the next guard kills it.
func TestTheNextGuardKillsWhatAKilledOneLeft(t *testing.T) {
	worker, guard, tree := startWorker(t, bareGuard)
	// So that neither can do anything for the other.
	for _, pid := range []int{guard, worker.Process.Pid} {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range []int{worker.Process.Pid, guard} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	awaitGone(t, guard)
	tree = slices.DeleteFunc(tree, func(pid int) bool {
		hidden := strings.HasPrefix(command(pid), "/bin/sleep")
		if hidden {
			_ = syscall.Kill(pid, syscall.SIGKILL) // by its environment nobody can find it
		}
		return hidden
	})
	if _, err := newGuard(t).Limits(); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, tree...)
}

// leak is a script whose grandchild takes all the memory that it can get.
const leak = `setsid sh -c 'head -c 2000000000 /dev/zero | tail -c 1500000000' & echo victim $$; wait`

func TestATreeThatUsesTooMuchMemoryIsKilled(t *testing.T) {
	everyWay(t, func(t *testing.T, g *Guard) {
		victim, _ := shell(t, g, "sleep 606", 64<<20)
		p, _ := shell(t, g, leak, 64<<20)
		await(t, "its end", p.Exited())
		if !p.OutOfMemory() || !strings.Contains(p.Ended(), "memory") {
			t.Errorf("it ended with %s, out of memory %v", p.Ended(), p.OutOfMemory())
		}
		await(t, "the end of the leak", p.Drained())
		if isClosed(victim.Exited()) {
			t.Error("another process was killed too")
		}
	})
}

func TestSharedMemoryCountsOnce(t *testing.T) {
	everyWay(t, func(t *testing.T, g *Guard) {
		// Each has some 3 MiB resident, most of it shared with the others.
		p, out := shell(t, g, "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 607 & done; echo ready $$; wait", 16<<20)
		out.lines(t, "ready")
		ticker := time.NewTicker(Sample)
		defer ticker.Stop()
		for range 5 {
			<-ticker.C
			if isClosed(p.Exited()) {
				t.Fatal("it ended with ", p.Ended())
			}
		}
	})
}

func TestATreeOfTooManyProcessesIsKilled(t *testing.T) {
	everyWay(t, func(t *testing.T, g *Guard) {
		victim, _ := shell(t, g, "sleep 608", 0)
		p, _ := shell(t, g, "for i in $(seq 1200); do sleep 609 & done; wait", 0)
		await(t, "its end", p.Exited())
		if !strings.Contains(p.Ended(), "1024 processes") {
			t.Errorf("it ended with %s", p.Ended())
		}
		await(t, "the end of all of it", p.Drained())
		if isClosed(victim.Exited()) {
			t.Error("another process was killed too")
		}
	})
}

// A process that starts another in a session of its own and ends, on and on, is
// gone whenever somebody has found it.
func TestOneThatAlwaysMovesOnIsKilled(t *testing.T) {
	everyWay(t, func(t *testing.T, g *Guard) {
		comet := filepath.Join(t.TempDir(), "comet")
		if err := os.WriteFile(comet, []byte("#!/bin/sh\necho generation$1\nsetsid $0 $(($1+1)) &\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		p, out := shell(t, g, comet+" 1; sleep 614", 0)
		out.lines(t, "generation20")
		p.Kill()
		await(t, "its end", p.Exited())
		await(t, "the end of the last of them", p.Drained())
	})
}
