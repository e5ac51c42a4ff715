package tui

import (
	"fmt"
	"slices"

	"faasd/internal/operator"
)

// leaving is how the system is without some workers.
type leaving struct {
	left    int // workers
	queues  []leavingQueue
	alone   []string // functions of those that go which nobody serves then
	waiting int      // jobs that wait for these
}

// leavingQueue is how one queue is without its workers that go.
type leavingQueue struct {
	name          string
	left, waiting int
	alone         []string // functions of those that go which no worker of it serves then
	stranded      int      // of waiting, those for these
}

// without reckons how a system is without its targets.
func without(targets []operator.Worker, p *operator.Picture) leaving {
	going := make(map[operator.WorkerKey]bool)
	var functions []string
	for i := range targets {
		going[targets[i].Key()] = true
		functions = append(functions, targets[i].Functions...)
	}
	slices.Sort(functions)
	functions = slices.Compact(functions)
	var staying []operator.Worker
	for _, w := range p.Workers {
		if w.State == operator.WorkerUp && !going[w.Key()] {
			staying = append(staying, w)
		}
	}
	l := leaving{left: len(staying), alone: unservedBy(staying, functions)}
	for i := range p.Functions {
		if f := &p.Functions[i]; slices.Contains(l.alone, f.Name) {
			l.waiting += f.Waiting
		}
	}
	for i := range p.Queues {
		q := &p.Queues[i]
		at := func(w operator.Worker) bool { return w.QueueIncarnation == q.Incarnation }
		if !slices.ContainsFunc(targets, at) {
			continue
		}
		here := slices.DeleteFunc(slices.Clone(staying), func(w operator.Worker) bool { return !at(w) })
		lq := leavingQueue{name: q.Name, left: len(here), waiting: q.Waiting, alone: unservedBy(here, functions)}
		for _, name := range lq.alone {
			lq.stranded += q.Functions[name].Waiting
		}
		l.queues = append(l.queues, lq)
	}
	return l
}

// unservedBy are those of functions that none of some workers serves.
func unservedBy(workers []operator.Worker, functions []string) []string {
	return slices.DeleteFunc(slices.Clone(functions), func(name string) bool {
		return slices.ContainsFunc(workers, func(w operator.Worker) bool { return slices.Contains(w.Functions, name) })
	})
}

// lines say it in words.
func (l *leaving) lines() (lines []string) {
	for i, q := range l.queues {
		if i == maxTargets {
			lines = append(lines, "and leaves fewer at "+plural(len(l.queues)-i, "more queue"))
			break
		}
		workers := plural(q.left, "worker")
		if q.left > 0 && len(q.alone) > 0 {
			workers += ", none for " + firstFew(q.alone)
		}
		lines = append(lines, fmt.Sprintf("leaves %s %s, %s waiting", clean(q.name), clean(workers), count(q.waiting)))
	}
	switch {
	case l.left == 0:
		lines = append(lines, "no worker is left in the whole system")
	case len(l.alone) > 0:
		lines = append(lines, "nobody is left to serve "+clean(firstFew(l.alone)))
	}
	return lines
}

// need is what must be typed before a target goes on which much depends: its
// queue's name if it is the system's last, or jobs wait for it; else "".
func (l *leaving) need(target *operator.Worker) string {
	if l.left == 0 || l.waiting > 0 {
		return target.Queue
	}
	for _, q := range l.queues {
		if q.stranded > 0 || q.left == 0 && q.waiting > 0 {
			return q.name
		}
	}
	return ""
}
