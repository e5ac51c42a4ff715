package cluster

import (
	"slices"

	"faasd/internal/latency"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Function is one function: at all queues that are heard, and as it is deployed.
type Function struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`             // StateOK, StateNoWorker or, of a deployed one, StateFailed, StateBroken or StateRemoved
	Kind    string   `json:"kind,omitempty"`    // of a deployed one
	Version uint32   `json:"version,omitempty"` // of a deployed one: where new requests go; 0: none has come up
	Labels  []string `json:"labels,omitempty"`  // that its workers must have
	Queues  int      `json:"queues"`            // that know it
	Workers int      `json:"workers"`
	Free    int      `json:"free"`
	Waiting int      `json:"waiting"`
	Running int      `json:"running"`
	Oldest  int64    `json:"oldest_ms"`
	Arrived uint64   `json:"arrived"` // at queues, since each started
	Done    uint64   `json:"done"`
	Failed  uint64   `json:"failed"`  // of Done, other than OK
	Latency Latency  `json:"latency"` // its Count is 0 if a queue does not tell it apart
	Rates   Rates    `json:"rates"`

	Broken []wire.Broken `json:"broken,omitempty"` // workers at which the version where requests go does not come up, the first few of each queue
}

// functions are drawn by adding up what queues say of each.
type functions map[string]*drawnFunction

type drawnFunction struct {
	Function
	removed bool
	latency latency.Sum
}

// named returns the function of that name, a new one if there is none.
func (all functions) named(name string) *drawnFunction {
	f := all[name]
	if f == nil {
		f = &drawnFunction{Function: Function{Name: name}}
		all[name] = f
	}
	return f
}

// deploy adds what is deployed, nil is nothing, and at which workers versions of
// that are broken.
func (all functions) deploy(c *wire.Catalogue, broken []wire.Broken) {
	if c == nil {
		return
	}
	for i := range c.Functions {
		d := &c.Functions[i]
		if d.Removed && all[d.Name] == nil {
			continue
		}
		f := all.named(d.Name)
		f.removed = d.Removed
		f.Version = d.Current
		v := d.Version(d.Current)
		if v == nil && len(d.Versions) > 0 {
			v = &d.Versions[len(d.Versions)-1]
		}
		if v != nil {
			f.Kind, f.Labels = v.Kind, v.Labels
		}
		for _, b := range broken {
			if b.Function == d.Name && b.Version == d.Current {
				f.Broken = append(f.Broken, b)
			}
		}
	}
}

// broken are the versions that workers of a queue cannot run.
func (e *Entry) broken() []wire.Broken {
	if q := e.State.Queue; q != nil && q.Following != nil {
		return q.Following.Broken
	}
	return nil
}

func (all functions) add(e *Entry, rates map[string]Rates) {
	if e.State.Queue == nil {
		return
	}
	latencies := e.latency().functions
	for name, s := range e.State.Queue.Functions {
		f := all.named(name)
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

// addPast adds what a queue has counted of functions that it does not know at
// present, and others do.
func (all functions) addPast(e *Entry) {
	if e.State.Queue == nil {
		return
	}
	for name, c := range e.State.Queue.Past {
		if f := all[name]; f != nil {
			f.Arrived += c.Arrived
			f.Done += c.Done
			f.Failed += c.Failed
		}
	}
}

// removed are the names of those that take no requests any more.
func (all functions) removed() map[string]bool {
	names := make(map[string]bool)
	for name, f := range all {
		if f.removed {
			names[name] = true
		}
	}
	return names
}

// Serves are the functions that new requests may go to at a worker. Its Functions
// has those that were removed too, for as long as somebody may wait for them.
func (p *Picture) Serves(w *Worker) []string {
	return slices.DeleteFunc(slices.Clone(w.Functions), func(name string) bool { return p.removed[name] })
}

// Served reports whether some worker has a function.
func (p *Picture) Served(function string) bool {
	return slices.ContainsFunc(p.Functions, func(f Function) bool { return f.Name == function && f.Workers > 0 })
}

// WaitInVain reports whether a job waits at a queue whose function no worker of
// any queue serves. Others are pulled by queues that have one.
func (p *Picture) WaitInVain(q *Queue) bool {
	for name, f := range q.Functions {
		if f.Waiting > 0 && !p.Served(name) {
			return true
		}
	}
	return false
}

// draw lists them by name. Of those that were removed, which workers have for as
// long as somebody may wait, only those that have jobs are listed.
func (all functions) draw() []Function {
	list := make([]Function, 0, len(all))
	for _, f := range role.InOrder(all) {
		f.Latency = latencyOf(&f.latency)
		switch {
		case f.removed && f.Waiting+f.Running == 0:
			continue
		case f.removed:
			f.State = StateRemoved
		case len(f.Broken) > 0:
			f.State = StateBroken
		case f.Workers > 0:
			f.State = StateOK
		case f.Kind != "" && f.Version == 0:
			f.State = StateFailed
		default:
			f.State = StateNoWorker
		}
		list = append(list, f.Function)
	}
	return list
}
