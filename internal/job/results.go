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
	order   []wire.JobID // by age, for the bounds
}

type origin struct {
	open uint64 // everything below is closed there
	kept []kept // by age
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
			maps.DeleteFunc(r.origins, func(_ wire.Incarnation, o *origin) bool { return len(o.kept) == 0 })
		}
		o = &origin{}
		r.origins[m.Origin] = o
	}
	if m.OriginSeq < o.open || r.byID[m.Job] != nil {
		return
	}
	o.kept = append(o.kept, kept{m.OriginSeq, m.Job})
	r.byID[m.Job] = m
	r.order = append(r.order, m.Job)
	r.bytes += m.Size()
	for len(r.order) > 0 && (uint64(len(r.byID)) > r.bounds.Count || r.bytes > r.bounds.Bytes) {
		r.dropOldest()
	}
}

func (r *Results) dropOldest() {
	m := r.byID[r.order[0]]
	r.order = r.order[1:]
	if m == nil {
		return
	}
	r.drop(m.Job)
	if o := r.origins[m.Origin]; o != nil {
		// The origin's list has the same order. It must not grow while one
		// open job keeps all that follow from being closed.
		for len(o.kept) > 0 && r.byID[o.kept[0].id] == nil {
			o.kept = o.kept[1:]
		}
		if len(o.kept) == 0 {
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
	n := 0
	for n < len(o.kept) && o.kept[n].seq < open {
		r.drop(o.kept[n].id)
		n++
	}
	o.kept = o.kept[n:]
	r.compact()
}

// Forget drops everything of an origin that is gone.
func (r *Results) Forget(inc wire.Incarnation) {
	if o := r.origins[inc]; o != nil {
		for _, k := range o.kept {
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
	n := 0
	for n < len(r.order) && r.byID[r.order[n]] == nil {
		n++
	}
	r.order = r.order[n:]
	if len(r.order) > 64 && len(r.order) > 2*len(r.byID) {
		live := make([]wire.JobID, 0, len(r.byID))
		for _, id := range r.order {
			if r.byID[id] != nil {
				live = append(live, id)
			}
		}
		r.order = live
	}
}
