package registry

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// disk is what a folder asks of the file system to make a change. Tests have
// one that fails.
type disk interface {
	create(name string) (file, error) // a new one
	rename(from, to string) error
	makeFolder(name string) error
	syncFolder(name string) error
}

type file interface {
	io.Writer
	Sync() error
	Close() error
}

type osDisk struct{}

func (osDisk) create(name string) (file, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) makeFolder(name string) error { return os.MkdirAll(name, folderMode) }

func (osDisk) syncFolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// full marks an error that a full disk has caused.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w; make room there, nothing was changed", ErrFull, err)
	}
	return err
}

// prepare writes a file apart and forces it to disk; install puts it in its
// place, or it is removed.
func (f *Folder) prepare(fill func(io.Writer) error) (temp string, err error) {
	temp = f.name(incomingFolder, rand.Text())
	out, err := f.disk.create(temp)
	if err != nil {
		return "", full(err)
	}
	err = fill(out)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		f.throwAway(temp)
		return "", full(err)
	}
	return temp, nil
}

// install puts a prepared file in its place, where one may be that is replaced.
// The lock file is held: Sweep removes nothing meanwhile.
func (f *Folder) install(temp, to string) error {
	err := f.disk.rename(temp, to)
	if err != nil {
		f.throwAway(temp)
		return full(err)
	}
	return full(f.disk.syncFolder(filepath.Dir(to)))
}

// throwAway removes a prepared file. What stays is for Sweep.
func (f *Folder) throwAway(temp string) { _ = os.Remove(temp) }

// write does both for a few bytes.
func (f *Folder) write(text []byte, to string) error {
	temp, err := f.prepare(func(w io.Writer) error { _, err := w.Write(text); return err })
	if err != nil {
		return err
	}
	return f.install(temp, to)
}
