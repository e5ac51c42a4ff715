package wasm

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// files lists the files below a folder, with slashes, sorted.
func files(t *testing.T, folder string) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			list = append(list, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// cached makes a function with a cache, and returns what it has said.
func cached(t *testing.T, cache string) string {
	t.Helper()
	code := t.TempDir()
	if err := os.WriteFile(filepath.Join(code, "a.wasm"), assemble(program{memory: 1}), 0o666); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	f, err := New(Config{Name: "hello", Code: code, Cache: cache,
		Log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close(context.Background())
	call(t, f, "")
	return said.String()
}

func TestAModuleIsCompiledOnceForAllThatShareACache(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	if said := cached(t, cache); said != "" {
		t.Error(said)
	}
	before := files(t, cache)
	if len(before) != 1 {
		t.Fatalf("the cache has %q", before)
	}
	stamp := time.Unix(1, 0)
	full := filepath.Join(cache, before[0])
	if err := os.Chtimes(full, stamp, stamp); err != nil {
		t.Fatal(err)
	}
	if said := cached(t, cache); said != "" {
		t.Error(said)
	}
	info, err := os.Stat(full)
	if after := files(t, cache); err != nil || !slices.Equal(before, after) || !info.ModTime().Equal(stamp) {
		t.Errorf("the cache has %q and then %q, %v", before, after, err)
	}
}

func TestACacheThatIsOfNoUseIsLeftAside(t *testing.T) {
	damaged := filepath.Join(t.TempDir(), "damaged")
	cached(t, damaged)
	for _, name := range files(t, damaged) {
		full := filepath.Join(damaged, name)
		code, err := os.ReadFile(full)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, code[:len(code)/2], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cache := range []string{damaged, open, file} {
		if said := cached(t, cache); !strings.Contains(said, cache) {
			t.Errorf("nothing is said of %s: %q", cache, said)
		}
	}
	if left := files(t, open); len(left) > 0 {
		t.Errorf("where others may write it puts %q", left)
	}
}

func TestTheOldestCompiledModulesAreRemoved(t *testing.T) {
	cache := t.TempDir()
	for i, name := range []string{"new", "old", "oldest"} {
		full := filepath.Join(cache, name)
		at := time.Unix(int64(1000-i), 0)
		if err := os.WriteFile(full, make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(full, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := trim(cache, 2500); err != nil {
		t.Error(err)
	}
	if left := files(t, cache); !slices.Equal(left, []string{"new", "old"}) {
		t.Errorf("it leaves %q", left)
	}
}
