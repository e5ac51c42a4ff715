package library

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Folder is where one worker keeps packages and its functions write. Workers on
// one host may share the folder that it is in.
type Folder struct {
	Path string
	lock *os.File
}

const (
	folderPrefix = "worker-"
	lockName     = "lock"
)

// OpenFolder makes a folder of this worker's own in parent, and removes those
// that workers have left there which were killed.
func OpenFolder(parent string) (*Folder, error) {
	unusable := func(err error) error {
		return fmt.Errorf("cannot keep functions in %s: %w; choose another folder with --work", parent, err)
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, unusable(err)
	}
	sweep(parent)
	// It is made, locked, and then given the name by which others look for it.
	path, err := os.MkdirTemp(parent, "new-")
	if err != nil {
		return nil, unusable(err)
	}
	lock, err := lockFolder(path)
	if err != nil {
		return nil, unusable(errors.Join(err, os.RemoveAll(path)))
	}
	named := filepath.Join(parent, folderPrefix+strings.TrimPrefix(filepath.Base(path), "new-"))
	if err := os.Rename(path, named); err != nil {
		return nil, unusable(errors.Join(err, lock.Close(), os.RemoveAll(path)))
	}
	return &Folder{Path: named, lock: lock}, nil
}

// lockFolder locks a folder; the lock ends with the process.
func lockFolder(path string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// sweep removes the folders of workers that are not there any more.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), folderPrefix) {
			continue
		}
		path := filepath.Join(parent, e.Name())
		if lock, err := lockFolder(path); err == nil {
			removeAll(path)
			_ = lock.Close()
		}
	}
}

// Close removes the folder.
func (f *Folder) Close() {
	removeAll(f.Path)
	_ = f.lock.Close()
}
