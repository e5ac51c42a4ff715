package job

import (
	"maps"

	"faasd/internal/wire"
)

// maxOrigins is when origins of which no result is kept are forgotten; those of
// which one is are bounded as the results are. It is far above the frontends of
// a system.
const maxOrigins = 1024

// Results keeps the outcomes of finished jobs for whoever asks again, within
// bounds, until their origin is known to have them.
type Results struct {
	bounds  Window
	bytes   uint64
	byID    map[wire.JobID]*wire.Message
	origins map[wire.Incarnation]*origin
	order   FIFO[wire.JobID] // by age, for the bounds
}

type origin struct {
	open uint64     // everything below is closed there
	kept FIFO[kept] // by age
}

type kept struct {
	seq uint64
	id  wire.JobID
}

// NewResults makes a store that holds at most bounds; the oldest go first.
func NewResults(bounds Window) *Results {
	return &Results{
		bounds: bounds, byID: make(map[wire.JobID]*wire.Message), origins: make(map[wire.Incarnation]*origin),
	}
}

// Get returns the result of a job, nil if it is not kept.
func (r *Results) Get(id wire.JobID) *wire.Message { return r.byID[id] }

// Put keeps a result, whose Origin and OriginSeq say whose it is.
func (r *Results) Put(m *wire.Message) {
	o := r.origins[m.Origin]
	if o == nil {
		if len(r.origins) >= maxOrigins {
			maps.DeleteFunc(r.origins, func(_ wire.Incarnation, o *origin) bool { return o.kept.Len() == 0 })
		}
		o = &origin{}
		r.origins[m.Origin] = o
	}
	if m.OriginSeq < o.open || r.byID[m.Job] != nil {
		return
	}
	o.kept.Push(kept{m.OriginSeq, m.Job})
	r.byID[m.Job] = m
	r.order.Push(m.Job)
	r.bytes += m.Size()
	for r.order.Len() > 0 && (uint64(len(r.byID)) > r.bounds.Count || r.bytes > r.bounds.Bytes) {
		r.dropOldest()
	}
}

func (r *Results) dropOldest() {
	m := r.byID[r.order.Items()[0]]
	r.order.Drop(1)
	if m == nil {
		return
	}
	r.drop(m.Job)
	if o := r.origins[m.Origin]; o != nil {
		// The origin's list has the same order. It must not grow while one
		// open job keeps all that follow from being closed.
		list, n := o.kept.Items(), 0
		for n < len(list) && r.byID[list[n].id] == nil {
			n++
		}
		if o.kept.Drop(n); o.kept.Len() == 0 {
			delete(r.origins, m.Origin) // it may be gone for good
		}
	}
}

// Closed notes that an origin has no open job with a number below open.
func (r *Results) Closed(inc wire.Incarnation, open uint64) {
	o := r.origins[inc]
	if o == nil || open <= o.open {
		return
	}
	o.open = open
	list, n := o.kept.Items(), 0
	for n < len(list) && list[n].seq < open {
		r.drop(list[n].id)
		n++
	}
	o.kept.Drop(n)
	r.compact()
}

// Forget drops everything of an origin that is gone.
func (r *Results) Forget(inc wire.Incarnation) {
	if o := r.origins[inc]; o != nil {
		for _, k := range o.kept.Items() {
			r.drop(k.id)
		}
		delete(r.origins, inc)
		r.compact()
	}
}

func (r *Results) drop(id wire.JobID) {
	if m := r.byID[id]; m != nil {
		r.bytes -= m.Size()
		delete(r.byID, id)
	}
}

// compact takes ids that are gone from the front of order, and all of them
// once they are the most of it.
func (r *Results) compact() {
	order, n := r.order.Items(), 0
	for n < len(order) && r.byID[order[n]] == nil {
		n++
	}
	r.order.Drop(n)
	if n := r.order.Len(); n > 64 && n > 2*len(r.byID) {
		var live FIFO[wire.JobID]
		for _, id := range r.order.Items() {
			if r.byID[id] != nil {
				live.Push(id)
			}
		}
		r.order = live
	}
}
