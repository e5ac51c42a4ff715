package main

import "fmt"

// What the screen may cost: % of a core, % more CPU for a job, and ms for a key.
const (
	idleBudget  = 1.0
	loadBudget  = 5.0
	jobBudget   = 3.0
	pressBudget = 50.0
)

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
	const (
		screenCPU = "faasctl, % of a core"
		none      = "–"
	)
	if len(r.Screen) > 0 {
		of := func(value func(*screenCost) float64) spread { return spreadOf(r.Screen, value) }
		load := fmt.Sprintf("%.0f jobs/s", of(func(c *screenCost) float64 { return c.Load.Open.RPS }).Median)
		rows = append(rows, []string{
			"idle", screenCPU, none, of(func(c *screenCost) float64 { return c.Idle.Open.Screen }).format("%.2f"), none, atMost("%.0f", idleBudget),
		}, []string{
			"idle", "cluster, % of a core",
			of(func(c *screenCost) float64 { return c.Idle.Closed.System }).format("%.2f"),
			of(func(c *screenCost) float64 { return c.Idle.Open.System }).format("%.2f"),
			of(func(c *screenCost) float64 { return c.Idle.Open.System - c.Idle.Closed.System }).format("%+.2f"), none,
		}, []string{
			load, screenCPU, none, of(func(c *screenCost) float64 { return c.Load.Open.Screen }).format("%.2f"), none, atMost("%.0f", loadBudget),
		}, []string{
			load, "cluster, CPU ms a job",
			of(func(c *screenCost) float64 { return c.Load.Closed.PerJob }).format("%.4f"),
			of(func(c *screenCost) float64 { return c.Load.Open.PerJob }).format("%.4f"),
			of(func(c *screenCost) float64 { return c.Load.more() }).format("%+.1f %%"), atMost("%.0f %%", jobBudget),
		})
	}
	if r.Crowded != nil {
		crowd := fmt.Sprintf("%d queues, %d workers", r.Crowded.Queues, r.Crowded.Workers)
		presses := r.Crowded.Presses
		rows = append(rows, []string{crowd, screenCPU, none, fmt.Sprintf("%.2f", r.Crowded.Screen), none, none}, []string{
			crowd, "a key, until its answer is there", none,
			fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", percentile(presses, 0.5), percentile(presses, 0.99)), none, atMost("%.0f ms", pressBudget),
		})
	}
	return rows
}

func atMost(verb string, most float64) string { return fmt.Sprintf("≤ "+verb, most) }

// costHeading says how the costs were taken.
func (r report) costHeading() string {
	heading := r.taken() + "\n" + fmt.Sprintf("%s; windows of %d s each", r.spreads(), r.Seconds)
	if r.Crowded != nil {
		heading += fmt.Sprintf("; %d keys", len(r.Crowded.Presses))
	}
	return heading + "."
}
