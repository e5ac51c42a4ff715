package httpcall

import (
	"math"
	"sync"
	"time"

	"faasd/internal/job"
)

// bodies are the large bodies being read, waiting for their answer, or being
// written: what is reserved for them, each function to its share.
type bodies struct {
	most int64 // bytes at a time

	mu      sync.Mutex
	shares  job.Shares // guarded by mu, as what follows
	without int64      // bytes of results that are written without room
}

// reserve makes what is reserved for one body want bytes, which were held: 0
// for a new one. False if there is no room; held is then still reserved.
func (b *bodies) reserve(function string, held, want int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if held > 0 { // in place of itself
		b.shares.Remove(function, uint64(held))
	}
	ok := b.shares.Admits(function, uint64(want), job.Window{Count: math.MaxUint64, Bytes: uint64(b.most)})
	if ok {
		held = want
	}
	if held > 0 {
		b.shares.Add(function, uint64(held))
	}
	return ok
}

func (b *bodies) release(function string, held int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares.Remove(function, uint64(held))
}

// hurry is the time that results without room have for each hurryBytes.
func (b *bodies) hurry() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.without > b.most {
		return hurryShort
	}
	return hurryTime
}

// A room is what one call has reserved. It is its goroutine's own.
type room struct {
	bodies   *bodies
	function string
	held     int64
	without  int64 // bytes that it should have instead of held, and are not reserved
}

// take makes it want bytes; false, and as it was, if there are not so many.
func (r *room) take(want int64) bool {
	ok := r.bodies.reserve(r.function, r.held, want)
	if ok {
		r.held = want
	}
	return ok
}

// overdraw has it want bytes whether or not they are there.
func (r *room) overdraw(want int64) {
	r.bodies.mu.Lock()
	defer r.bodies.mu.Unlock()
	r.bodies.without += want - r.without
	r.without = want
}

// settle reserves what is held without; false if there is still no room for it.
func (r *room) settle() bool {
	if r.without > 0 && r.take(r.without) {
		r.overdraw(0)
	}
	return r.without == 0
}

// release gives all back.
func (r *room) release() {
	r.overdraw(0)
	if r.held > 0 {
		r.bodies.release(r.function, r.held)
		r.held = 0
	}
}
