package wasm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
)

// maxOpen is how many files of its package a call may have open. They are the
// worker's files, of which it needs many itself.
const maxOpen = 32

// pack is the folder of a function's package.
type pack struct {
	root   *os.Root // nothing outside can be reached, by symbolic links neither
	module string   // the path of the module in it
	files  bool     // there are others
}

// openPack opens a package; without a module's path it must have one only.
func openPack(folder, module string) (*pack, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("its package cannot be opened: %w", err)
	}
	p := &pack{root: root, module: path.Clean(module)}
	if err := p.look(module == ""); err != nil {
		root.Close()
		return nil, err
	}
	return p, nil
}

// look finds out what is in the package.
func (p *pack) look(find bool) error {
	var modules []string
	all := 0
	err := fs.WalkDir(p.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return nil
		case entry.Type()&^fs.ModeSymlink != 0:
			// Opening a pipe or a device could block the worker.
			return fmt.Errorf("%s is no regular file", name)
		}
		if all++; strings.HasSuffix(name, ".wasm") {
			modules = append(modules, name)
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("its package cannot be read: %w", err)
	case !find:
		if _, err := p.root.Stat(p.module); err != nil {
			return fmt.Errorf("its module is not in its package: %w", err)
		}
	case len(modules) != 1:
		return fmt.Errorf("its package has %d files that end in .wasm; say which is the function", len(modules))
	default:
		p.module = modules[0]
	}
	p.files = all > 1
	return nil
}

// Close closes the folder.
func (p *pack) Close() error { return p.root.Close() }

// folder is the package as a call sees it: read-only, with few files open at a
// time.
type folder struct {
	fs.FS
	open atomic.Int32
}

// Open opens a file or a folder.
func (f *folder) Open(name string) (fs.File, error) {
	if f.open.Add(1) > maxOpen {
		f.open.Add(-1)
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EMFILE}
	}
	opened, err := f.FS.Open(name)
	if err != nil {
		f.open.Add(-1)
		return nil, err
	}
	file, ok := opened.(*os.File)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no file of the system", name), opened.Close())
	}
	return &counted{File: file, open: &f.open}, nil
}

// counted is an open file of a folder.
type counted struct {
	*os.File
	open *atomic.Int32
}

// Close closes the file, after which another may be opened.
func (c *counted) Close() error {
	c.open.Add(-1)
	return c.File.Close()
}
