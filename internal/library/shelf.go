package library

import (
	"context"

	"faasd/internal/function/logs"
	"faasd/internal/wire"
)

// title is a function of the catalogue. Its fields are guarded by Library.mu.
type title struct {
	name     string
	deployed wire.Deployed
	versions map[uint32]*version // those that were asked for
	keepers  map[uint32]*keeper  // of versions that are to be ready before they are called
	logs     *logs.Ring          // of all versions
}

func newTitle(name string) *title {
	return &title{name: name, versions: make(map[uint32]*version), keepers: make(map[uint32]*keeper), logs: new(logs.Ring)}
}

// version returns a version of the function, put there if need be.
func (t *title) version(of *wire.FunctionVersion) *version {
	have := t.versions[of.Number]
	if have == nil {
		have = newVersion(t.name, *of, t.logs)
		t.versions[of.Number] = have
	}
	return have
}

// Apply goes by a catalogue from now on. What requests go to, or may soon, is
// made ready meanwhile, each by itself, until ctx ends or a catalogue does not
// name it any more; Serves says how far that is.
func (l *Library) Apply(ctx context.Context, c *wire.Catalogue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.applied = c.Of()
	named := make(map[string]bool, len(c.Functions))
	for i := range c.Functions {
		d := &c.Functions[i]
		named[d.Name] = true
		t := l.shelf[d.Name]
		if t == nil {
			t = newTitle(d.Name)
			l.shelf[d.Name] = t
		}
		l.update(ctx, t, d)
	}
	for name, t := range l.shelf {
		if !named[name] {
			for _, v := range t.versions {
				l.retire(context.Background(), t, v)
			}
			delete(l.shelf, name)
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
	l.tell()
}

// update has a function be as the catalogue says.
func (l *Library) update(ctx context.Context, t *title, d *wire.Deployed) {
	t.deployed = *d
	for number, v := range t.versions {
		if of := d.Version(number); of == nil || of.Manifest != v.of.Manifest || of.State == wire.VersionFailed {
			l.retire(context.Background(), t, v)
		}
	}
	for i := range d.Versions {
		of := &d.Versions[i]
		k := t.keepers[of.Number]
		wanted, trying := l.wants(t, of)
		if k != nil && (!wanted || !k.keeps(trying)) {
			k.end()
			delete(t.keepers, of.Number)
			k = nil
		}
		if wanted && k == nil {
			t.keepers[of.Number] = l.newKeeper(ctx, t.version(of), trying)
		}
	}
}

// wants reports whether a version of the catalogue is to be ready before it is
// called, and whether that is to be tried. One that was removed is not fetched
// any more, but who has it serves on until nobody can wait for it; one that is
// tried is to take its place.
func (l *Library) wants(t *title, of *wire.FunctionVersion) (wanted, trying bool) {
	trying = of.State == wire.VersionTrying
	wanted = trying || of.Number == t.deployed.Current && (!t.deployed.Removed || t.versions[of.Number] != nil)
	return wanted && l.takes(t.name, of), trying
}

// retire lets go of a version once what it runs has ended, or ctx.
func (l *Library) retire(ctx context.Context, t *title, v *version) {
	if k := t.keepers[v.of.Number]; k != nil {
		k.end()
		delete(t.keepers, v.of.Number)
	}
	delete(t.versions, v.of.Number)
	l.retired.Go(func() { v.close(ctx) })
}
