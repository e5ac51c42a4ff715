package job

import "slices"

// FIFO is a slice that is added to at the end and taken from at the front, in
// the same memory again and again. The zero FIFO is empty.
type FIFO[T any] struct {
	all  []T
	head int
}

// keepFIFO is how many elements' room an empty FIFO keeps.
const keepFIFO = 1024

// Push adds v behind all others.
func (f *FIFO[T]) Push(v T) {
	if f.head > 0 && len(f.all) == cap(f.all) && f.head >= len(f.all)/2 {
		n := copy(f.all, f.all[f.head:])
		clear(f.all[n:])
		f.all, f.head = f.all[:n], 0
	}
	f.all = append(f.all, v)
}

// Drop takes away the first n.
func (f *FIFO[T]) Drop(n int) {
	clear(f.all[f.head : f.head+n])
	if f.head += n; f.head < len(f.all) {
		return
	}
	if f.all, f.head = f.all[:0], 0; cap(f.all) > keepFIFO {
		f.all = nil
	}
}

// Delete takes away the one at i, counted from the front.
func (f *FIFO[T]) Delete(i int) { f.all = slices.Delete(f.all, f.head+i, f.head+i+1) }

// Items are what is there, the first to be taken in front. They are valid until the FIFO
// changes.
func (f *FIFO[T]) Items() []T { return f.all[f.head:] }

// Len is how many there are.
func (f *FIFO[T]) Len() int { return len(f.all) - f.head }
