package wasm

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tetratelabs/wazero"
)

// cacheSize is how many bytes of compiled modules are kept, the newest. A small
// program in Go takes 15 MB.
const cacheSize = 1 << 30

// openCache opens a folder of compiled modules, and makes it if need be.
func openCache(folder string) (wazero.CompilationCache, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(folder)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("others may write to %s (mode %v), and what is in it is run as machine code: run chmod 700",
			folder, info.Mode().Perm())
	}
	return wazero.NewCompilationCacheWithDir(folder)
}

// trim removes the oldest files of a folder of compiled modules, until it has
// no more than so many bytes. Whoever has one open goes on reading it.
func trim(folder string, most int64) error {
	type file struct {
		name string
		size int64
		at   time.Time
	}
	var files []file
	var size int64
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return nil // another worker was faster
		}
		files = append(files, file{name, info.Size(), info.ModTime()})
		size += info.Size()
		return nil
	})
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	for _, f := range files {
		if size <= most {
			break
		}
		if os.Remove(f.name) == nil {
			size -= f.size
		}
	}
	return err
}
