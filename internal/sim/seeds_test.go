package sim

import (
	"flag"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seeds   = flag.Uint64("seeds", 20, "how many systems are tormented by everything, or by -profile, each drawn from a seed of its own")
	seeded  = flag.Uint64("each", 5, "how many by each of the profiles of few faults")
	from    = flag.Uint64("from", 0, "the first of the seeds")
	only    = flag.String("profile", "", "torment by this profile alone")
	allowed = flag.Duration("within", 0, "how much CPU time the systems that are tormented by everything may cost; 0 is no limit")
)

func TestEveryRequestIsAnsweredWhateverFails(t *testing.T) {
	if mixed.share() == 0 {
		t.Skip("another profile is wanted")
	}
	var all travels
	var mu sync.Mutex // guards all
	before := cpuTime()
	each(*from, *from+mixed.share(), func(seed uint64) {
		r := mixed.holds(t, seed)
		mu.Lock()
		defer mu.Unlock()
		all.add(r.World)
	})
	spent := cpuTime() - before
	t.Logf("%d systems have cost %v of CPU time", *seeds, spent.Round(time.Second))
	if *allowed > 0 && spent > *allowed {
		t.Errorf("that is more than %v: make them cheaper, not fewer", *allowed)
	}
	if *seeds >= enough {
		rare, _ := refusedAsleep()
		all.add(rare.World)
		for _, step := range all.missed() {
			t.Errorf("a step was never taken: %s", step)
		}
	}
}

// enough is how many systems take every step of every state machine.
const enough = 1000

// share is how many systems are tormented by a profile.
func (p profile) share() uint64 {
	switch {
	case *only != "" && *only != p.name:
		return 0
	case *only == p.name, p.name == mixed.name:
		return *seeds
	}
	return *seeded
}

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
	for _, p := range profiles {
		if p.share() > 0 {
			t.Run(p.name, func(t *testing.T) { each(*from, *from+p.share(), func(seed uint64) { p.holds(t, seed) }) })
		}
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
func (p profile) holds(t *testing.T, seed uint64) *tormented {
	t.Helper()
	r := torment(p, seed, false, nil)
	simulated.add(r)
	if r.accepted < jobsEach {
		t.Errorf("%s, seed %d: only %d requests were accepted", p.name, seed, r.accepted)
	}
	n := 0
	for _, times := range r.harmed {
		n += times
	}
	if n < p.count || len(r.harmed) < min(4, len(p.faults)) {
		t.Errorf("%s, seed %d: only %d faults: %v", p.name, seed, n, r.harmed)
	}
	if len(r.watched.violations) > 0 {
		t.Errorf("%s, seed %d: make sim PROFILE='%s' SEEDS=1 FROM=%d\n%s", p.name, seed, p.name, seed, retrace(p, seed))
	}
	return r
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
