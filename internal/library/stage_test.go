package library

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/process"
	"faasd/internal/registry"
	"faasd/internal/wire"
)

// A depot has packages and manifests, as registrars do.
type depot struct {
	mu      sync.Mutex
	blobs   map[string][]byte
	fetched int           // parts that were read
	damaged bool          // what is read is not what it should be
	gate    chan struct{} // if not nil, reads wait until it is closed
	hanging string        // digest whose reads wait until nobody wants them
	waiting int           // of these reads, those that wait
}

func (d *depot) fetch(ctx context.Context, digest string, offset int64) ([]byte, int64, error) {
	d.mu.Lock()
	gate := d.gate
	if d.hanging == digest {
		gate = make(chan struct{})
		d.waiting++
	}
	d.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.hanging == digest {
				d.waiting--
			}
			return nil, 0, ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b, ok := d.blobs[digest]
	if !ok {
		return nil, 0, fmt.Errorf("no registrar has %.12s", digest)
	}
	d.fetched++
	part := bytes.Clone(b[offset:min(int64(len(b)), offset+1000)])
	if d.damaged {
		part[0] ^= 1
	}
	return part, int64(len(b)), nil
}

// waits is how many reads wait for what hangs.
func (d *depot) waits() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting
}

// script stores a shell script as a version of a function of the kind exec.
func (d *depot) script(number uint32, text string, with ...func(*registry.Manifest)) wire.FunctionVersion {
	return d.file(number, "main.sh", text, with...)
}

// file stores a program of that name, likewise.
func (d *depot) file(number uint32, name, text string, with ...func(*registry.Manifest)) wire.FunctionVersion {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	head := &zip.FileHeader{Name: name}
	head.SetMode(0o755)
	w, _ := z.CreateHeader(head)
	fmt.Fprint(w, text)
	_ = z.Close()
	m := registry.Manifest{
		Kind: registry.KindExec, Command: []string{"./" + name}, Timeout: 10_000, Memory: 64 << 20, Concurrency: 1,
		Package: registry.Digest(b.Bytes()), Size: int64(b.Len()),
	}
	for _, change := range with {
		change(&m)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.blobs[m.Package], d.blobs[m.Digest()] = b.Bytes(), m.Encode()
	return wire.FunctionVersion{Number: number, State: wire.VersionReady, Manifest: m.Digest(), Kind: string(m.Kind), TimeoutMillis: m.Timeout, Labels: m.Labels}
}

// A stage is a library and what it fetches from.
type stage struct {
	*Library
	*depot
	t        *testing.T
	revision uint64
}

func newStage(t *testing.T, with ...func(*Config)) *stage {
	d := &depot{blobs: make(map[string][]byte)}
	log := slog.New(slog.DiscardHandler)
	guard := process.NewGuard(log)
	cfg := Config{Folder: t.TempDir(), Cache: t.TempDir(), Slots: 4, Idle: time.Minute, MaxBody: 1 << 20, Guard: guard, Log: log, Fetch: d.fetch}
	for _, change := range with {
		change(&cfg)
	}
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close(context.WithoutCancel(t.Context()))
		_ = guard.Close()
		if left, _ := filepath.Glob(filepath.Join(cfg.Folder, codeFolder, "*")); len(left) > 0 {
			t.Errorf("%q is left", left)
		}
	})
	return &stage{Library: l, depot: d, t: t}
}

// deploys goes by a catalogue of one function.
func (s *stage) deploys(current uint32, versions ...wire.FunctionVersion) wire.Serves {
	s.t.Helper()
	s.revision++
	c := wire.Catalogue{Store: 1, Revision: s.revision, Functions: []wire.Deployed{{Name: "f", Current: current, Versions: versions}}}
	if err := c.Check(); err != nil {
		s.t.Fatal(err)
	}
	s.Apply(s.t.Context(), &c)
	return s.settled()
}

// settled waits until everything is ready or known not to come up.
func (s *stage) settled() wire.Serves {
	s.t.Helper()
	return s.comesTo(func(now wire.Serves) bool { return len(now.Preparing) == 0 })
}

// until waits for something that nobody tells of.
func (s *stage) until(what string, is func() bool) {
	s.t.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("it did not happen that %s", what)
		}
	}
}

// comesTo waits until the library says something.
func (s *stage) comesTo(what func(wire.Serves) bool) wire.Serves {
	s.t.Helper()
	late := time.After(patience)
	for {
		if now := s.Serves(); what(now) {
			return now
		}
		select {
		case <-s.Changes():
		case <-late:
			s.t.Fatalf("it still says %+v", s.Serves())
		}
	}
}

// calls calls a version and returns what it says, or why it does not.
func (s *stage) calls(version uint32) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	res, _, err := s.Invoke(ctx, function.Invocation{Function: "f", Version: version, Job: "j", Body: []byte("in")})
	return string(res.Body), err
}

func (s *stage) says(version uint32, want string) {
	s.t.Helper()
	if got, err := s.calls(version); got != want || err != nil {
		s.t.Errorf("version %d says %q, %v; want %q", version, got, err, want)
	}
}
