package process

import (
	"os"
	"os/exec"
	"testing"
)

func TestDescendantsAreFound(t *testing.T) {
	cmd := exec.Command("sh", "-c", "setsid sleep 620 & sleep 620 & echo; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		var procs table
		list, _, _ := procs.below(os.Getpid())
		for _, e := range list {
			if e.pid == cmd.Process.Pid {
				killAll(subtree(list, e)[1:])
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	var procs table
	for range 3 { // the first look fills in what the others leave out
		below, whole, err := procs.below(cmd.Process.Pid)
		if err != nil || whole && len(below) != 2 {
			t.Errorf("below it is %+v, %v", below, err)
		}
		for _, e := range below {
			if e.parent != cmd.Process.Pid || e.tasks != 1 || e.start == 0 || e.dead {
				t.Errorf("there is %+v", e)
			}
		}
	}
	if len(procs.foreign) == 0 || procs.foreign[cmd.Process.Pid] {
		t.Errorf("%d processes are foreign", len(procs.foreign))
	}
	self, ok := statOf(os.Getpid())
	if !ok || self.parent != os.Getppid() || self.pages == 0 || self.tasks < 2 {
		t.Errorf("of itself it reads %+v", self)
	}
}

func TestANameCannotMisleadTheReader(t *testing.T) {
	e, ok := parseStat(7, []byte("7 (a) Z 1 (b)) S 5 7 6 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 3 0 999 8192 42 18446744073709551615 0"))
	if want := (entry{pid: 7, parent: 5, group: 7, session: 6, tasks: 3, start: 999, pages: 42}); !ok || e != want {
		t.Errorf("%+v, want %+v", e, want)
	}
	for _, line := range []string{"", "7 (a", "7 (a) S 5 7"} {
		if _, ok := parseStat(7, []byte(line)); ok {
			t.Errorf("%q is read", line)
		}
	}
}

// Ids that are used again between two readings can make each the other's
// parent.
func TestACircleEnds(t *testing.T) {
	seen := map[int]entry{2: {pid: 2, parent: 3}, 3: {pid: 3, parent: 2}}
	if top, ok := climb(seen, seen[2], 1, nil); ok || seen[top].pid == 0 {
		t.Errorf("it leads to %d, %v", top, ok)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (a) S 5 7 6 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 3 0 999 8192 42 1"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if e, ok := parseStat(7, line); ok && e.pid != 7 {
			t.Errorf("%q is %+v", line, e)
		}
	})
}

func TestAMarkIsStaleWhenItsGuardHasGone(t *testing.T) {
	own := guardMark(os.Getpid())
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	gone := guardMark(cmd.Process.Pid)
	for mark, want := range map[string]bool{
		newMark(own):         false,
		newMark(gone):        true,
		newMark("1:1:1:"):    false, // of another namespace
		newMark("") + "::::": false,
		"":                   false,
	} {
		if isStale(mark, own) != want {
			t.Errorf("%q is stale: %v", mark, !want)
		}
	}
	if first := newMark(own); first == newMark(own) {
		t.Error("two marks are alike")
	}
}
