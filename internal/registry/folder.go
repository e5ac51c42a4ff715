package registry

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// What a Folder is made of.
const (
	catalogueFile   = "catalogue.json"
	lockFile        = "lock"         // held while a change is made
	deployingFolder = "deploying"    // a lock for each function, held while it is changed
	blobFolder      = "blobs/sha256" // ab/abcd…: what has the digest abcd…
	incomingFolder  = "incoming"     // what is being written

	folderMode = 0o700
	format     = 1
)

// Folder is a Store in a folder, which several processes on one or more hosts
// may share if its file system has locks (flock(2)) that all of them see.
type Folder struct {
	path string
	disk disk

	// catalogue is replaced, never changed; only by who holds the mutex.
	catalogue atomic.Pointer[Catalogue]

	mu     sync.Mutex // guards all below; whoever wants the lock file, too, takes this first
	lock   *os.File
	read   fs.FileInfo              // of the file that catalogue was read from
	staged map[string]stagedVersion // by function: what this process is trying
}

// stagedVersion is a version that is being tried, and the lock of its function.
type stagedVersion struct {
	version uint32
	lock    *os.File
}

var _ Store = (*Folder)(nil)

// OpenFolder opens the store in a folder, and makes it if there is none. It
// fails the versions that a process which has ended left staged.
func OpenFolder(path string) (*Folder, error) { return openFolder(path, osDisk{}) }

func openFolder(path string, d disk) (*Folder, error) {
	f := &Folder{path: path, disk: d, staged: make(map[string]stagedVersion)}
	if err := f.open(); err != nil {
		if f.lock != nil {
			err = errors.Join(err, f.lock.Close())
		}
		return nil, fmt.Errorf("function store %s: %w", path, err)
	}
	return f, nil
}

func (f *Folder) open() (err error) {
	for _, folder := range []string{"", deployingFolder, blobFolder, incomingFolder} {
		if err := f.disk.makeFolder(filepath.Join(f.path, folder)); err != nil {
			return full(err)
		}
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("anybody may write to it (mode %#o), and so decide what workers run: chmod o-w it", info.Mode().Perm())
	}
	if f.lock, err = os.OpenFile(f.name(lockFile), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return full(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.locked(func() error {
		_, err := f.load()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = f.begin()
		case err == nil:
			if err = f.changed(f.failAbandoned); errors.Is(err, ErrFull) {
				err = errNothing // what is deployed serves all the same; Sweep does it when there is room
			}
		}
		if errors.Is(err, errNothing) {
			return nil
		}
		return err
	})
}

// begin writes the first catalogue.
func (f *Folder) begin() error {
	entries, err := os.ReadDir(f.name(blobFolder))
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is missing, though there are packages: restore it, or begin anew with another folder", catalogueFile)
	}
	for _, folder := range []string{filepath.Dir(f.path), filepath.Dir(f.name(blobFolder))} {
		if err := f.disk.syncFolder(folder); err != nil {
			return full(err)
		}
	}
	return f.store(&Catalogue{Store: strings.ToLower(rand.Text()), Revision: 1})
}

func (f *Folder) name(parts ...string) string {
	return filepath.Join(append([]string{f.path}, parts...)...)
}

// locked runs a change while no other process makes one. The mutex is held.
func (f *Folder) locked(change func() error) error {
	if err := flock(f.lock, syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w; its file system must have flock", f.lock.Name(), err)
	}
	err := change()
	return errors.Join(err, flock(f.lock, syscall.LOCK_UN))
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR {
			return err
		}
	}
}

// Catalogue returns the newest catalogue that this process knows.
func (f *Folder) Catalogue() *Catalogue { return f.catalogue.Load() }

// Reload reads the catalogue if its file is another than before.
func (f *Folder) Reload() (changed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.name(catalogueFile))
	if err != nil {
		return false, fmt.Errorf("function store %s: %w", f.path, err)
	}
	if os.SameFile(info, f.read) && info.ModTime().Equal(f.read.ModTime()) && info.Size() == f.read.Size() {
		return false, nil
	}
	if changed, err = f.load(); err != nil {
		return false, fmt.Errorf("function store %s: %w", f.path, err)
	}
	return changed, nil
}

// Close gives up the store.
func (f *Folder) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.lock.Close()
	for name := range f.staged {
		err = errors.Join(err, f.release(name))
	}
	return err
}

// load reads the catalogue. The mutex is held.
func (f *Folder) load() (changed bool, err error) {
	file, err := os.Open(f.name(catalogueFile))
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return false, err
	}
	c, err := decodeCatalogue(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", catalogueFile, err)
	}
	before := f.catalogue.Swap(c)
	f.read = info
	changed = before == nil || before.Store != c.Store || before.Revision != c.Revision
	return changed, nil
}

// store writes the catalogue. Whether or not that succeeds, the folder knows
// then what is on the disk. The mutex and the lock file are held.
func (f *Folder) store(c *Catalogue) error {
	err := f.write(encodeCatalogue(c), f.name(catalogueFile))
	if _, e := f.load(); e != nil && err == nil {
		err = e
	}
	return err
}

// encodeCatalogue writes the file:
//
//	{"format":1,"sha256":"0123…","catalogue":{…}}
//
// where the sum is that of the catalogue's bytes.
func encodeCatalogue(c *Catalogue) []byte {
	text, err := json.Marshal(c)
	if err != nil {
		panic("registry: a catalogue that is not JSON: " + err.Error()) // it has only texts, numbers and times
	}
	return fmt.Appendf(nil, "{\"format\":%d,\"sha256\":%q,\"catalogue\":%s}\n", format, Digest(text), text)
}

// restore is what to do about a catalogue that cannot be used.
const restore = "restore it from a backup, or begin anew with another folder and deploy again"

// decodeCatalogue reads what encodeCatalogue wrote.
func decodeCatalogue(text []byte) (*Catalogue, error) {
	if len(strings.Trim(string(text), "\x00")) == 0 {
		return nil, fmt.Errorf("torn: nothing is in its %d bytes; %s", len(text), restore)
	}
	var head struct {
		Format    int             `json:"format"`
		Sum       string          `json:"sha256"`
		Catalogue json.RawMessage `json:"catalogue"`
	}
	err := json.Unmarshal(text, &head)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(text)):
		return nil, fmt.Errorf("torn: it ends in its middle, after %d bytes; %s", len(text), restore)
	case err != nil:
		return nil, fmt.Errorf("damaged: %w; %s", err, restore)
	case head.Format > format:
		return nil, fmt.Errorf("written by a newer faasd, in format %d: this one knows up to %d, use the newer one", head.Format, format)
	case head.Format < 1, head.Sum != Digest(head.Catalogue):
		return nil, fmt.Errorf("damaged, or changed by hand: its sum is another; %s", restore)
	}
	var c Catalogue
	if err := json.Unmarshal(head.Catalogue, &c); err != nil {
		return nil, fmt.Errorf("damaged: %w; %s", err, restore)
	}
	return &c, nil
}
