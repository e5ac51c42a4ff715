package main

import (
	"fmt"
	"math"
	"slices"
)

// What the screen may cost: % of a core, % more CPU for a job, and ms for a key.
const (
	idleBudget  = 1.0
	loadBudget  = 5.0
	jobBudget   = 3.0
	pressBudget = 50.0
)

// A spread is the median of several rounds, and the quartiles: half of the rounds are between these.
type spread struct{ median, low, high float64 }

func spreadOf[T any](rounds []T, of func(*T) float64) spread {
	var values []float64
	for i := range rounds {
		values = append(values, of(&rounds[i]))
	}
	return spread{median(values), percentile(values, 0.25), percentile(values, 0.75)}
}

func (s spread) format(verb string) string {
	if s.low == s.high {
		return fmt.Sprintf(verb, s.median)
	}
	return fmt.Sprintf(verb+" ("+verb+" to "+verb+")", s.median, s.low, s.high)
}

// percentile is the least value that the share q of all does not exceed.
func percentile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

// more is by how many % the CPU for a job is more with the screen.
func (o *openClose) more() float64 {
	if o.Closed.PerJob == 0 {
		return 0
	}
	return 100 * (o.Open.PerJob/o.Closed.PerJob - 1)
}

func (o *openClose) String() string {
	s := fmt.Sprintf("faasctl %.2f %% of a core, cluster %.2f %% with it, %.2f %% without", o.Open.Screen, o.Open.System, o.Closed.System)
	if o.Open.Requests > 0 {
		s += fmt.Sprintf("; %.0f and %.0f jobs/s, %+.1f %% CPU for each, lost or wrong %d", o.Open.RPS, o.Closed.RPS, o.more(), o.failures())
	}
	return s
}

func (o *openClose) failures() int { return o.Open.Failures + o.Closed.Failures }

func (c *crowdedScreen) String() string {
	return fmt.Sprintf("screen, %d queues, %d workers: faasctl %.2f %% of a core, %d keys, p50 %.1f ms, p99 %.1f ms", c.Queues, c.Workers,
		c.Screen, len(c.Presses), percentile(c.Presses, 0.5), percentile(c.Presses, 0.99))
}

var costColumns = []string{"system", "measured", "screen closed", "screen open", "more", "budget"}

func (r report) costRows() (rows [][]string) {
	of := func(value func(*screenCost) float64) spread { return spreadOf(r.Screen, value) }
	const (
		screenCPU = "faasctl, % of a core"
		none      = "–"
	)
	load := fmt.Sprintf("%.0f jobs/s", of(func(c *screenCost) float64 { return c.Load.Open.RPS }).median)
	crowd := fmt.Sprintf("%d queues, %d workers", r.Crowded.Queues, r.Crowded.Workers)
	presses := r.Crowded.Presses
	return [][]string{
		{"idle", screenCPU, none, of(func(c *screenCost) float64 { return c.Idle.Open.Screen }).format("%.2f"), none, atMost("%.0f", idleBudget)},
		{
			"idle", "cluster, % of a core",
			of(func(c *screenCost) float64 { return c.Idle.Closed.System }).format("%.2f"),
			of(func(c *screenCost) float64 { return c.Idle.Open.System }).format("%.2f"),
			of(func(c *screenCost) float64 { return c.Idle.Open.System - c.Idle.Closed.System }).format("%+.2f"), none,
		},
		{load, screenCPU, none, of(func(c *screenCost) float64 { return c.Load.Open.Screen }).format("%.2f"), none, atMost("%.0f", loadBudget)},
		{
			load, "cluster, CPU ms a job",
			of(func(c *screenCost) float64 { return c.Load.Closed.PerJob }).format("%.4f"),
			of(func(c *screenCost) float64 { return c.Load.Open.PerJob }).format("%.4f"),
			of(func(c *screenCost) float64 { return c.Load.more() }).format("%+.1f %%"), atMost("%.0f %%", jobBudget),
		},
		{crowd, screenCPU, none, fmt.Sprintf("%.2f", r.Crowded.Screen), none, none},
		{
			crowd, "a key, until its answer is there", none,
			fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", percentile(presses, 0.5), percentile(presses, 0.99)), none, atMost("%.0f ms", pressBudget),
		},
	}
}

func atMost(verb string, most float64) string { return fmt.Sprintf("≤ "+verb, most) }

// costHeading says how the costs were taken.
func (r report) costHeading() string {
	of := r.medianOf()
	if r.Rounds > 1 {
		of += ", quartiles in parentheses"
	}
	return r.taken() + "\n" + fmt.Sprintf("%s; windows of %d s each; %d keys.", of, r.Seconds, len(r.Crowded.Presses))
}
