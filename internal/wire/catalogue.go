package wire

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MaxDeployed bounds how many functions can be deployed at a time, those that
// were removed lately included.
const MaxDeployed = 2000

// Bounds of what is said of one function, and of where packages are.
const (
	MaxVersions = 16 // of a function
	MaxSources  = 16 // registrars
)

// Catalogue is all that is deployed, as a registrar publishes it, whole, and as
// queues pass it on to their workers. A store counts its revisions; of two
// catalogues the one with the higher is the newer, see Newer.
type Catalogue struct {
	Store     Incarnation `json:"store"` // drawn when the store was made
	Revision  uint64      `json:"revision"`
	Functions []Deployed  `json:"functions"` // by name

	// Sources are, in what a queue tells its workers, where packages can be
	// fetched: the ROUTER endpoints of registrars.
	Sources []string `json:"sources,omitempty"`
}

// Deployed is one function of a Catalogue.
type Deployed struct {
	Name     string            `json:"name"`
	Current  uint32            `json:"current"`           // the version that new requests go to; 0 none has come up yet
	Removed  bool              `json:"removed,omitempty"` // takes no requests any more; those that were accepted still run
	Versions []FunctionVersion `json:"versions"`          // by number
}

// States of a version.
const (
	VersionTrying = "trying" // workers prepare it and say how that went
	VersionReady  = "ready"
	VersionFailed = "failed" // did not come up; never current
)

// FunctionVersion is one version of a deployed function.
type FunctionVersion struct {
	Number        uint32   `json:"number"` // from 1
	State         string   `json:"state"`
	Manifest      string   `json:"manifest"`         // digest of what says how to run it, by which it is fetched
	Kind          string   `json:"kind"`             // of function
	Labels        []string `json:"labels,omitempty"` // that a worker must have to run it, all of them
	TimeoutMillis int64    `json:"timeout_ms"`       // of a run
}

// Find returns a function that is deployed, nil if it is not or was removed.
func (c *Catalogue) Find(name string) *Deployed {
	for i := range c.Functions {
		if f := &c.Functions[i]; f.Name == name && !f.Removed {
			return f
		}
	}
	return nil
}

// Version returns a version by its number, nil if it is not kept.
func (d *Deployed) Version(number uint32) *FunctionVersion {
	for i := range d.Versions {
		if d.Versions[i].Number == number {
			return &d.Versions[i]
		}
	}
	return nil
}

// Newer reports whether c is to be taken instead of old. Two stores that know
// nothing of each other cannot be merged; which of them counts is the same
// everywhere.
func (c *Catalogue) Newer(old *Catalogue) bool {
	return old == nil || c.Of().Newer(old.Of())
}

// Check refuses a catalogue that no registrar publishes.
func (c *Catalogue) Check() error {
	if c.Store == 0 || c.Revision > maxTotal || len(c.Functions) > MaxDeployed || len(c.Sources) > MaxSources {
		return fmt.Errorf("%w: catalogue of store %s, revision %d, with %d functions and %d sources, want %d functions at most",
			ErrMalformed, c.Store, c.Revision, len(c.Functions), len(c.Sources), MaxDeployed)
	}
	for i := range c.Functions {
		f := &c.Functions[i]
		if !ValidFunction(f.Name) || len(f.Versions) > MaxVersions {
			return fmt.Errorf("%w: catalogue with function %.80q of %d versions", ErrMalformed, f.Name, len(f.Versions))
		}
		for j := range f.Versions {
			if err := f.Versions[j].check(f.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *FunctionVersion) check(name string) error {
	known := v.State == VersionTrying || v.State == VersionReady || v.State == VersionFailed
	if v.Number == 0 || !known || !ValidDigest(v.Manifest) || !ValidName(v.Kind) || len(v.Labels) > MaxLabels {
		return fmt.Errorf("%w: catalogue with version %d of %s: state %.20q, kind %.20q, %d labels", ErrMalformed, v.Number, name, v.State, v.Kind, len(v.Labels))
	}
	return millis("timeout", v.TimeoutMillis)
}

// MaxLabels bounds the labels of a worker and those that a function asks for.
const MaxLabels = 16

// ValidDigest reports whether s is a SHA-256 as 64 lower-case hex digits.
func ValidDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Applied says which catalogue somebody goes by.
type Applied struct {
	Store    Incarnation `json:"store"`
	Revision uint64      `json:"revision"`
}

// Newer is what [Catalogue.Newer] is, of those that they say.
func (a Applied) Newer(old Applied) bool {
	if a.Revision != old.Revision {
		return a.Revision > old.Revision
	}
	return a.Store > old.Store
}

// Of is c's own.
func (c *Catalogue) Of() Applied { return Applied{c.Store, c.Revision} }

// Serves is what a worker says while it goes by a catalogue: the body of SERVES.
type Serves struct {
	Applied
	Functions []string    `json:"functions"`           // deployed ones whose current version is ready here
	Preparing []Preparing `json:"preparing,omitempty"` // the first MaxPreparing, those that are tried before others
	Broken    []Broken    `json:"broken,omitempty"`    // the first MaxBroken, likewise
}

// Preparing is a version that is being made ready.
type Preparing struct {
	Function string   `json:"function"`
	Version  uint32   `json:"version"`
	Tried    bool     `json:"tried,omitempty"`   // a deploy waits for it
	Workers  int      `json:"workers,omitempty"` // in a queue's state: where
	Names    []string `json:"names,omitempty"`   // of these, the first MaxPreparers
}

// Bounds of what is said of versions that are being made ready.
const (
	MaxPreparing = 64
	MaxPreparers = 4
)

// Compare orders them: those that are tried first, then by name and version.
func (p *Preparing) Compare(o *Preparing) int {
	switch {
	case p.Tried && !o.Tried:
		return -1
	case o.Tried && !p.Tried:
		return 1
	}
	return cmp.Or(strings.Compare(p.Function, o.Function), cmp.Compare(p.Version, o.Version))
}

func (p *Preparing) check() error {
	if !ValidFunction(p.Function) || len(p.Names) > MaxPreparers || slices.ContainsFunc(p.Names, func(name string) bool { return !ValidName(name) }) {
		return fmt.Errorf("%w: function %.80q is prepared by %d named workers", ErrMalformed, p.Function, len(p.Names))
	}
	return counts("workers that prepare", p.Workers)
}

// Broken is a version that a worker cannot run, and why.
type Broken struct {
	Function string `json:"function"`
	Version  uint32 `json:"version"`
	Worker   string `json:"worker,omitempty"` // in a queue's state
	Type     string `json:"type,omitempty"`   // of the error, as Lambda names it
	Reason   string `json:"reason"`
	Log      string `json:"log,omitempty"` // the last that it printed
}

// Bounds of what is said of versions that cannot be run.
const (
	MaxBroken = 32
	MaxReason = 4 << 10 // bytes of one reason, and of one log
)

// Check refuses what no worker says.
func (s *Serves) Check() error {
	if len(s.Functions) > MaxDeployed || len(s.Preparing) > MaxPreparing || len(s.Broken) > MaxBroken {
		return fmt.Errorf("%w: worker that serves %d functions, with %d being prepared and %d broken, want %d, %d and %d at most",
			ErrMalformed, len(s.Functions), len(s.Preparing), len(s.Broken), MaxDeployed, MaxPreparing, MaxBroken)
	}
	for _, name := range s.Functions {
		if !ValidFunction(name) {
			return fmt.Errorf("%w: worker that serves %.80q", ErrMalformed, name)
		}
	}
	return checkReadiness(s.Preparing, s.Broken)
}

func checkReadiness(preparing []Preparing, broken []Broken) error {
	for i := range preparing {
		if err := preparing[i].check(); err != nil {
			return err
		}
	}
	for i := range broken {
		if err := broken[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (b *Broken) check() error {
	if !ValidFunction(b.Function) || len(b.Reason) > MaxReason || len(b.Log) > MaxReason || len(b.Type) > maxText || b.Worker != "" && !ValidName(b.Worker) {
		return fmt.Errorf("%w: broken function %.80q of worker %.80q, for a reason of %d bytes", ErrMalformed, b.Function, b.Worker, len(b.Reason))
	}
	return nil
}

// Following is, in a queue's state, how far its native workers follow the
// catalogue.
type Following struct {
	Applied               // what the queue itself goes by, and has passed on
	Oldest    uint64      `json:"oldest"`              // the lowest revision that one of them goes by; its own if it has none
	Behind    int         `json:"behind"`              // how many go by another than the queue's
	Names     []string    `json:"names,omitempty"`     // of these, the first MaxNames
	Preparing []Preparing `json:"preparing,omitempty"` // by any of them; in order, the first MaxPreparing
	Broken    []Broken    `json:"broken,omitempty"`    // of versions that are tried, then of current ones; the first MaxBroken
}

// MaxNames bounds the workers that a queue names.
const MaxNames = 16

func (f *Following) check() error {
	if len(f.Names) > MaxNames || len(f.Preparing) > MaxPreparing || len(f.Broken) > MaxBroken {
		return fmt.Errorf("%w: queue that names %d workers behind, %d versions being prepared and %d broken ones",
			ErrMalformed, len(f.Names), len(f.Preparing), len(f.Broken))
	}
	for _, name := range f.Names {
		if !ValidName(name) {
			return fmt.Errorf("%w: worker %.80q is behind", ErrMalformed, name)
		}
	}
	if err := checkReadiness(f.Preparing, f.Broken); err != nil {
		return err
	}
	return counts("workers behind", f.Behind)
}
