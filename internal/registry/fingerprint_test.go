package registry

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheFingerprintTellsWhatBecameOfAFolder(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"emptied":        func(dir string) error { return os.RemoveAll(filepath.Join(dir, "lib")) },
		"gone":           os.RemoveAll,
		"without a file": func(dir string) error { return os.Remove(filepath.Join(dir, "lib", "a.py")) },
		"with one more":  func(dir string) error { return os.WriteFile(filepath.Join(dir, "more"), nil, 0o600) },
		"shorter":        func(dir string) error { return os.Truncate(filepath.Join(dir, "lib", "a.py"), 1) },
		"not executable": func(dir string) error { return os.Chmod(filepath.Join(dir, "lib", "a.py"), 0o644) },
		"written to": func(dir string) error {
			return os.Chtimes(filepath.Join(dir, "lib", "a.py"), time.Time{}, time.Unix(1, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "code")
			if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "lib", "a.py"), []byte("12345"), 0o755); err != nil {
				t.Fatal(err)
			}
			before, err := Fingerprint(dir)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Fingerprint(dir); again != before || err != nil {
				t.Errorf("looked at twice it is %s and %s, %v", before, again, err)
			}
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			if after, err := Fingerprint(dir); after == before && err == nil {
				t.Error("nothing is noticed")
			}
		})
	}
}
