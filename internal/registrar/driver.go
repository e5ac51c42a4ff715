package registrar

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Registrar is a Machine and the store that it publishes. It is driven by a
// bus.Host like the machine itself; its own methods may be called by any
// goroutine once Attach has been.
type Registrar struct {
	*Machine
	store  registry.Store
	reader *reader
	log    *slog.Logger
	built  map[string]bool // names of functions that are built in

	// Set by Attach.
	do func(func(now role.Time)) bool

	ctx     context.Context
	cancel  context.CancelFunc
	watcher sync.WaitGroup
}

var _ admin.Deployer = (*Registrar)(nil)

// NewRegistrar makes a registrar of a store. Functions that are built in cannot
// be deployed.
func NewRegistrar(m *Machine, store registry.Store, builtIn []string, log *slog.Logger) *Registrar {
	r := &Registrar{Machine: m, store: store, reader: newReader(store), log: log, built: make(map[string]bool)}
	for _, name := range builtIn {
		r.built[name] = true
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Attach gives the registrar a way into the owner's turn. It must come before
// the first turn.
func (r *Registrar) Attach(do func(func(now role.Time)) bool) {
	r.do = do
	r.watcher.Go(r.watch)
}

// Effects answers what workers want to read, and returns the machine's effects.
func (r *Registrar) Effects() []role.Effect {
	for _, read := range r.Reads() {
		go func() {
			bytes, size, err := r.reader.read(read.Digest, read.Offset)
			r.do(func(role.Time) { r.Answer(read, bytes, size, err) })
		}()
	}
	return r.Machine.Effects()
}

// Leave says goodbye, and ends what is under way.
func (r *Registrar) Leave(now role.Time) {
	r.cancel()
	r.Machine.Leave(now)
}

const (
	// lookEvery is how often the store is looked at for what others have changed.
	lookEvery = 500 * time.Millisecond
	// sweepEvery is how often what nobody needs any more is dropped from it.
	sweepEvery = time.Minute
)

// watch publishes the store, and what others change in it, until the registrar leaves.
func (r *Registrar) watch() {
	r.publish()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	swept := time.Now()
	failing := false
	for {
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			return
		}
		if time.Since(swept) >= sweepEvery {
			swept = time.Now()
			if _, err := r.store.Sweep(swept); err != nil {
				r.log.Warn("the store of functions could not be swept", "error", err)
			}
		}
		changed, err := r.store.Reload()
		if err != nil && !failing {
			r.log.Error("the store of functions cannot be read; what was known last goes on", "error", err)
		}
		failing = err != nil
		if changed || r.outdated() {
			r.publish()
		}
	}
}

// outdated reports whether the store has changed since it was published.
func (r *Registrar) outdated() bool {
	now := r.store.Catalogue()
	return now.Revision != r.published().Revision
}

// published is what was published last.
func (r *Registrar) published() wire.Applied {
	a, _ := ask(r, func(role.Time) wire.Applied { return r.catalogue.Of() })
	return a
}

// publish publishes the store as it is, and returns its revision.
func (r *Registrar) publish() uint64 {
	c := catalogue(r.store.Catalogue())
	ask(r, func(now role.Time) bool {
		if c.Revision >= r.catalogue.Revision {
			r.Publish(now, c)
		}
		return true
	})
	return c.Revision
}

// ask has fn called in the owner's turn and returns what it returns; false if
// the registrar has left.
func ask[T any](r *Registrar, fn func(now role.Time) T) (value T, ok bool) {
	answer := make(chan T, 1)
	if !r.do(func(now role.Time) { answer <- fn(now) }) {
		return value, false
	}
	select {
	case value = <-answer:
		return value, true
	case <-r.ctx.Done():
		return value, false
	}
}

// reader reads parts of packages. The last few stay open: a package is read in
// many parts, by many workers.
type reader struct {
	store registry.Store
	mu    sync.Mutex // guards open
	open  map[string]*openBlob
}

type openBlob struct {
	registry.Blob
	used  time.Time
	reads int
}

// maxOpen bounds the packages that are open at a time.
const maxOpen = 32

func newReader(store registry.Store) *reader {
	return &reader{store: store, open: make(map[string]*openBlob)}
}

func (r *reader) read(digest string, offset int64) (part []byte, size int64, err error) {
	b, err := r.take(digest)
	if err != nil {
		return nil, 0, err
	}
	defer r.giveBack(digest, b)
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
	b := r.open[digest]
	if b == nil {
		blob, err := r.store.Open(digest)
		if err != nil {
			return nil, err
		}
		b = &openBlob{Blob: blob}
		r.open[digest] = b
	}
	b.used = time.Now()
	b.reads++
	return b, nil
}

// giveBack closes the one that was not used for longest, if too many are open.
func (r *reader) giveBack(digest string, b *openBlob) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b.reads--
	if len(r.open) <= maxOpen {
		return
	}
	oldest := ""
	for d, o := range r.open {
		if o.reads == 0 && (oldest == "" || o.used.Before(r.open[oldest].used)) {
			oldest = d
		}
	}
	if oldest != "" {
		_ = r.open[oldest].Close()
		delete(r.open, oldest)
	}
}
