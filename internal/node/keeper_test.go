package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A kennel is a keeper under test. Its workers look for a broker in vain.
type kennel struct {
	*keeper
	t    *testing.T
	told atomic.Int64 // how many run, as last told
	once sync.Once
}

func newKennel(t *testing.T, args ...string) *kennel {
	t.Helper()
	if args == nil {
		args = []string{"worker", "--broker", "ipc://" + filepath.Join(t.TempDir(), "nobody")}
	}
	k, err := newKeeper(args, t.TempDir(), patience, quiet)
	if err != nil {
		t.Fatal(err)
	}
	n := &kennel{keeper: k, t: t}
	k.changed = func() { n.told.Store(int64(len(n.keeper.pids()))) }
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		n.end(ctx)
	})
	return n
}

// end stops the keeper, once, and checks that nothing is left of it.
func (k *kennel) end(ctx context.Context) {
	k.t.Helper()
	k.once.Do(func() {
		k.stop(ctx)
		if len(k.processes()) != 0 || len(k.numbers()) != 0 {
			k.t.Errorf("processes %v and numbers %v are left", k.processes(), k.numbers())
		}
	})
}

// processes are those that run, by number.
func (k *kennel) processes() map[int]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	pids := make(map[int]int)
	for number, w := range k.kept {
		if w.process != nil {
			pids[number] = w.process.Pid()
		}
	}
	return pids
}

// numbers are those that are taken, in order.
func (k *kennel) numbers() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.kept))
}

func (k *kennel) signal(pid int, s syscall.Signal) {
	k.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		k.t.Fatal(err)
	}
}

// run waits until the workers of just those numbers run, and that was told.
func (k *kennel) run(numbers ...int) map[int]int {
	k.t.Helper()
	var pids map[int]int
	within(k.t, "those workers run", func() bool {
		pids = k.processes()
		return slices.Equal(slices.Sorted(maps.Keys(pids)), numbers) && k.told.Load() == int64(len(numbers))
	})
	return pids
}

// stubborn waits until the workers of those numbers run and will not go.
func (k *kennel) stubborn(numbers ...int) map[int]int {
	k.t.Helper()
	pids := k.run(numbers...)
	within(k.t, "they are stubborn", func() bool {
		for _, n := range numbers {
			b, _ := os.ReadFile(filepath.Join(k.logs, fmt.Sprintf("worker%d.log", n)))
			if !strings.Contains(string(b), "stubborn") {
				return false
			}
		}
		return true
	})
	return pids
}

// stays fails if ok ceases to hold within a while in which it surely would, if
// it did at all.
func stays(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	enough := time.After(6 * restartFirst)
	for {
		if !ok() {
			t.Fatalf("it did not stay so: %s", what)
		}
		select {
		case <-tick.C:
		case <-enough:
			return
		}
	}
}

func TestNoWorkerIsStartedBeforeItsTimeHasCome(t *testing.T) {
	k := newKennel(t)
	k.want(5)
	k.want(2)
	stays(t, "none runs", func() bool { return len(k.processes()) == 0 })
	within(t, "those too many give their numbers back", func() bool { return slices.Equal(k.numbers(), []int{1, 2}) })
	k.begin()
	k.run(1, 2)
}

func TestTheLastWorkersLeaveFirstInOrder(t *testing.T) {
	k := newKennel(t)
	k.begin()
	k.want(4)
	before := k.run(1, 2, 3, 4)
	k.want(2)
	if after := k.run(1, 2); after[1] != before[1] || after[2] != before[2] {
		t.Errorf("of %v stay %v", before, after)
	}
	k.want(0)
	k.run()
	k.want(1)
	k.run(1)
}

func TestAWorkerOnItsWayOutKeepsItsNumber(t *testing.T) {
	k := newKennel(t, "stubborn")
	k.begin()
	k.want(2)
	pids := k.stubborn(1, 2)
	k.want(1)
	k.want(2)
	if after := k.stubborn(1, 2, 3); after[2] != pids[2] {
		t.Errorf("number 2 was %d and is %d, while that one still leaves", pids[2], after[2])
	}
	k.want(1) // number 3 now, not 2 again
	k.signal(k.processes()[3], syscall.SIGUSR1)
	k.run(1, 2)
	k.signal(pids[2], syscall.SIGUSR1)
	k.run(1)
	within(t, "their numbers are free", func() bool { return slices.Equal(k.numbers(), []int{1}) })
	k.want(2)
	if after := k.run(1, 2); after[2] == pids[2] || after[1] != pids[1] {
		t.Errorf("after %v run %v", pids, after)
	}
}

func TestAWorkerThatIsNotWantedAndWillNotGoIsKilled(t *testing.T) {
	k := newKennel(t, "stubborn")
	k.grace = 50 * time.Millisecond
	k.begin()
	k.want(1)
	k.stubborn(1)
	k.want(0)
	k.run()
	within(t, "its number is free", func() bool { return len(k.numbers()) == 0 })
}

func TestADeadWorkerIsReplacedUnlessItWasToLeave(t *testing.T) {
	k := newKennel(t)
	k.begin()
	k.want(2)
	pids := k.run(1, 2)
	k.signal(pids[1], syscall.SIGKILL)
	within(t, "another is there", func() bool { p := k.processes(); return len(p) == 2 && p[1] != pids[1] && p[2] == pids[2] })
	k.run(1, 2)
}

func TestWhileWorkersAreHeldNoneIsStarted(t *testing.T) {
	k := newKennel(t)
	k.begin()
	k.want(2)
	pids := k.run(1, 2)
	k.hold(true)
	k.hold(true)
	k.signal(pids[1], syscall.SIGKILL)
	k.run(2)
	k.want(3)
	stays(t, "only one runs", func() bool { return len(k.processes()) == 1 })
	k.want(2) // one that never ran leaves without a word
	within(t, "its number is free", func() bool { return slices.Equal(k.numbers(), []int{1, 2}) })
	k.hold(false)
	k.hold(false)
	if after := k.run(1, 2); after[2] != pids[2] || after[1] == pids[1] {
		t.Errorf("after %v run %v", pids, after)
	}
	k.hold(true)
	k.hold(false)
	k.signal(k.processes()[1], syscall.SIGKILL)
	k.run(2)
	k.run(1, 2)
}

func TestStopEndsAllInWhateverPhaseTheyAre(t *testing.T) {
	for name, bring := range map[string]func(k *kennel){
		"nothing wanted": func(*kennel) {},
		"not begun":      func(k *kennel) { k.want(3) },
		"just started":   func(k *kennel) { k.begin(); k.want(3) },
		"running":        func(k *kennel) { k.begin(); k.want(2); k.run(1, 2) },
		"held": func(k *kennel) {
			k.begin()
			k.hold(true)
			k.want(2)
		},
		"dead and held": func(k *kennel) {
			k.begin()
			k.want(2)
			pids := k.run(1, 2)
			k.hold(true)
			k.signal(pids[1], syscall.SIGKILL)
			k.run(2)
		},
		"leaving": func(k *kennel) {
			k.begin()
			k.want(2)
			k.run(1, 2)
			k.want(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKennel(t)
			bring(k)
			k.end(t.Context())
			k.want(3)
			if n := k.numbers(); len(n) != 0 {
				t.Errorf("after the stop numbers %v are taken", n)
			}
			if left := children(t); len(left) != 0 {
				t.Errorf("children are left: %v", left)
			}
			if n := k.told.Load(); n != 0 {
				t.Errorf("%d are told to run", n)
			}
		})
	}
}

func TestStopKillsWhatWillNotGoInTime(t *testing.T) {
	for name, leaving := range map[string]bool{"wanted": false, "leaving": true} {
		t.Run(name, func(t *testing.T) {
			k := newKennel(t, "stubborn")
			k.begin()
			k.want(1)
			k.stubborn(1)
			if leaving {
				k.want(0)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			k.end(ctx)
			if left := children(t); len(left) != 0 {
				t.Errorf("children are left: %v", left)
			}
		})
	}
}

func TestWorkersThatCannotRunAreTriedAgainAndDoNotHinderTheStop(t *testing.T) {
	k := newKennel(t, "worker", "--nonsense") // each ends at once
	var starts atomic.Int64
	k.changed = func() {
		if len(k.keeper.pids()) > 0 {
			starts.Add(1)
		}
	}
	k.begin()
	k.want(1)
	within(t, "it is tried again", func() bool { return starts.Load() > 1 })
	k.end(t.Context())

	k = newKennel(t)
	k.bin = filepath.Join(t.TempDir(), "nothing")
	k.begin()
	k.want(2)
	stays(t, "none runs", func() bool { return len(k.processes()) == 0 })
	k.end(t.Context())
}
