package registrar

import (
	"errors"
	"io"
	"sync"
	"time"

	"faasd/internal/registry"
	"faasd/internal/wire"
)

// reader reads parts of packages. The last few stay open: a package is read in
// many parts, by many workers.
type reader struct {
	store registry.Store

	mu     sync.Mutex // guards what follows
	open   map[string]*openBlob
	closed bool // nothing stays open
}

type openBlob struct {
	registry.Blob
	opened time.Time
	used   time.Time // last
	reads  int       // under way
}

const (
	// maxOpen bounds the packages that are open at a time.
	maxOpen = 32
	// openFor is how long one stays open: the store may have replaced it since,
	// because it was damaged.
	openFor = 5 * time.Second
)

func newReader(store registry.Store) *reader {
	return &reader{store: store, open: make(map[string]*openBlob)}
}

func (r *reader) read(digest string, offset int64) (part []byte, size int64, err error) {
	b, err := r.take(digest)
	if err != nil {
		return nil, 0, err
	}
	defer r.giveBack(b)
	size = b.Size()
	part = make([]byte, max(0, min(wire.ChunkBytes, size-offset)))
	n, err := b.ReadAt(part, offset)
	if n == len(part) || err == io.EOF {
		err = nil
	}
	return part[:n], size, err
}

func (r *reader) take(digest string) (*openBlob, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	b := r.open[digest]
	if b != nil && b.reads == 0 && now.Sub(b.opened) >= openFor {
		_ = b.Close() // it has been read, whatever becomes of it
		delete(r.open, digest)
		b = nil
	}
	if b == nil {
		blob, err := r.store.Open(digest)
		if err != nil {
			return nil, err
		}
		b = &openBlob{Blob: blob, opened: now}
		r.open[digest] = b
	}
	b.used = now
	b.reads++
	return b, nil
}

// giveBack ends a read, and closes those that are open without need.
func (r *reader) giveBack(b *openBlob) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.reads--
	_ = r.trim() // it has been read, whatever becomes of it
}

// trim closes those that were not used for longest, if too many are open. The
// mutex is held.
func (r *reader) trim() (err error) {
	most := maxOpen
	if r.closed {
		most = 0
	}
	for len(r.open) > most {
		oldest := ""
		for d, o := range r.open {
			if o.reads == 0 && (oldest == "" || o.used.Before(r.open[oldest].used)) {
				oldest = d
			}
		}
		if oldest == "" { // all are being read
			return err
		}
		err = errors.Join(err, r.open[oldest].Close())
		delete(r.open, oldest)
	}
	return err
}

// close closes all, those that are being read when that has ended.
func (r *reader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return r.trim()
}
