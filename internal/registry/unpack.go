package registry

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Modes of what Unpack makes: nobody writes there.
const (
	unpackedFolder     = 0o555
	unpackedProgram    = 0o555
	unpackedFile       = 0o444
	beforeItIsComplete = 0o700
)

// Unpack makes the folder dir with what is in the package: whole or not at all,
// and read-only, so that whatever runs there leaves it as it is. One that is
// there already is left alone: name it by the package's digest, and it has the
// same files. The folder above must exist. What a process that is killed leaves
// there has .unpack- in its name. Nothing is forced to disk: a folder that was
// made before a loss of power may have torn files. Errors wrap ErrPackage or
// ErrTooLarge where the package is the reason.
func Unpack(r io.ReaderAt, size int64, dir string) error {
	a, err := OpenArchive(r, size)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".unpack-")
	if err != nil {
		return fmt.Errorf("no folder for the package's files: %w", err)
	}
	err = a.unpack(temp)
	if err == nil {
		err = os.Rename(temp, dir)
	}
	if err == nil {
		return os.Chmod(dir, unpackedFolder) // only now: a folder that is not writable cannot be renamed
	}
	if e := Discard(temp); e != nil {
		return errors.Join(err, e)
	}
	if errors.Is(err, fs.ErrExist) && isFolder(dir) {
		return nil // somebody else was faster
	}
	return err
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// Discard removes a folder that Unpack made.
func Discard(dir string) error {
	err := filepath.WalkDir(dir, func(full string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(full, beforeItIsComplete)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(dir)
}

// unpack writes everything below dir. The names were looked through; the root
// stands guard besides.
func (a *Archive) unpack(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	folders := make(map[string]bool)
	for i := range a.entries {
		e := &a.entries[i]
		folder := path.Dir(e.name)
		if e.mode.IsDir() {
			folder = e.name
		}
		if err := makeFolder(root, folder, folders); err != nil {
			return err
		}
		if e.mode.IsRegular() {
			if err := e.unpack(root); err != nil {
				return err
			}
		}
	}
	// Links come last: while files are written there is none to follow.
	for i := range a.entries {
		if e := &a.entries[i]; e.mode.Type() == fs.ModeSymlink {
			if err := root.Symlink(e.target, e.name); err != nil {
				return err
			}
		}
	}
	for folder := range folders {
		if err := root.Chmod(folder, unpackedFolder); err != nil {
			return err
		}
	}
	return nil
}

func makeFolder(root *os.Root, folder string, made map[string]bool) error {
	if folder == "." || made[folder] {
		return nil
	}
	if err := root.MkdirAll(folder, beforeItIsComplete); err != nil {
		return err
	}
	for ; folder != "."; folder = path.Dir(folder) {
		made[folder] = true
	}
	return nil
}

func (e *entry) unpack(root *os.Root) (err error) {
	mode := fs.FileMode(unpackedFile)
	if e.executable() {
		mode = unpackedProgram
	}
	r, err := e.open()
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := root.OpenFile(e.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 64<<10)
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Chmod(mode) // whatever the umask
}
