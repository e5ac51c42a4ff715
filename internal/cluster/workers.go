package cluster

import (
	"slices"

	"faasd/internal/wire"
)

// Worker is one worker of a queue, as that queue sees it.
type Worker struct {
	Queue            string           `json:"queue"`
	QueueIncarnation wire.Incarnation `json:"queue_incarnation"` // of the one that says so
	Rates            Rates            `json:"rates"`             // Out: results; In is 0
	wire.WorkerDetail
}

// Same reports whether o is the same worker as w, at another moment perhaps.
func (w Worker) Same(o Worker) bool {
	return w.ID == o.ID && w.QueueIncarnation == o.QueueIncarnation
}

// Native reports whether it speaks faasd's own protocol. Such a worker keeps its
// id wherever it goes, and may be listed by two queues for a while.
func (w *Worker) Native() bool { return w.Kind == "native" }

// Killed reports whether it was lost because an operator has asked for that.
func (w *Worker) Killed() bool {
	return w.State == wire.WorkerLost && w.Reason == wire.ReasonKilled
}

// WorkerKey tells a worker apart from all others, wherever it is listed.
type WorkerKey struct {
	ID    string
	Queue wire.Incarnation // that has numbered it; 0 of native ones
}

// Key returns the worker's key: each start of a queue numbers those that are not
// native from 1.
func (w *Worker) Key() WorkerKey {
	if w.Native() {
		return WorkerKey{ID: w.ID}
	}
	return WorkerKey{w.ID, w.QueueIncarnation}
}

// queueLost is the reason of workers whose queue is not heard.
const queueLost = "its queue is lost"

// drawWorkers draws the workers of a queue.
func drawWorkers(q *Queue, e *Entry) (workers []Worker) {
	if e.Detail == nil {
		return nil
	}
	rates := workerRates(e.workers)
	for _, w := range e.Detail.Workers {
		if q.State == StateLost && w.State != wire.WorkerLost {
			w.State, w.Reason = wire.WorkerLost, queueLost
			w.HeardMillis += q.AgeMillis // who hears it is not heard since
		}
		drawn := Worker{Queue: q.Name, QueueIncarnation: q.Incarnation, WorkerDetail: w}
		if w.State != wire.WorkerLost {
			drawn.Rates = rates[w.ID]
		}
		workers = append(workers, drawn)
	}
	return workers
}

// withoutReturned leaves out the loss of workers that are at another queue now.
func withoutReturned(workers []Worker) []Worker {
	there := make(map[string]bool)
	for i := range workers {
		w := &workers[i]
		there[w.ID] = there[w.ID] || w.Native() && w.State != wire.WorkerLost
	}
	return slices.DeleteFunc(workers, func(w Worker) bool { return w.State == wire.WorkerLost && w.Native() && there[w.ID] })
}

// Lost returns the workers that were lost lately, each once wherever it is listed.
// Those that were killed by command are not among them; nor are those of a lost
// queue, which go to another.
func (p *Picture) Lost() []*Worker {
	lost, _ := p.gone()
	return lost
}

// gone are the workers that were lost, and those that were killed by command,
// each once.
func (p *Picture) gone() (lost, killed []*Worker) {
	seen := make(map[WorkerKey]bool)
	for i := range p.Workers {
		w := &p.Workers[i]
		if w.State != wire.WorkerLost || w.Reason == queueLost || seen[w.Key()] {
			continue
		}
		seen[w.Key()] = true
		if w.Killed() {
			killed = append(killed, w)
		} else {
			lost = append(lost, w)
		}
	}
	return lost, killed
}

// countWorkers counts those that are no longer up, and takes out of what queues
// count those that two queues do: a worker that has changed its queue, of which
// the first has not heard.
func (p *Picture) countWorkers() {
	t := &p.Totals
	lost, killed := p.gone()
	t.WorkersLost, t.WorkersKilled = len(lost), len(killed)
	seen := make(map[WorkerKey]string)
	for i := range p.Workers {
		w := &p.Workers[i]
		if w.State == wire.WorkerLost {
			continue
		}
		before := seen[w.Key()]
		switch up := w.State == wire.WorkerUp; {
		case before == wire.WorkerUp && up:
			t.Workers, t.Slots = max(t.Workers-1, 0), max(t.Slots-w.Slots, 0)
		case before == "" && !up:
			t.WorkersDraining++
		case before != "" && before != wire.WorkerUp && up: // it was counted as one that drains
			t.WorkersDraining--
		}
		if before != wire.WorkerUp {
			seen[w.Key()] = w.State
		}
	}
}
