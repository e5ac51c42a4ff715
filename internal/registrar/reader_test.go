package registrar

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/registry"
	"faasd/internal/wire"
)

// blobs is a store of packages, all with the same content.
type blobs struct {
	registry.Store
	content []byte
	opened  int // so far
	open    int // now
	most    int // of open
}

type blob struct {
	*bytes.Reader
	of *blobs
}

func (b *blobs) Open(string) (registry.Blob, error) {
	b.opened++
	b.open++
	b.most = max(b.most, b.open)
	return &blob{bytes.NewReader(b.content), b}, nil
}

func (b *blob) Close() error {
	b.of.open--
	return nil
}

func TestPackagesAreReadInPartsAndFewStayOpen(t *testing.T) {
	store := &blobs{content: bytes.Repeat([]byte("x"), wire.ChunkBytes+7)}
	r := newReader(store)
	for n := range 2 * maxOpen {
		for _, c := range []struct{ offset, want int64 }{{0, wire.ChunkBytes}, {wire.ChunkBytes, 7}, {wire.ChunkBytes + 7, 0}, {1 << 40, 0}} {
			part, size, err := r.read(fmt.Sprint(n), c.offset)
			if int64(len(part)) != c.want || size != wire.ChunkBytes+7 || err != nil {
				t.Fatalf("from %d on come %d bytes of %d, %v", c.offset, len(part), size, err)
			}
		}
	}
	if store.opened != 2*maxOpen || store.most > maxOpen+1 || store.open != maxOpen {
		t.Errorf("opened %d times, %d at most, %d now", store.opened, store.most, store.open)
	}
	if err := r.close(); err != nil || store.open != 0 {
		t.Errorf("%d are open at the end, %v", store.open, err)
	}
	if _, _, err := r.read("late", 0); err != nil || store.open != 0 {
		t.Errorf("%d are open after the end, %v", store.open, err)
	}
}

func TestAPackageThatWasReplacedIsReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &blobs{content: []byte("damaged")}
		r := newReader(store)
		for _, want := range []string{"damaged", "whole"} {
			if part, _, err := r.read("a", 0); string(part) != want || err != nil {
				t.Errorf("%q came, %v; want %q", part, err, want)
			}
			store.content = []byte("whole")
			time.Sleep(openFor)
		}
	})
}
