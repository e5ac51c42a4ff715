package main

import (
	"fmt"
	"math"
)

// A cluster is one whose cost is reckoned: how many there are of each role, and what is asked of them.
type cluster struct {
	workers, queues, brokers, frontends float64
	jobs                                float64 // a second
	states                              float64 // a second, of a queue
}

// large is the cluster of docs/SCALING.md.
var large = cluster{workers: 10_000, queues: 300, brokers: 50, frontends: 20, jobs: 100_000, states: 20}

// What no benchmark measures: HTTP's µs for a request at a frontend, by a profile of a whole system; workers that a queue has; and what a
// coordinator's network carries, in bytes/s.
const (
	httpCost     = 17
	queueWorkers = 33
	network      = 10e9 / 8
)

func (c costs) of(name string) float64 { return c[name].Median }

// deliveries are the states that the coordinator hands out each second: those of all queues to all queues and frontends.
func (c cluster) deliveries() float64 { return c.queues * c.states * (c.queues + c.frontends) }

// hear is what a queue does with another's state, in µs: part of it grows with the queues.
func (c costs) hear(queues float64) float64 {
	each := (c.of(hearMany) - c.of(hearFew)) / (300 - 3)
	return c.of(hearFew) + each*(queues-3)
}

var jobSizingColumns = []string{"role", "µs a job: step + ends × e", "of one process", "of all"}

// jobRows is what jobs cost each role, from messages that come many at a time to those that wake a process each.
func (c cluster) jobRows(u costs) (rows [][]string) {
	least, most := 0.0, 0.0
	for _, role := range []struct {
		name       string
		step, ends float64
		processes  float64
	}{
		{"frontend, HTTP included", u.of(frontendJob) + u.of(frontendCall) + httpCost, 2, c.frontends},
		{"broker", u.of(brokerJob), 4, c.brokers},
		{"queue", u.of(queueJob), 4, c.queues},
		{"worker, without the function", u.of(workerJob), 2, c.workers},
	} {
		low, high := role.step+role.ends*u.of(endBusy), role.step+role.ends*u.of(endIdle)
		least, most = least+low, most+high
		of := fmt.Sprintf("%.1f + %.0f e = %s", role.step, role.ends, fromTo("%.0f", low, high))
		cores := c.jobs / 1e6
		rows = append(rows, []string{
			role.name, of, fromTo("%.2g", 100*cores*low/role.processes, 100*cores*high/role.processes) + " % of a core",
			fromTo("%.1f", cores*low, cores*high) + " cores",
		})
	}
	return append(rows, []string{"together", fromTo("%.0f", least, most), "–", fromTo("%.0f", c.jobs/1e6*least, c.jobs/1e6*most) + " cores"})
}

var busSizingColumns = []string{"role", "of one process", "of all", "idle: of one process", "of all"}

// busRows is what the coordination bus costs each role: while queues publish as often as they may, and once a second.
func (c cluster) busRows(u costs) (rows [][]string) {
	idle := c
	idle.states = 1
	for _, role := range []struct {
		name      string
		processes float64
		cost      func(cluster) float64 // µs a second of one process
	}{
		{"coordinator", 1, func(c cluster) float64 {
			return c.queues*c.states*(u.of(coordinatorState)+u.of(endBusy)) + c.deliveries()*u.of(delivery)/2
		}},
		{"queue", c.queues, func(c cluster) float64 {
			return (c.queues-1)*c.states*(u.hear(c.queues)+u.of(delivery)/2) + c.states*u.of(ownState)
		}},
		{"frontend", c.frontends, func(c cluster) float64 {
			return c.queues * c.states * (u.of(frontendState) + u.of(delivery)/2)
		}},
	} {
		row := []string{role.name}
		for _, at := range []cluster{c, idle} {
			cores := role.cost(at) / 1e6
			row = append(row, percent(cores), fmt.Sprintf("%.2g cores", cores*role.processes))
		}
		rows = append(rows, row)
	}
	for _, role := range []struct {
		name      string
		processes float64
		cost      float64 // µs a second of one process
	}{
		{"broker, links without work", c.brokers, u.of(brokerSecond) + 2*(c.queues+c.frontends)*u.of(endIdle)},
		{"queue, links without work", c.queues, u.of(queueSecond) + 2*(c.brokers+queueWorkers)*u.of(endIdle)},
	} {
		one, all := percent(role.cost/1e6), fmt.Sprintf("%.2g cores", role.cost*role.processes/1e6)
		rows = append(rows, []string{role.name, one, all, one, all})
	}
	return rows
}

var amountColumns = []string{"what", "much"}

// amountRows are messages and bytes, and how many queues there may be until something is full.
func (c cluster) amountRows(u costs) [][]string {
	idle := c
	idle.states = 1
	bytes := func(n float64) string {
		for _, unit := range []struct {
			name string
			of   float64
		}{{"GB", 1e9}, {"MB", 1e6}} {
			if n >= unit.of {
				return fmt.Sprintf("%.3g %s/s", n/unit.of, unit.name)
			}
		}
		return fmt.Sprintf("%.3g kB/s", n/1e3)
	}
	job := 3 * (u.of(jobBytes) + u.of(resultBytes))
	return [][]string{
		{"a job and its result on all six links", fmt.Sprintf("%.0f bytes; %s for all jobs", job, bytes(job*c.jobs))},
		{"states delivered, busy; idle", fmt.Sprintf("%.3g; %.2g million/s", c.deliveries()/1e6, idle.deliveries()/1e6)},
		{"out of the coordinator, busy; idle; busy with 100 functions", fmt.Sprintf("%s; %s; %s", bytes(c.deliveries()*u.of(stateBytes)),
			bytes(idle.deliveries()*u.of(stateBytes)), bytes(c.deliveries()*u.of(stateBytesMany)))},
		{"into a queue", bytes(c.queues * c.states * u.of(stateBytes))},
		{"queues at which the coordinator's one ZeroMQ thread is full", fmt.Sprintf("%.0f", c.full(1e6/(u.of(delivery)/2)))},
		{"queues at which 10 Gbit/s are full; with 100 functions", fmt.Sprintf("%.0f; %.0f", c.full(network/u.of(stateBytes)), c.full(network/u.of(stateBytesMany)))},
		{"queues at which a queue's owner, one goroutine, is full", fmt.Sprintf("%.0f", c.deaf(u))},
	}
}

// full is how many queues bring the deliveries to so many a second.
func (c cluster) full(deliveries float64) float64 {
	return (math.Sqrt(c.frontends*c.frontends+4*deliveries/c.states) - c.frontends) / 2
}

// deaf is how many queues take all of a core of each to hear of each other.
func (c cluster) deaf(u costs) float64 {
	queues := 1.0
	for queues < 1e5 && (queues-1)*c.states*u.hear(queues) < 1e6 {
		queues++
	}
	return queues
}

func fromTo(verb string, low, high float64) string {
	return fmt.Sprintf(verb, low) + " to " + fmt.Sprintf(verb, high)
}

// percent writes a share of a core.
func percent(cores float64) string {
	if cores >= 0.1 {
		return fmt.Sprintf("%.0f %% of a core", 100*cores)
	}
	return fmt.Sprintf("%.2g %% of a core", 100*cores)
}
