package node

import (
	"testing"
	"time"
)

// TestOnlyRequestsThatComeAloneAreGathered holds when `up` and its workers are wanted
// on one processor: after a row of requests of which each was alone, and until several
// were not.
func TestOnlyRequestsThatComeAloneAreGathered(t *testing.T) {
	now := time.Now()
	g := &gatherer{change: make(chan struct{}, 1), since: now.Add(-apartFor)}
	came := func(alone ...bool) {
		for _, a := range alone {
			now = now.Add(time.Millisecond)
			g.came(a, now)
		}
	}
	row := func(n int, alone bool) []bool {
		all := make([]bool, n)
		for i := range all {
			all[i] = alone
		}
		return all
	}
	want := func(what string, gathered bool) {
		t.Helper()
		if g.wanted != gathered {
			t.Errorf("%s: gathered %v, want %v", what, g.wanted, gathered)
		}
	}
	came(row(gatherAt-1, true)...)
	want("some alone", false)
	came(false)
	came(row(accompanied, true)...)
	want("one with company between", false)
	came(true)
	want("which others have made up for", true)
	came(false)
	came(row(accompanied, true)...)
	came(false)
	want("one in nine with company", true)
	came(row(gatherAt/accompanied, false)...)
	want("several with company", false)

	came(row(gatherAt, true)...)
	want("alone, but too soon after", false)
	now = now.Add(apartFor)
	came(true)
	want("alone, a while after", true)
	came(row(gatheredRequests, true)...)
	want("for long, but not very long", true)
	now = now.Add(gatheredFor)
	came(true)
	want("for so long that the processor may be the wrong one", false)
	now = now.Add(apartFor)
	came(row(gatherAt, true)...)
	want("alone again", true)
}

// TestAProcessorIsChosenThatThisProcessMayRunOn: where it looked last.
func TestAProcessorIsChosenThatThisProcessMayRunOn(t *testing.T) {
	g := newGatherer(func() []int { return nil }, quiet)
	if g == nil {
		t.Skip("there is one processor, or GOMAXPROCS is set")
	}
	if cpu, err := lastCPU(); err != nil || !g.everywhere.IsSet(cpu) {
		t.Errorf("it ran on processor %d, %v", cpu, err)
	}
}
