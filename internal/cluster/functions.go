package cluster

import (
	"faasd/internal/latency"
	"faasd/internal/role"
)

// Function is one function at all queues that are heard.
type Function struct {
	Name    string  `json:"name"`
	Queues  int     `json:"queues"` // that know it
	Workers int     `json:"workers"`
	Free    int     `json:"free"`
	Waiting int     `json:"waiting"`
	Running int     `json:"running"`
	Oldest  int64   `json:"oldest_ms"`
	Arrived uint64  `json:"arrived"` // at queues, since each knows it
	Done    uint64  `json:"done"`
	Failed  uint64  `json:"failed"`  // of Done, other than OK
	Latency Latency `json:"latency"` // its Count is 0 if a queue does not tell it apart
	Rates   Rates   `json:"rates"`
}

// functions are drawn by adding up what queues say of each.
type functions map[string]*drawnFunction

type drawnFunction struct {
	Function
	latency latency.Sum
}

func (all functions) add(e *Entry, rates map[string]Rates) {
	if e.State.Queue == nil {
		return
	}
	latencies := e.latency().functions
	for name, s := range e.State.Queue.Functions {
		f := all[name]
		if f == nil {
			f = &drawnFunction{Function: Function{Name: name}}
			all[name] = f
		}
		f.Queues++
		f.Workers += s.Workers
		f.Free += s.Free
		f.Waiting += s.Waiting
		f.Running += s.Running
		f.Oldest = max(f.Oldest, s.Oldest)
		f.Arrived += s.Arrived
		f.Done += s.Done
		f.Failed += s.Failed
		f.Rates.add(rates[name])
		if l := latencies[name]; l != nil {
			f.latency.Add(l)
		}
	}
}

func (all functions) draw() []Function {
	list := make([]Function, 0, len(all))
	for _, f := range role.InOrder(all) {
		f.Latency = latencyOf(&f.latency)
		list = append(list, f.Function)
	}
	return list
}
