package wasm

import (
	"fmt"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// memory is the memory of one call. Its addresses are reserved as a whole, so
// that it grows in place, and the kernel gives it zeroed pages as they are
// touched: what is not used costs nothing.
type memory struct {
	reserved []byte
	refused  bool // the module wanted more
}

// reserve gets addresses for a memory of at most so many bytes.
func reserve(most int64) (*memory, error) {
	reserved, err := syscall.Mmap(-1, 0, int(most), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("no room for its memory of at most %d bytes: %w", most, err)
	}
	return &memory{reserved: reserved}, nil
}

// release gives all back to the kernel. Nothing may use the memory any more.
func (m *memory) release() error { return syscall.Munmap(m.reserved) }

// hugePage is how large pages are that the kernel can give at once, in bytes.
const hugePage = 2 << 20

// Allocate gives this memory to the instance that is being made. One that is
// large from the start, as those of Go programs are, gets large pages: a third
// of their start was page faults.
func (m *memory) Allocate(least, _ uint64) experimental.LinearMemory {
	if least >= hugePage {
		_ = syscall.Madvise(m.reserved, syscall.MADV_HUGEPAGE) // advice: without, it is only slower
	}
	return m
}

// Reallocate makes the memory larger, nil if it is to be too large.
func (m *memory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.reserved)) {
		m.refused = true
		return nil
	}
	return m.reserved[:size:size]
}

// Free does nothing: an instance that ends itself is still running then.
func (m *memory) Free() {}

var (
	_ experimental.MemoryAllocator = (*memory)(nil)
	_ experimental.LinearMemory    = (*memory)(nil)
)
