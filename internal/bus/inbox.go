package bus

import (
	"sync"
	"sync/atomic"

	"faasd/internal/role"
)

// An inbox holds functions that wait for the owner's turn. What push accepted
// is returned by exactly one take, or by close.
type inbox struct {
	waiting atomic.Bool // fns is not empty; may be read without mu

	mu     sync.Mutex // guards what follows
	fns    []func(role.Time)
	spare  []func(role.Time) // the slice before last, to be filled again
	closed bool
}

// push adds fn, and reports false when the inbox is closed.
func (b *inbox) push(fn func(role.Time)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.fns = append(b.fns, fn)
	b.waiting.Store(true)
	return true
}

// take empties the inbox. The slice is the caller's until the next
// take, and should be cleared after use so that it holds nothing alive.
func (b *inbox) take() []func(role.Time) {
	if !b.waiting.Load() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	fns := b.fns
	b.fns, b.spare = b.spare[:0], fns
	b.waiting.Store(false)
	return fns
}

// close refuses what comes from now on and returns what had been accepted.
func (b *inbox) close() []func(role.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.waiting.Store(false)
	fns := b.fns
	b.fns, b.spare = nil, nil
	return fns
}
