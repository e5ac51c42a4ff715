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

// add reserves room for a body; false if there is none.
func (b *bodies) add(function string, size int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	ok := b.shares.Admits(function, uint64(size), job.Window{Count: math.MaxUint64, Bytes: uint64(b.most)})
	if ok {
		b.shares.Add(function, uint64(size))
	}
	return ok
}

func (b *bodies) remove(function string, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares.Remove(function, uint64(size))
}
