package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Why a store refuses. Errors wrap one of these where one fits.
var (
	ErrNoFunction = errors.New("no such function")
	ErrNoVersion  = errors.New("no such version")
	ErrNoBlob     = errors.New("not in the store")
	ErrBusy       = errors.New("another change of the function is under way")
	ErrFull       = errors.New("the disk is full")
	ErrCorrupt    = errors.New("the content is not what its digest says")
)

// Store keeps packages, manifests, and which version of which function counts.
// All methods may be called at once, and several processes may share what a
// store keeps. Every change raises the revision by one, and is there for good
// when the method returns; one that fails changes nothing.
type Store interface {
	// Put keeps what r gives, MaxPackage bytes at most, and returns its digest
	// and size. If want is not "", another digest is ErrCorrupt.
	Put(r io.Reader, want string) (digest string, size int64, err error)
	// Open opens what Put has kept, or fails with ErrNoBlob.
	Open(digest string) (Blob, error)
	// Manifest returns the manifest with the digest that a Version names.
	Manifest(digest string) (Manifest, error)

	// Stage adds a version of the function as StateTrying. Its package must be
	// there. Until Promote, Fail or Cancel nobody else can change the function: ErrBusy.
	// If the current version has the same manifest, nothing is done, and that
	// version is returned with unchanged.
	Stage(name string, m Manifest) (version uint32, unchanged bool, err error)
	// Promote makes the version that this store has staged the current one. If it
	// fails, the version is still staged.
	Promote(name string, version uint32) error
	// Fail gives up the version that this store has staged. Even if it fails,
	// others can change the function, and Sweep gives the version up.
	Fail(name string, version uint32, reason string) error
	// Cancel is Fail for the reason [Cancelled]. A function of which there has been
	// nothing else is as one that was removed.
	Cancel(name string, version uint32) error
	// Rollback makes a version that was current before so again; 0 is the newest
	// one below the current, of those since the function was deployed anew. Of a
	// function that was removed it takes that back; 0 is then the version that was
	// current. It returns which.
	Rollback(name string, version uint32) (uint32, error)
	// Remove marks a function as removed. Its versions stay for KeepRemoved: for jobs
	// on their way, and for Rollback.
	Remove(name string) error

	// Sweep drops what is no longer wanted, see Swept.
	Sweep(now time.Time) (Swept, error)
	// Reload looks whether another process has made a change.
	Reload() (changed bool, err error)
	// Catalogue is the newest state that this process knows. It is not to be
	// changed.
	Catalogue() *Catalogue
	// Close gives up the store. What is still staged is then failed by others.
	Close() error
}

// Blob is an open package or manifest.
type Blob interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes
}

// State is how far a version has come.
type State string

// The states of a version.
const (
	StateTrying State = "trying" // its first process is being started
	StateReady  State = "ready"  // it was current, or is
	StateFailed State = "failed" // it never served a request
)

// Catalogue is what a store has of functions.
type Catalogue struct {
	Store     string     `json:"store"`    // drawn when the store was made: revisions of different ones do not compare
	Revision  uint64     `json:"revision"` // one more at each change
	Functions []Function `json:"functions,omitempty"`
}

// Function is a function in a catalogue.
type Function struct {
	Name     string    `json:"name"`
	Current  uint32    `json:"current,omitempty"` // the version for new requests; 0: none has started yet
	Removed  time.Time `json:"removed,omitzero"`  // when it was removed, if it was
	Anew     uint32    `json:"anew,omitempty"`    // the first version since it was last removed and deployed again; 0: it never was
	Versions []Version `json:"versions"`          // by number
}

// Version is one version of a function.
type Version struct {
	Number   uint32    `json:"number"` // from 1
	State    State     `json:"state"`
	Manifest string    `json:"manifest"` // its digest
	Kind     Kind      `json:"kind"`
	Labels   []string  `json:"labels,omitempty"`
	Timeout  int64     `json:"timeout_ms"`
	Package  string    `json:"package"` // its digest
	Size     int64     `json:"size"`    // of the package, bytes
	Created  time.Time `json:"created"`
	Retired  time.Time `json:"retired,omitzero"` // when another became current instead, last
	Reason   string    `json:"reason,omitempty"` // why it failed
}

// Serves reports whether the function takes new requests.
func (f *Function) Serves() bool { return f.Current != 0 && f.Removed.IsZero() }

// Version returns the version with the number, nil if there is none.
func (f *Function) Version(number uint32) *Version {
	i, ok := slices.BinarySearchFunc(f.Versions, number, func(v Version, n uint32) int { return cmp.Compare(v.Number, n) })
	if !ok {
		return nil
	}
	return &f.Versions[i]
}

// Function returns the function of that name, removed or not, nil if there is
// none.
func (c *Catalogue) Function(name string) *Function {
	i, ok := slices.BinarySearchFunc(c.Functions, name, func(f Function, name string) int { return cmp.Compare(f.Name, name) })
	if !ok {
		return nil
	}
	return &c.Functions[i]
}

// Missing says why there is no function of that name, and what to do; nil if
// there is one.
func (c *Catalogue) Missing(name string) error {
	f := c.Function(name)
	switch {
	case f == nil || f.Current == 0 && !f.Removed.IsZero():
		return fmt.Errorf("%w: %s is not deployed; faasctl functions lists what is, and faasctl deploy %s PATH deploys it", ErrNoFunction, name, name)
	case f.Removed.IsZero():
		return nil
	}
	return fmt.Errorf("%w: %s was removed %s ago; faasctl functions rollback %s brings it back", ErrNoFunction, name, max(0, time.Since(f.Removed)).Round(time.Second), name)
}

// clone copies all that a change may touch.
func (c *Catalogue) clone() *Catalogue {
	copied := *c
	copied.Functions = slices.Clone(c.Functions)
	for i := range copied.Functions {
		copied.Functions[i].Versions = slices.Clone(copied.Functions[i].Versions)
	}
	return &copied
}

// add returns the function of that name, a new one if there is none.
func (c *Catalogue) add(name string) *Function {
	i, ok := slices.BinarySearchFunc(c.Functions, name, func(f Function, name string) int { return cmp.Compare(f.Name, name) })
	if !ok {
		c.Functions = slices.Insert(c.Functions, i, Function{Name: name})
	}
	return &c.Functions[i]
}
