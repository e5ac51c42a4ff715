package library

import (
	"context"
	"sync"

	"faasd/internal/registry"
)

// edition is a version's package, unpacked, and what runs it from there. A
// version has one, and another when its files were lost.
type edition struct {
	*kind
	manifest registry.Manifest
	code     string // the folder of the package
	unpacked string // what was there then, see registry.Fingerprint
	began    uint64 // the last line of the function's logs before it was made

	users sync.WaitGroup // Add only under version.mu, and while it is its version's
}

// retire ends an edition that has been replaced, once nobody uses it.
func (e *edition) retire() {
	e.users.Wait()
	e.close(context.Background())
}

// close ends it. What it runs may finish until ctx ends.
func (e *edition) close(ctx context.Context) {
	e.kind.close(ctx)
	removeAll(e.code)
}

// removeAll removes a folder with packages in it. What cannot be removed now goes
// with the library's own folder, or when the next worker comes.
func removeAll(dir string) { _ = registry.Discard(dir) }
