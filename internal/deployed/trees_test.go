package deployed

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"faasd/internal/proc"
	"faasd/internal/registry"
)

// work is the folder of the workers.
func (s *upSite) work() string { return filepath.Join(s.data, "work") }

// abandons deploys and calls functions of both kinds that are processes, each of
// which leaves a process behind that has left its parent and its session, and
// returns all processes of functions.
func (s *upSite) abandons(t *testing.T) []int {
	t.Helper()
	a := s.call(within(t), "served", "")
	orphan, err := strconv.Atoi(a.text)
	if err != nil {
		t.Fatalf("a function that is to leave a process behind answers %s", a)
	}
	go s.call(within(t), "ran", "") // it does not end by itself
	var pids []int
	eventually(t, func() string {
		pids = processes(s.work())
		if len(pids) != 4 {
			return fmt.Sprintf("there are processes %v of functions, want two and the two that they have left behind", pids)
		}
		return ""
	})
	if !slices.Contains(pids, orphan) {
		t.Fatalf("process %d was left behind, and there are %v", orphan, pids)
	}
	return pids
}

// named are the ids of the processes of up whose first argument, or name, is that.
func (s *upSite) named(t *testing.T, name string) (pids []int) {
	t.Helper()
	all, err := s.process.Descendants()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range all {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if words := strings.Split(string(line), "\x00"); slices.Contains(words[:min(2, len(words))], name) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestNoProcessOfAFunctionOutlivesItsWorker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(t *testing.T, s *upSite) error
		all  bool // nothing at all is left then
	}{
		{"the worker is killed", func(t *testing.T, s *upSite) error { return killOne(t, s.named(t, "worker")) }, false},
		{"its guard is killed", func(t *testing.T, s *upSite) error { return killOne(t, s.named(t, "faasd-guard")) }, false},
		{"up is killed", func(_ *testing.T, s *upSite) error { return s.process.Kill() }, true},
		{"up is stopped", func(t *testing.T, s *upSite) error { return s.process.Stop(within(t)) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := up(t, t.TempDir(), "--workers", "1", "--queues", "1", "--grace", "2s")
			s.deploy("served", behaves(t, registry.KindLambda, "abandon"))
			s.deploy("ran", behaves(t, registry.KindExec, "abandon"))
			pids := s.abandons(t)
			if c.all {
				pids = processes(filepath.Dir(s.bin))
			}
			if err := c.end(t, s); err != nil {
				t.Fatal(err)
			}
			if err := proc.WaitGone(within(t), pids...); err != nil {
				t.Error(err)
			}
			if c.all {
				return
			}
			eventually(t, func() string { // of a worker that was killed
				if folders, _ := filepath.Glob(filepath.Join(s.work(), "worker-*")); len(folders) != 1 {
					return fmt.Sprintf("folders %q, want that of one worker", folders)
				}
				return ""
			})
			eventually(t, func() string { // what is being killed may take a call along
				if a := s.call(within(t), "served", ""); a.status != 200 {
					return fmt.Sprintf("after that a call gets %s", a)
				}
				return ""
			})
		})
	}
}

func killOne(t *testing.T, pids []int) error {
	t.Helper()
	if len(pids) != 1 {
		t.Fatalf("processes %v, want one", pids)
	}
	return syscall.Kill(pids[0], syscall.SIGKILL)
}
