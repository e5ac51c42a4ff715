package sim

import (
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	seeds = flag.Uint64("seeds", 20, "how many systems are tormented, each drawn from a seed of its own")
	from  = flag.Uint64("from", 0, "the first of the seeds")
	only  = flag.String("profile", "", "torment by this profile alone")
	limit = flag.Duration("within", 0, "how much CPU time the systems that are tormented by everything may cost; 0 is no limit")
)

func TestEveryRequestIsAnsweredWhateverFails(t *testing.T) {
	if !wanted(mixed) {
		t.Skip("another profile is wanted")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(1600)) // a run needs little memory and makes much garbage
	var all travels
	var ran atomic.Uint64
	before := cpuTime(t)
	each(*from, *from+*seeds, func(seed uint64) {
		mixed.holds(t, seed, &all)
		ran.Add(1)
	})
	if spent := cpuTime(t) - before; *limit > 0 && spent > *limit {
		t.Errorf("%d systems have cost %v of CPU time, more than %v: make them cheaper, not fewer", *seeds, spent, *limit)
	}
	if ran.Load() != *seeds {
		t.Errorf("%d systems were simulated, want %d", ran.Load(), *seeds)
	}
	table, missed := all.report()
	t.Logf("%d systems; the steps of their state machines:\n%s", *seeds, table)
	if *seeds >= enough {
		for _, m := range missed {
			t.Error(m)
		}
	}
}

// cpuTime is what this process has used of all processors: unlike the time of
// day it tells little of what else the machine does.
func cpuTime(t *testing.T) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatalf("cannot tell how much CPU time was used: %v", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func wanted(p profile) bool { return *only == "" || *only == p.name }

// enough is how many systems take every step of every state machine.
const enough = 1000

// each runs do for the numbers from first up to end, as many at a time as there
// are processors.
func each(first, end uint64, do func(uint64)) {
	var next atomic.Uint64
	next.Store(first)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for seed := next.Add(1) - 1; seed < end; seed = next.Add(1) - 1 {
				do(seed)
			}
		})
	}
	all.Wait()
}

// The faults that one rule is for, and the promises that hold under those alone.
func TestEveryRuleHoldsUnderItsFaults(t *testing.T) {
	var all travels
	for _, p := range slices.DeleteFunc(slices.Clone(profiles), func(p profile) bool { return !wanted(p) }) {
		t.Run(p.name, func(t *testing.T) {
			each(*from, *from+max(*seeds/50, 10), func(seed uint64) { p.holds(t, seed, &all) })
		})
	}
}

// A seed that fails can be run again and fails again, for the same reason.
func TestASeedIsReplayedExactly(t *testing.T) {
	for seed := range uint64(6) {
		first, second := torment(mixed, seed, true, nil), torment(mixed, seed, true, nil)
		if first.Digest() != second.Digest() {
			t.Errorf("seed %d: two runs differ: %x and %x", seed, first.Digest(), second.Digest())
		}
	}
}

// holds runs one seed and fails with a trace if a promise was broken.
func (p profile) holds(t *testing.T, seed uint64, all *travels) {
	t.Helper()
	r := torment(p, seed, false, nil)
	for _, n := range r.all {
		all.add(n)
	}
	if r.accepted < jobsEach {
		t.Errorf("only %d requests were accepted", r.accepted)
	}
	n := 0
	for _, times := range r.harmed {
		n += times
	}
	if n < p.count || len(r.harmed) < min(4, len(p.faults)) {
		t.Errorf("only %d faults: %v", n, r.harmed)
	}
	if len(r.watched.violations) == 0 {
		return
	}
	again := fmt.Sprintf("make sim SEEDS=1 FROM=%d", seed)
	if p.name != mixed.name {
		again = fmt.Sprintf("go test ./internal/sim -run 'TestEveryRuleHolds/%s' -from %d", strings.ReplaceAll(p.name, " ", "_"), seed)
	}
	t.Errorf("%s, seed %d: %s\n%s", p.name, seed, again, retrace(p, seed))
}

// traced bounds the lines of a trace that are printed.
const traced = 250

// retrace runs a seed again and tells what happened, as far as it has to do with
// what was broken.
func retrace(p profile, seed uint64) string {
	var lines []string
	r := torment(p, seed, false, func(at time.Duration, line string) {
		lines = append(lines, fmt.Sprintf("%12.6f %s", at.Seconds(), line))
	})
	if len(r.watched.violations) == 0 {
		return "it was not broken when it was run again"
	}
	first := r.watched.violations[0]
	about := "^$"
	if first.call != nil {
		about = jobName(first.call.ID) + `\b`
	}
	var b strings.Builder
	for _, v := range r.watched.violations {
		of := ""
		if v.call != nil {
			of = fmt.Sprintf("%s (request %d at %s): ", jobName(v.call.ID), v.call.number, v.call.frontend.Name)
		}
		fmt.Fprintf(&b, "%12.6f %s%s\n", v.at.Seconds(), of, v.what)
	}
	match := regexp.MustCompile(`FAULT|BROKEN|goes on|kills|crashes|all faults|` + about)
	b.WriteString("trace:\n")
	n := 0
	for _, line := range lines {
		if match.MatchString(line) {
			if n++; n > traced {
				b.WriteString("…\n")
				break
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}
