package main

import (
	"fmt"
	"strconv"
)

var growthColumns = []string{"queues", "workers", "requests/s", "of 3 workers", "CPU, s per 1,000", "of 3 workers", "memory, MB",
	"published/s, idle", fmt.Sprintf("at %d requests/s", lightRate), "under load", "handovers/s", "lost or wrong"}

func (r report) growthRows() (rows [][]string) {
	for _, s := range sizes {
		own := r.ofSize(s)
		if len(own) == 0 {
			continue
		}
		failures := 0
		for _, g := range own {
			failures += g.failures()
		}
		workers := fmt.Sprint(s.Workers)
		if s.Processes {
			workers += " processes"
		}
		rows = append(rows, []string{
			fmt.Sprint(s.Queues), workers, spreadOf(own, growthRPS).format("%.0f"), r.ofBase(s, growthRPS).ratio(""),
			spreadOf(own, growthCPU).format("%.3f"), r.ofBase(s, growthCPU).ratio(""), spreadOf(own, growthMemory).format("%.0f"),
			spreadOf(own, func(g *growth) float64 { return g.Idle.Published }).format("%.0f"),
			spreadOf(own, func(g *growth) float64 { return g.Light.Published }).format("%.0f"),
			spreadOf(own, func(g *growth) float64 { return g.Load.Published }).format("%.0f"),
			spreadOf(own, func(g *growth) float64 { return g.Load.Handovers }).format("%.0f"), fmt.Sprint(failures),
		})
	}
	return rows
}

func growthRPS(g *growth) float64    { return g.RPS }
func growthCPU(g *growth) float64    { return g.CPU }
func growthMemory(g *growth) float64 { return megabytes(g.Memory) }

func (r report) ofSize(s grown) (list []growth) {
	for _, g := range r.Growth {
		if g.grown == s {
			list = append(list, g)
		}
	}
	return list
}

// ofBase is what a size had of what its base had in the same round.
func (r report) ofBase(s grown, value func(*growth) float64) spread {
	var quotients []float64
	for _, g := range r.ofSize(s) {
		for _, base := range r.ofSize(s.base()) {
			if base.Round == g.Round {
				quotients = append(quotients, value(&g)/value(&base))
			}
		}
	}
	return spreadOver(quotients)
}

// publishedOfLight is how many messages/s are published under full load, of those under the light one.
func (r report) publishedOfLight(s grown) spread {
	var quotients []float64
	for _, g := range r.ofSize(s) {
		if g.Light.Published > 0 {
			quotients = append(quotients, g.Load.Published/g.Light.Published)
		}
	}
	return spreadOver(quotients)
}

// growthCharts are curves over the number of workers, a line for each number of queues.
func (r report) growthCharts() []chart {
	if len(r.Growth) == 0 {
		return nil
	}
	curve := func(title string, value func(*growth) float64) chart {
		c := chart{title: title, x: "workers", at: []string{"3", "30", "300", "1000"}}
		for _, queues := range []int{3, 30} {
			l := line{name: fmt.Sprintf("%d queues", queues)}
			for _, at := range c.at {
				workers, _ := strconv.Atoi(at)
				l.values = append(l.values, spreadOf(r.ofSize(grown{Queues: queues, Workers: workers}), value))
			}
			c.lines = append(c.lines, l)
		}
		return c
	}
	return []chart{
		curve(fmt.Sprintf("Growth: requests/s, %d clients", growthClients), growthRPS),
		curve("Growth: CPU, ms for each request", growthCPU),
		curve("Growth: memory, MB", growthMemory),
		curve("Growth: messages/s published under load", func(g *growth) float64 { return g.Load.Published }),
	}
}
