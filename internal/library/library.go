// Package library has the deployed functions of one worker: it goes by the
// catalogue, fetches packages, unpacks them, has each version made ready by its
// kind, calls it, and lets go of what is not deployed any more.
package library

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
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
	cfg   Config
	here  *regexp.Regexp // where the library's files are, up to a package's own
	built atomic.Uint64  // versions that were unpacked so far

	mu      sync.Mutex // guards what follows
	applied wire.Applied
	shelf   map[string]*title
	changed chan struct{} // closed when shelf changes, and made anew
	closed  bool
	retired sync.WaitGroup // versions that are being let go of
}

// title is a function of the catalogue. Its fields are guarded by Library.mu.
type title struct {
	name     string
	deployed wire.Deployed
	versions map[uint32]*version // those that were asked for
	logs     *logs.Ring          // of all versions
}

// New makes a library that knows of nothing yet.
func New(cfg Config) (*Library, error) {
	for _, dir := range []string{codeFolder, scratchFolder} {
		if err := os.MkdirAll(filepath.Join(cfg.Folder, dir), 0o700); err != nil {
			return nil, fmt.Errorf("cannot use %s for functions: %w; choose another folder with --work", cfg.Folder, err)
		}
	}
	here := regexp.MustCompile(regexp.QuoteMeta(cfg.Folder) + `/(?:` + codeFolder + `/[^/\s]+/)?`)
	return &Library{cfg: cfg, here: here, shelf: make(map[string]*title), changed: make(chan struct{})}, nil
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

// preparing is how many versions are made ready at a time.
const preparing = 4

// Apply goes by a catalogue. It returns once each version that requests go to,
// or may soon, is ready here or was found not to come up.
func (l *Library) Apply(ctx context.Context, c *wire.Catalogue) wire.Serves {
	todo := l.take(c)
	s := wire.Serves{Applied: c.Of(), Functions: []string{}}
	var mu sync.Mutex // guards s, and what follows
	failed := make(map[bool][]wire.Broken)
	var group sync.WaitGroup
	places := make(chan struct{}, preparing)
	for _, t := range todo {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			err := l.ready(ctx, t)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, errUnwanted):
			case err == nil && t.serves:
				s.Functions = append(s.Functions, t.name)
			case err != nil:
				failed[t.try] = append(failed[t.try], l.broken(t, err))
			}
		})
	}
	group.Wait()
	slices.Sort(s.Functions)
	for _, list := range failed {
		slices.SortFunc(list, func(a, b wire.Broken) int { return compareBroken(&a, &b) })
	}
	s.Broken = append(failed[true], failed[false]...) // a deploy waits for those that are tried
	s.Broken = s.Broken[:min(len(s.Broken), wire.MaxBroken)]
	return s
}

// Foresee ends the trials of versions that the next catalogue has given up, so
// that what comes after them does not wait. It may be called while Apply runs.
func (l *Library) Foresee(next *wire.Catalogue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, t := range l.shelf {
		i := slices.IndexFunc(next.Functions, func(d wire.Deployed) bool { return d.Name == name })
		for number, v := range t.versions {
			if i >= 0 {
				if of := next.Functions[i].Version(number); of != nil && of.State != wire.VersionFailed {
					continue
				}
			}
			v.endTrial()
		}
	}
}

// task is a version to be made ready.
type task struct {
	name    string
	version *version
	serves  bool // it is the current one: who has it serves the function
	try     bool // it is to be started once, to see whether it comes up
}

// take puts a catalogue's functions on the shelf and takes others off, and
// returns what is to be made ready.
func (l *Library) take(c *wire.Catalogue) (todo []task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.applied = c.Of()
	named := make(map[string]bool, len(c.Functions))
	for i := range c.Functions {
		d := c.Functions[i]
		named[d.Name] = true
		t := l.shelf[d.Name]
		if t == nil {
			t = &title{name: d.Name, versions: make(map[uint32]*version), logs: new(logs.Ring)}
			l.shelf[d.Name] = t
		}
		t.deployed = d
		for number, v := range t.versions {
			if o := d.Version(number); o == nil || o.Manifest != v.of.Manifest || o.State == wire.VersionFailed {
				l.retire(t, v)
			}
		}
		for j := range d.Versions {
			if w, ok := l.want(t, &d.Versions[j]); ok {
				todo = append(todo, w)
			}
		}
	}
	for name, t := range l.shelf {
		if !named[name] {
			for _, v := range t.versions {
				l.retire(t, v)
			}
			delete(l.shelf, name)
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return todo
}

// want says what is to be done about a version of the catalogue; false: nothing.
// One that was removed is not fetched any more, but who has it serves on until
// nobody can wait for it; one that is tried is to take its place.
func (l *Library) want(t *title, v *wire.FunctionVersion) (task, bool) {
	current, trying := v.Number == t.deployed.Current, v.State == wire.VersionTrying
	if !current && !trying || !l.takes(t.name, v) || t.deployed.Removed && !trying && t.versions[v.Number] == nil {
		return task{}, false
	}
	return task{t.name, l.version(t, v), current, trying}, true
}

// version returns the version on the shelf, put there if need be.
func (l *Library) version(t *title, v *wire.FunctionVersion) *version {
	have := t.versions[v.Number]
	if have == nil {
		have = newVersion(t.name, *v, t.logs)
		t.versions[v.Number] = have
	}
	return have
}

// ready makes a version ready.
func (l *Library) ready(ctx context.Context, t task) error {
	if err := l.prepare(ctx, t.version); err != nil || !t.try {
		return err
	}
	return t.version.check(ctx)
}

// retire lets go of a version once what it runs has ended.
func (l *Library) retire(t *title, v *version) {
	delete(t.versions, v.of.Number)
	l.retired.Go(func() { v.close(context.Background()) })
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
	res, err := v.invoke(ctx, in)
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
	if v = l.version(t, of); !v.hold() {
		return nil, l.changed
	}
	return v, nil
}

// Tail is the end of what was printed for a job.
func (l *Library) Tail(name, job string, most int) string {
	if r := l.ring(name); r != nil {
		return string(r.Tail(job, most))
	}
	return ""
}

// Lines answers what a queue wants to know of a function's output.
func (l *Library) Lines(wanted wire.LogsWanted) wire.LogLines {
	answer := wire.LogLines{Number: wanted.Number, Last: wanted.Since, Lines: []wire.LogLine{}}
	r := l.ring(wanted.Function)
	if r == nil {
		return answer
	}
	answer.Last = r.Last()
	for _, line := range r.Since(wanted.Since, wanted.Job, wire.MaxLogBytes) {
		answer.Lines = append(answer.Lines, wire.LogLine{
			Number: line.Number, Millis: line.Time.UnixMilli(), Job: line.Job, Stream: line.Stream, Text: line.Text,
		})
	}
	return answer
}

func (l *Library) ring(name string) *logs.Ring {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.shelf[name]; t != nil {
		return t.logs
	}
	return nil
}

// Close ends every function. What runs may finish until ctx ends.
func (l *Library) Close(ctx context.Context) {
	l.mu.Lock()
	l.closed = true
	for _, t := range l.shelf {
		for _, v := range t.versions {
			delete(t.versions, v.of.Number)
			l.retired.Go(func() { v.close(ctx) })
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

// broken says, for the queue, why a version does not come up. Where its files are
// at this worker says nothing to others, and would make each worker's reason
// another.
func (l *Library) broken(t task, err error) wire.Broken {
	b := wire.Broken{Function: t.name, Version: t.version.of.Number, Reason: err.Error()}
	var failure *function.Failure
	if errors.As(err, &failure) {
		b.Type = failure.Type
	}
	var printed []string
	for _, line := range t.version.printed() {
		printed = append(printed, l.here.ReplaceAllString(line.Text, ""))
	}
	b.Log = cut(strings.Join(printed, "\n"), wire.MaxReason)
	b.Reason = cut(l.here.ReplaceAllString(b.Reason, ""), wire.MaxReason)
	return b
}
