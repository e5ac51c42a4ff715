package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"faasd/internal/config"
)

// Put writes a blob apart and puts it in its place when all of it is there. One
// with the same digest is replaced, which heals it if it was damaged and keeps
// Sweep from it.
func (f *Folder) Put(r io.Reader, want string) (digest string, size int64, err error) {
	if want != "" && !ValidDigest(want) {
		return "", 0, fmt.Errorf("%w: %.80q is no digest", ErrCorrupt, want)
	}
	sum := sha256.New()
	fill := func(w io.Writer) (err error) {
		size, err = io.Copy(io.MultiWriter(w, sum), io.LimitReader(r, MaxPackage+1))
		if err == nil && size > MaxPackage {
			err = tooLarge("it has more than %s", config.FormatBytes(MaxPackage))
		}
		return err
	}
	temp, err := f.prepare(fill)
	if err != nil {
		return "", 0, fmt.Errorf("package not stored: %w", err)
	}
	digest = hex.EncodeToString(sum.Sum(nil))
	if want != "" && digest != want {
		f.throwAway(temp)
		return "", 0, fmt.Errorf("package not stored: %w: %s was said, and %s is true; send it again", ErrCorrupt, want, digest)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err = f.locked(func() error {
		to, err := f.blobPlace(digest)
		if err != nil {
			f.throwAway(temp)
			return full(err)
		}
		return f.install(temp, to)
	})
	if err != nil {
		return "", 0, fmt.Errorf("package not stored: %w", err)
	}
	return digest, size, nil
}

// blobPlace is where a blob belongs; its folder is there afterwards.
func (f *Folder) blobPlace(digest string) (string, error) {
	folder := f.name(blobFolder, digest[:2])
	if _, err := os.Stat(folder); err == nil {
		return f.blobName(digest), nil
	}
	if err := f.disk.makeFolder(folder); err != nil {
		return "", err
	}
	return f.blobName(digest), f.disk.syncFolder(f.name(blobFolder))
}

func (f *Folder) blobName(digest string) string { return f.name(blobFolder, digest[:2], digest) }

// fileBlob is a blob in a file.
type fileBlob struct {
	*os.File
	size int64
}

func (b fileBlob) Size() int64 { return b.size }

// Open opens a blob.
func (f *Folder) Open(digest string) (Blob, error) {
	if !ValidDigest(digest) {
		return nil, fmt.Errorf("%.80q: %w", digest, ErrNoBlob)
	}
	file, err := os.Open(f.blobName(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", digest, ErrNoBlob)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return fileBlob{file, info.Size()}, nil
}

// Manifest reads a manifest.
func (f *Folder) Manifest(digest string) (m Manifest, err error) {
	b, err := f.Open(digest)
	if err != nil {
		return m, err
	}
	text, err := io.ReadAll(io.NewSectionReader(b, 0, min(b.Size(), MaxManifest+1)))
	if err := errors.Join(err, b.Close()); err != nil {
		return m, err
	}
	if Digest(text) != digest {
		return m, fmt.Errorf("manifest %s: %w; deploy the function again", digest, ErrCorrupt)
	}
	return ParseManifest(text)
}

// putManifest keeps a manifest. The lock file is held.
func (f *Folder) putManifest(m Manifest) error {
	text := m.Encode()
	to, err := f.blobPlace(Digest(text))
	if err != nil {
		return full(err)
	}
	return f.write(text, to)
}
