package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Tally is what came of a number of requests. Durations are in seconds.
type Tally struct {
	Requests    int            `json:"requests"`
	Answers     map[string]int `json:"answers"` // by status, or why there is none
	P50         float64        `json:"p50"`     // of what was answered 200
	P99         float64        `json:"p99"`
	Slowest     float64        `json:"slowest"`
	SentLate    float64        `json:"sent_late"` // by how much the load itself was late at most
	SentLateP99 float64        `json:"sent_late_p99"`
}

// A tally is one that is being made.
type tally struct {
	answers    map[string]int
	took, late []time.Duration
}

// newTally counts outcomes.
func newTally(outcomes []outcome) *tally {
	t := &tally{answers: make(map[string]int)}
	t.add(outcomes)
	return t
}

func (t *tally) add(outcomes []outcome) {
	for i := range outcomes {
		o := &outcomes[i]
		t.answers[o.class()]++
		t.late = append(t.late, o.late)
		if o.verdict == right {
			t.took = append(t.took, o.took())
		}
	}
}

// sum returns what has been counted.
func (t *tally) sum() Tally {
	return Tally{
		Requests: len(t.late), Answers: t.answers,
		P50: seconds(0.5, t.took), P99: seconds(0.99, t.took), Slowest: seconds(1, t.took),
		SentLate: seconds(1, t.late), SentLateP99: seconds(0.99, t.late),
	}
}

// seconds is a percentile in seconds, 0 of nothing.
func seconds(share float64, values []time.Duration) float64 {
	if len(values) == 0 {
		return 0
	}
	return percentile(share, values).Seconds()
}

// class is what an outcome is counted as.
func (o *outcome) class() string {
	switch {
	case o.verdict == held:
		return "none, held by the killed frontend"
	case o.status == 0:
		return "none"
	case o.verdict == broken && o.status == 200:
		return "200, wrong or late"
	}
	return fmt.Sprint(o.status)
}

func (t *Tally) String() string {
	var answers []string
	for _, status := range slices.Sorted(maps.Keys(t.Answers)) {
		answers = append(answers, fmt.Sprintf("%d × %s", t.Answers[status], status))
	}
	return fmt.Sprintf("%d requests, answered: %s\n50th percentile %.1f ms, 99th %.1f ms, slowest %.2f s; sent late by %.0f ms at most, 99th percentile %.1f ms",
		t.Requests, strings.Join(answers, ", "), 1000*t.P50, 1000*t.P99, t.Slowest, 1000*t.SentLate, 1000*t.SentLateP99)
}
