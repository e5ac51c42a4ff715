package library

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFoldersOfWorkersThatWereKilledAreRemoved(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "work")
	alive, err := OpenFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(parent, folderPrefix+"dead")
	if err := os.MkdirAll(filepath.Join(dead, "code"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dead, "code"), 0o500); err != nil {
		t.Fatal(err)
	}
	second, err := OpenFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("a folder that nobody has is still there")
	}
	for _, f := range []*Folder{alive, second} {
		if _, err := os.Stat(f.Path); err != nil {
			t.Errorf("a folder that is in use has gone: %v", err)
		}
		f.Close()
	}
	if left, _ := filepath.Glob(filepath.Join(parent, "*")); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}
