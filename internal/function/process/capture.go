package process

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
)

// head keeps what is written to it, up to a limit, and fails beyond. It is safe
// for concurrent use.
type head struct {
	most int           // bytes; 0: any number
	full chan struct{} // closed when more was written

	mu     sync.Mutex
	blocks []*block // all full but the last
	size   int      // bytes in them
}

var errFull = errors.New("more was written than is kept")

func newHead(most int) *head { return &head{most: most, full: make(chan struct{})} }

// Write keeps b, or nothing of it if that were too much.
func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.most > 0 && h.size+len(b) > h.most {
		if !isClosed(h.full) {
			close(h.full)
		}
		return 0, errFull
	}
	for rest := b; len(rest) > 0; {
		used := h.size % blockSize
		if used == 0 {
			h.blocks = append(h.blocks, newBlock())
		}
		n := copy(h.blocks[len(h.blocks)-1][used:], rest)
		h.size += n
		rest = rest[n:]
	}
	return len(b), nil
}

// Bytes returns what was written by now.
func (h *head) Bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]byte, 0, h.size)
	for _, b := range h.blocks {
		all = append(all, b[:min(blockSize, h.size-len(all))]...)
	}
	return all
}

// release forgets what was written.
func (h *head) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.blocks {
		b.release()
	}
	h.blocks, h.size = nil, 0
}

// tail passes on what is written to it and keeps the end. It is safe for
// concurrent use, if the next writer is not written to by others.
type tail struct {
	most int // bytes
	next io.Writer

	mu  sync.Mutex
	buf []byte // at most twice as much
}

func newTail(most int, next io.Writer) *tail { return &tail{most: most, next: next} }

func (t *tail) Write(b []byte) (int, error) {
	t.keep(b)
	return t.next.Write(b)
}

func (t *tail) keep(b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b[max(0, len(b)-t.most):]...)
	if over := len(t.buf) - t.most; over > t.most {
		t.buf = slices.Delete(t.buf, 0, over)
	}
}

// String returns the end of what was written, as valid UTF-8.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.buf[max(0, len(t.buf)-t.most):]), "\uFFFD")
}
