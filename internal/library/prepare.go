package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
	"faasd/internal/registry"
)

// tryAgain is how long a version that could not be made ready is left alone:
// calls that come meanwhile fail for the same reason.
const tryAgain = 5 * time.Second

// prepare makes a version ready to be called, unless it is. It does so once,
// whoever asks.
func (l *Library) prepare(ctx context.Context, v *version) error {
	if v.isReady() {
		return nil
	}
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if v.isReady() {
		return nil
	}
	if v.failure != nil && time.Since(v.failed) < tryAgain {
		return v.failure
	}
	e, err := l.build(ctx, v)
	if err != nil && ctx.Err() != nil { // whoever comes next begins anew
		return fmt.Errorf("version %d of %s was not ready in time (%v): %w", v.of.Number, v.name, err, ctx.Err())
	}
	v.failure, v.failed = err, time.Now()
	if err == nil {
		v.replace(e)
	} else {
		l.cfg.Log.Warn("function cannot be made ready", "function", v.name, "version", v.of.Number, "error", err)
		v.logs.Add(logs.System, "", fmt.Sprintf("version %d cannot be made ready: %v", v.of.Number, err))
	}
	return err
}

// build fetches a version, unpacks it in a folder of its own, and makes what runs
// it from there. The caller has the version's turn.
func (l *Library) build(ctx context.Context, v *version) (*edition, error) {
	text, err := l.fetchManifest(ctx, v.of.Manifest)
	if err != nil {
		return nil, function.Failed(function.TypeInit, "cannot fetch how version %d of %s is run: %v", v.of.Number, v.name, err)
	}
	manifest, err := registry.ParseManifest(text)
	if err != nil {
		return nil, function.Failed(function.TypeInit, "version %d of %s: %v", v.of.Number, v.name, err)
	}
	// A folder of its own: another with that number may be on its way out.
	code := filepath.Join(l.cfg.Folder, codeFolder, fmt.Sprintf("%s-%d-%d", v.name, v.of.Number, l.built.Add(1)))
	if err := l.unpack(ctx, manifest, code); err != nil {
		return nil, function.Failed(function.TypeInit, "cannot unpack version %d of %s: %v", v.of.Number, v.name, err)
	}
	e := &edition{manifest: manifest, code: code, began: v.logs.Last()}
	e.unpacked, err = registry.Fingerprint(code)
	if err == nil {
		e.kind, err = l.make(v, manifest, code)
	}
	if err != nil {
		removeAll(code)
		return nil, err
	}
	return e, nil
}

// fetchManifest reads a manifest and checks that it is the one that was meant.
func (l *Library) fetchManifest(ctx context.Context, digest string) ([]byte, error) {
	text, size, err := l.cfg.Fetch(ctx, digest, 0)
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) != size || registry.Digest(text) != digest:
		return nil, fmt.Errorf("%d bytes of %d came, and they are not those of digest %.12s", len(text), size, digest)
	}
	return text, nil
}

// unpack fetches a version's package and unpacks it.
func (l *Library) unpack(ctx context.Context, m registry.Manifest, code string) error {
	if err := os.MkdirAll(filepath.Dir(code), 0o700); err != nil { // it may have been cleaned away
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(code), "package-*.zip")
	if err != nil {
		return err
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}()
	if err := l.download(ctx, m, file); err != nil {
		return err
	}
	if m.Kind == registry.KindLambda { // the other kinds are looked at by themselves
		archive, err := registry.OpenArchive(file, m.Size)
		if err == nil {
			err = archive.Check(m, runtime.GOARCH)
		}
		if err != nil {
			return err
		}
	}
	return registry.Unpack(file, m.Size, code)
}

// download fetches a package part by part, and checks it.
func (l *Library) download(ctx context.Context, m registry.Manifest, into io.Writer) error {
	sum := sha256.New()
	for at := int64(0); at < m.Size; {
		part, size, err := l.cfg.Fetch(ctx, m.Package, at)
		switch {
		case err != nil:
			return err
		case size != m.Size || len(part) == 0 || at+int64(len(part)) > size:
			return fmt.Errorf("%d bytes of a package of %d came from %d on; it should have %d", len(part), size, at, m.Size)
		}
		_, _ = sum.Write(part) // never fails
		if _, err := into.Write(part); err != nil {
			return err
		}
		at += int64(len(part))
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != m.Package {
		return fmt.Errorf("the package that came has digest %.12s instead of %.12s", got, m.Package)
	}
	return nil
}
