package registry

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestAPackageIsWhatItsDigestSays(t *testing.T) {
	s := openStage(t, t.TempDir())
	digest := Digest([]byte("content"))
	if got, n, err := s.Put(strings.NewReader("content"), digest); got != digest || n != 7 || err != nil {
		t.Errorf("%s, %d, %v", got, n, err)
	}
	if _, _, err := s.Put(strings.NewReader("contents"), digest); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another content: %v", err)
	}
	if _, _, err := s.Put(strings.NewReader("content"), "../../x"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("no digest: %v", err)
	}
	broken := io.MultiReader(strings.NewReader("con"), failing{syscall.ECONNRESET})
	if _, _, err := s.Put(broken, digest); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("broken off: %v", err)
	}
	if _, _, err := s.Put(&zeros{MaxPackage + 1}, ""); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	for _, absent := range []string{Digest(nil), "", "../../catalogue.json", strings.Repeat("z", 64)} {
		if _, err := s.Open(absent); !errors.Is(err, ErrNoBlob) {
			t.Errorf("%q: %v", absent, err)
		}
	}
	check(t, os.WriteFile(s.blobName(digest), []byte("damaged"), 0o600))
	if _, err := s.Manifest(digest); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged manifest: %v", err)
	}
	s.put("content") // heals it
	if got, err := os.ReadFile(s.blobName(digest)); string(got) != "content" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	left, err := os.ReadDir(s.name(incomingFolder))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// zeros gives so many.
type zeros struct{ left int }

func (z *zeros) Read(b []byte) (int, error) {
	n := min(len(b), z.left)
	if z.left -= n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
