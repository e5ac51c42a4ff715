package cluster

import (
	"slices"

	"faasd/internal/wire"
)

const (
	// rateOver is how far back rates look at least, by a member's own clock, ms:
	// with values sampleEvery apart or, if nothing changes, publishEvery, it is 2 to 3 s.
	rateOver    = 2000
	sampleEvery = 500
	// rateLeast is the least time, ms, of which a rate is told.
	rateLeast = 1000
)

// Rates are per second, over the last 2 to 3 s of who counts: they are true
// however often and however late it tells.
type Rates struct {
	Known  bool    `json:"known"` // it was heard for a second at least; else the others are 0
	In     float64 `json:"in"`
	Out    float64 `json:"out"`
	Failed float64 `json:"failed"` // of Out, other than OK
}

// add adds rates that are known.
func (r *Rates) add(o Rates) {
	r.Known = r.Known || o.Known
	r.In += o.In
	r.Out += o.Out
	r.Failed += o.Failed
}

// history is what a member has said lately, by its own clock, ms, oldest first:
// the newest, and others down to the first that is rateOver older.
type history[T any] []said[T]

type said[T any] struct {
	clock int64
	value T
}

func (h *history[T]) add(clock int64, value T) {
	list := *h
	n := len(list)
	switch {
	case clock == 0 || n > 0 && clock <= list[n-1].clock:
		return
	case n >= 2 && list[n-1].clock-list[n-2].clock < sampleEvery:
		list[n-1] = said[T]{clock, value}
	default:
		list = append(list, said[T]{clock, value})
	}
	for len(list) > 2 && clock-list[1].clock >= rateOver {
		list = slices.Delete(list, 0, 1)
	}
	*h = list
}

// span returns the values that rates are reckoned from, and the seconds between
// them; false if that is too little to tell.
func (h history[T]) span() (from, to T, seconds float64, ok bool) {
	if len(h) < 2 {
		return from, to, 0, false
	}
	first, last := h[0], h[len(h)-1]
	return first.value, last.value, float64(last.clock-first.clock) / 1000, last.clock-first.clock >= rateLeast
}

// perSecond is a counter's rate. One that is less than before has begun anew, as
// a function's does that a queue had forgotten.
func perSecond(from, to uint64, seconds float64) float64 {
	if to < from {
		from = 0
	}
	return float64(to-from) / seconds
}

// counters are what a member counts: nil what it does not. A stranger may count
// this now and that later.
type counters struct {
	queue    *wire.QueueState
	frontend *wire.FrontendState
}

// queueRates are the rates of a queue, and of its functions.
func queueRates(h history[counters]) (all Rates, functions map[string]Rates) {
	from, to, seconds, ok := h.span()
	if !ok {
		return Rates{}, nil
	}
	a, b := from.queue, to.queue
	if a == nil || b == nil {
		return Rates{}, nil
	}
	all = Rates{true, perSecond(a.Arrived, b.Arrived, seconds), perSecond(a.Done, b.Done, seconds), perSecond(a.Failed, b.Failed, seconds)}
	functions = make(map[string]Rates, len(b.Functions))
	for name, f := range b.Functions {
		o, known := a.Functions[name]
		if !known {
			c := a.Past[name] // zero: it was never known
			o.Arrived, o.Done, o.Failed = c.Arrived, c.Done, c.Failed
		}
		functions[name] = Rates{true, perSecond(o.Arrived, f.Arrived, seconds), perSecond(o.Done, f.Done, seconds), perSecond(o.Failed, f.Failed, seconds)}
	}
	return all, functions
}

// frontendRates are the rates of a frontend, and that of what it refuses.
func frontendRates(h history[counters]) (all Rates, refused float64) {
	from, to, seconds, ok := h.span()
	if !ok {
		return Rates{}, 0
	}
	a, b := from.frontend, to.frontend
	if a == nil || b == nil {
		return Rates{}, 0
	}
	all = Rates{true, perSecond(a.Accepted, b.Accepted, seconds), perSecond(a.Answered, b.Answered, seconds), perSecond(a.Failed, b.Failed, seconds)}
	return all, perSecond(a.Refused, b.Refused, seconds)
}

// workerRates are the rates of a queue's workers, by id. A worker that was not
// there before has counted from 0.
func workerRates(h history[[]wire.WorkerDetail]) map[string]Rates {
	from, to, seconds, ok := h.span()
	if !ok {
		return nil
	}
	before := make(map[string]*wire.WorkerDetail, len(from))
	for i := range from {
		before[from[i].ID] = &from[i]
	}
	rates := make(map[string]Rates, len(to))
	for i := range to {
		w, o := &to[i], before[to[i].ID]
		if o == nil {
			o = &wire.WorkerDetail{}
		}
		rates[w.ID] = Rates{Known: true, Out: perSecond(o.Done, w.Done, seconds), Failed: perSecond(o.Failed, w.Failed, seconds)}
	}
	return rates
}
