package native

import (
	"math"
	"sync"

	"faasd/internal/job"
)

// bodies are the large bodies being read or waiting for their answer: what is
// reserved for them, each function to its share.
type bodies struct {
	most int64 // bytes at a time

	mu     sync.Mutex
	shares job.Shares // guarded by mu
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
