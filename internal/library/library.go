// Package library has the deployed functions of one worker: it goes by the
// catalogue, fetches packages, unpacks them, has each version made ready by its
// kind, calls it, and lets go of what is not deployed any more.
package library

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/process"
	"faasd/internal/wire"
)

// Config is what a worker's library goes by.
type Config struct {
	Folder  string        // for packages and what functions write; this library's alone
	Cache   string        // folder for compiled modules; workers on one machine share it
	Only    []string      // functions that are taken; empty: all
	Labels  []string      // of the worker: functions that ask for others are not taken
	Slots   int           // calls at a time, of all functions
	Idle    time.Duration // how long a process without a call is kept
	MaxBody int64         // bytes of an answer
	Guard   *process.Guard
	Log     *slog.Logger

	// Fetch reads a part of a package, or of a manifest, by its digest: some bytes
	// from offset on, and the size of the whole.
	Fetch func(ctx context.Context, digest string, offset int64) (part []byte, size int64, err error)
}

// Library is a worker's deployed functions. It is safe for concurrent use.
type Library struct {
	cfg     Config
	here    *regexp.Regexp // where the library's files are, up to a package's own
	built   atomic.Uint64  // versions that were unpacked so far
	tried   places         // of versions that a deploy waits for
	others  places         // of all others
	changes chan struct{}  // has a token when what Serves says has changed

	mu      sync.Mutex // guards what follows
	applied wire.Applied
	shelf   map[string]*title
	changed chan struct{} // closed when shelf changes, and made anew
	closed  bool
	retired sync.WaitGroup // versions that are being let go of
}

// New makes a library that knows of nothing yet.
func New(cfg Config) (*Library, error) {
	for _, dir := range []string{codeFolder, scratchFolder} {
		if err := os.MkdirAll(filepath.Join(cfg.Folder, dir), 0o700); err != nil {
			return nil, fmt.Errorf("cannot use %s for functions: %w; choose another folder with --work", cfg.Folder, err)
		}
	}
	return &Library{
		cfg:   cfg,
		here:  regexp.MustCompile(regexp.QuoteMeta(cfg.Folder) + `/(?:` + codeFolder + `/[^/\s]+/)?`),
		tried: make(places, preparing), others: make(places, preparing), changes: make(chan struct{}, 1),
		shelf: make(map[string]*title), changed: make(chan struct{}),
	}, nil
}

// What is in a library's folder.
const (
	codeFolder    = "code"    // packages, unpacked, each in a folder of its own
	scratchFolder = "scratch" // what functions write while they run
)

// takes reports whether this worker runs a version.
func (l *Library) takes(name string, v *wire.FunctionVersion) bool {
	if len(l.cfg.Only) > 0 && !slices.Contains(l.cfg.Only, name) {
		return false
	}
	for _, label := range v.Labels {
		if !slices.Contains(l.cfg.Labels, label) {
			return false
		}
	}
	return true
}

// unknownFor is how long a call waits for a version that the catalogue does not
// have yet: whoever sent it may have heard of it sooner.
const unknownFor = 5 * time.Second

// Invoke calls a version of a function, the current one if in.Version is 0, and
// returns which it was.
func (l *Library) Invoke(ctx context.Context, in function.Invocation) (function.Result, uint32, error) {
	v, err := l.find(ctx, in.Function, in.Version)
	if err != nil {
		return function.Result{}, in.Version, err
	}
	defer v.release()
	in.Version = v.of.Number
	if err := l.prepare(ctx, v); err != nil {
		return function.Result{}, in.Version, err
	}
	res, err := l.call(ctx, v, in)
	return res, in.Version, err
}

// find returns a version, and holds it until it is released.
func (l *Library) find(ctx context.Context, name string, number uint32) (*version, error) {
	timer := time.NewTimer(unknownFor)
	defer timer.Stop()
	for {
		v, changed := l.hold(name, number)
		if v != nil {
			return v, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return nil, function.Failed(function.TypeInit, "this worker does not know version %d of %s; it may have been removed, or this worker's queue is cut off from the registrar", number, name)
		}
	}
}

func (l *Library) hold(name string, number uint32) (v *version, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.shelf[name]
	if t == nil || l.closed {
		return nil, l.changed
	}
	if number == 0 {
		number = t.deployed.Current
	}
	of := t.deployed.Version(number)
	if of == nil || !l.takes(name, of) {
		return nil, l.changed
	}
	if v = t.version(of); !v.hold() {
		return nil, l.changed
	}
	return v, nil
}

// Close ends every function. What runs may finish until ctx ends.
func (l *Library) Close(ctx context.Context) {
	l.mu.Lock()
	l.closed = true
	for _, t := range l.shelf {
		for _, v := range t.versions {
			l.retire(ctx, t, v)
		}
	}
	l.mu.Unlock()
	ended := make(chan struct{})
	go func() { l.retired.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}
