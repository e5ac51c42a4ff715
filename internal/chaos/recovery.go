package chaos

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// What recovery means: the time from a fault to the first second of which the
// requests sent in it have a 99th percentile below recoveredBelow times the one
// of the requests sent in the baseline before the fault, and so has every second
// that begins within steady after it. Seconds are looked at in steps of step. A
// request without an answer took for ever.
const (
	recoveredBelow = 4
	baseline       = 3 * time.Second
	steady         = time.Second
	window         = time.Second
	step           = 100 * time.Millisecond
)

const forever = time.Duration(math.MaxInt64)

// latencies answers for how long the requests of a time took.
type latencies []outcome // by due

func newLatencies(outcomes []outcome) latencies {
	return slices.SortedFunc(slices.Values(outcomes), func(a, b outcome) int { return cmp.Compare(a.due, b.due) })
}

// between are the requests that were sent from one time until before another.
func (l latencies) between(from, until time.Duration) latencies {
	at := func(t time.Duration) int {
		i, _ := slices.BinarySearchFunc(l, t, func(o outcome, t time.Duration) int { return cmp.Compare(o.due, t) })
		return i
	}
	return l[at(from):max(at(from), at(until))]
}

// percentile is the time within which a share of the requests that were sent
// from one time until before another were answered; false if there were none.
func (l latencies) percentile(share float64, from, until time.Duration) (time.Duration, bool) {
	sent := l.between(from, until)
	if len(sent) == 0 {
		return 0, false
	}
	took := make([]time.Duration, 0, len(sent))
	for _, o := range sent {
		if o.verdict == right {
			took = append(took, o.took())
		} else {
			took = append(took, forever)
		}
	}
	return percentile(share, took), true
}

// percentile is the smallest of the values that at least that share of them is
// not above (the nearest rank). It sorts them.
func percentile(share float64, values []time.Duration) time.Duration {
	slices.Sort(values)
	rank := int(math.Ceil(share * float64(len(values))))
	return values[max(rank, 1)-1]
}

// recovery returns how long after a fault the system was as before, and the 99th
// percentile before it; false if it was not until the end, which is the next
// fault or that of the load.
func (l latencies) recovery(fault, end time.Duration) (took, before time.Duration, ok bool) {
	before, ok = l.percentile(0.99, max(0, fault-baseline), fault)
	if !ok || before == forever {
		return 0, 0, false
	}
	took, ok = settled(fault, end, func(t time.Duration) bool {
		p, any := l.percentile(0.99, t, t+window)
		return any && p < recoveredBelow*before
	})
	return took, before, ok
}

// settled returns how long after a time the first second began that was good,
// and so was every one that began within steady after it; false if none did
// before the end.
func settled(from, end time.Duration, good func(t time.Duration) bool) (took time.Duration, ok bool) {
	first := from // the second since which all were good
	for t := from; t+window <= end; t += step {
		switch {
		case !good(t):
			first = t + step
		case t-first >= steady:
			return first - from, true
		}
	}
	return 0, false
}
