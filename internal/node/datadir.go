package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"faasd/internal/config"
)

// dataDir is the folder of a running `up`: its lock, its sockets, its logs,
// and a note by which operators find it.
type dataDir struct {
	path    string
	sockets string // in path, or elsewhere if sockets there would have an unusable name
	lock    *os.File
	made    []string // folders that were not there before, path and those above it, the lowest first
}

const (
	lockFile     = "lock"
	logFolder    = "logs"
	socketFolder = "sockets"
	socketSuffix = ".ipc"
	// elsewhereFile says where the sockets are if not in socketFolder.
	elsewhereFile = "sockets-elsewhere"
	dirMode       = 0o700
	longestName   = len("/coordinator-subscribe.ipc") // of a socket, see up.go
)

// openDataDir makes the folder usable by this process alone.
func openDataDir(path string) (*dataDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data folder %s: %w", path, err)
	}
	made := missing(path)
	if err := os.MkdirAll(filepath.Join(path, logFolder), dirMode); err != nil {
		return nil, unusable(path, err)
	}
	if err := private(path); err != nil {
		return nil, unusable(path, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, unusable(path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data folder %s is in use by %s; stop that one, or choose another folder with --data", path, holder(lock))
		}
		return nil, unusable(path, err)
	}
	if !isAt(lock, lock.Name()) {
		return nil, errors.Join(unusable(path, errors.New("another faasd up has removed it just now")), lock.Close())
	}
	d := &dataDir{path: path, lock: lock, made: made}
	if err := d.makeSocketFolder(); err != nil {
		return nil, errors.Join(unusable(path, err), d.discard())
	}
	if err := d.note(); err != nil {
		return nil, errors.Join(unusable(path, err), d.discard())
	}
	return d, nil
}

// missing are a folder and those above it that are not there, the lowest first.
func missing(path string) (folders []string) {
	for ; ; path = filepath.Dir(path) {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			return folders
		}
		folders = append(folders, path)
	}
}

// isAt reports whether an open file is the one of that name still.
func isAt(f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(mine, there)
}

// private refuses a folder that others may write to: they could put sockets of
// theirs in the place of ours.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others may write to it (mode %#o)", info.Mode().Perm())
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Getuid() {
		return fmt.Errorf("it belongs to user %d", st.Uid)
	}
	return nil
}

func unusable(path string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = fmt.Errorf("%s %s: %w", pe.Op, pe.Path, pe.Err)
	}
	return fmt.Errorf("data folder %s cannot be used: %w; it must be a folder that this user may write to; choose another with --data", path, err)
}

// holder reads who has the lock.
func holder(lock *os.File) string {
	b := make([]byte, 32)
	n, _ := lock.ReadAt(b, 0)
	if pid := strings.TrimSpace(string(b[:n])); pid != "" {
		return "faasd up with process id " + pid
	}
	return "another faasd up"
}

// makeSocketFolder makes the folder for sockets, and clears it of those that a
// process which was killed has left.
func (d *dataDir) makeSocketFolder() error {
	elsewhere := filepath.Join(d.path, elsewhereFile)
	if old, err := os.ReadFile(elsewhere); err == nil {
		removeSockets(string(old))
		if err := os.Remove(elsewhere); err != nil {
			return err
		}
	}
	d.sockets = filepath.Join(d.path, socketFolder)
	// A comma separates endpoints on command lines.
	if len(d.sockets)+longestName > config.MaxIPCPath || strings.ContainsRune(d.sockets, ',') {
		short, err := os.MkdirTemp("", "faasd-")
		if err != nil {
			return err
		}
		d.sockets = short
		return os.WriteFile(elsewhere, []byte(short), 0o600)
	}
	removeSockets(d.sockets)
	return os.Mkdir(d.sockets, dirMode)
}

// removeSockets removes our sockets from a folder, and the folder if nothing
// else is in it. What else is there is not ours to remove.
func removeSockets(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Type() == os.ModeSocket && filepath.Ext(e.Name()) == socketSuffix {
			_ = os.Remove(filepath.Join(folder, e.Name())) // Mkdir says what is wrong
		}
	}
	_ = os.Remove(folder)
}

// note writes the process id into the lock file.
func (d *dataDir) note() error {
	if err := d.lock.Truncate(0); err != nil {
		return err
	}
	_, err := d.lock.WriteAt([]byte(fmt.Sprintf("%d\n", os.Getpid())), 0)
	return err
}

// socket is the endpoint of a socket in the folder.
func (d *dataDir) socket(name string) string {
	return "ipc://" + filepath.Join(d.sockets, name+socketSuffix)
}

// adminSocket is where deploying is served.
func (d *dataDir) adminSocket() string {
	return unixPrefix + filepath.Join(d.sockets, "admin"+socketSuffix)
}

// publish writes the note by which operators find the running system, whole
// or not at all.
func (d *dataDir) publish(s config.Running) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(d.path, config.RunningFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// close removes what only a running system has, and gives up the folder. The
// lock file stays: removing it would let two processes lock two files.
func (d *dataDir) close() error {
	err := os.Remove(filepath.Join(d.path, config.RunningFile))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	removeSockets(d.sockets)
	if e := os.Remove(filepath.Join(d.path, elsewhereFile)); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return errors.Join(err, d.lock.Truncate(0), d.lock.Close())
}

// discard is close for a system that could not be started: of a folder that was
// made for it nothing is left, unless something else is in it by now. The lock is
// held until its file is gone: who opens that meanwhile finds that it is not there.
func (d *dataDir) discard() error {
	if len(d.made) == 0 {
		return d.close()
	}
	removeSockets(d.sockets)
	for _, name := range []string{elsewhereFile, logFolder, lockFile} {
		_ = os.Remove(filepath.Join(d.path, name)) // a folder only if it is empty
	}
	for _, folder := range d.made {
		_ = os.Remove(folder) // likewise
	}
	return d.lock.Close()
}
