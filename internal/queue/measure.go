package queue

import (
	"faasd/internal/metrics"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Ready reports whether a broker knows this queue.
func (m *Machine) Ready() bool {
	for _, b := range m.brokers {
		if b.state == linked {
			return true
		}
	}
	return false
}

// Waits says what it is not ready without.
func (m *Machine) Waits() string { return "waits for a broker" }

// Measure tells what the queue has counted.
func (m *Machine) Measure(now role.Time, to *metrics.Sink) {
	to.Flag(metrics.PartDraining, m.draining, wire.RoleQueue, m.name)
	m.measureJobs(now, to)
	m.measureWorkers(to)
	to.Set(metrics.QueueArrived, float64(m.arrivals), m.name)
	to.Set(metrics.QueueHandovers, float64(m.moved), m.name, "given")
	to.Set(metrics.QueueHandovers, float64(m.taken), m.name, "taken")
	to.Set(metrics.QueueRetries, float64(m.retries), m.name)
	to.Set(metrics.QueueLostWorkers, float64(m.lostWorkers), m.name)
	to.Set(metrics.QueueLate, float64(m.late), m.name)
	to.Tally(&m.jobTally, metrics.QueueJobs, metrics.QueueJobSeconds, m.name, wire.ResultOf)
}

// measureJobs tells of the jobs that are here.
func (m *Machine) measureJobs(now role.Time, to *metrics.Sink) {
	type load struct{ waiting, running, oldest float64 }
	loads := make(map[string]load) // by label, which some functions share
	for name, f := range m.functions {
		label := m.jobTally.Label(name)
		l := loads[label]
		l.waiting += float64(f.waiting())
		l.running += float64(f.running)
		if e := f.oldest(); e != nil {
			l.oldest = max(l.oldest, (now - e.arrived).Seconds())
		}
		loads[label] = l
	}
	for label, l := range loads {
		to.Set(metrics.QueueWaiting, l.waiting, m.name, label)
		to.Set(metrics.QueueRunning, l.running, m.name, label)
		to.Set(metrics.QueueOldest, l.oldest, m.name, label)
	}
}

// measureWorkers tells of the workers that have joined.
func (m *Machine) measureWorkers(to *metrics.Sink) {
	slots, free := 0, 0
	states := map[string]int{"idle": 0, "busy": 0, "draining": 0, "dying": 0, "lost": len(m.lost)}
	for _, w := range m.workers {
		if !w.welcomed {
			continue
		}
		slots += w.slots
		free += w.free()
		switch {
		case w.doomed != 0:
			states["dying"]++
		case w.draining || w.drainAsked:
			states["draining"]++
		case len(w.jobs) > 0:
			states["busy"]++
		default:
			states["idle"]++
		}
	}
	for state, n := range states {
		to.Set(metrics.QueueWorkers, float64(n), m.name, state)
	}
	to.Set(metrics.QueueSlots, float64(slots), m.name)
	to.Set(metrics.QueueFree, float64(free), m.name)
}
