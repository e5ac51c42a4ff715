package registry

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
	"unicode/utf8"

	"faasd/internal/config"
)

const maxReason = 4 << 10 // bytes of why a version failed

// errNothing ends a change that has nothing to do.
var errNothing = errors.New("nothing to change")

// change makes a change to the newest catalogue. Should it fail, all stays as it
// was.
func (f *Folder) change(do func(c *Catalogue) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changeLocked(do)
}

// changeLocked is change where the mutex is held.
func (f *Folder) changeLocked(do func(c *Catalogue) error) error {
	return f.locked(func() error {
		if _, err := f.load(); err != nil {
			return fmt.Errorf("function store %s: %w", f.path, err)
		}
		return f.changed(do)
	})
}

// changed does so where the catalogue is the newest already and the locks are
// held.
func (f *Folder) changed(do func(c *Catalogue) error) error {
	c := f.Catalogue().clone()
	if err := do(c); err != nil {
		return err
	}
	c.Revision++
	return f.store(c)
}

// now is the time that is written into catalogues.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// acquire takes the lock of a function, by which it is changed by one at a time
// and a version whose process has ended is known.
func (f *Folder) acquire(name string) (*os.File, error) {
	lock, err := os.OpenFile(f.name(deployingFolder, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, full(err)
	}
	err = flock(lock, syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return lock, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("function %s: %w; wait for it", name, ErrBusy)
	}
	return nil, errors.Join(err, lock.Close())
}

// unlock gives it up, also where a process that is just being started has it.
func unlock(lock *os.File) error { return errors.Join(flock(lock, syscall.LOCK_UN), lock.Close()) }

// release gives up a staged function. The mutex is held.
func (f *Folder) release(name string) error {
	lock := f.staged[name].lock
	delete(f.staged, name)
	return unlock(lock)
}

// Stage adds a version that is to be tried.
func (f *Folder) Stage(name string, m Manifest) (version uint32, unchanged bool, err error) {
	if err := config.ValidName(name); err != nil {
		return 0, false, badManifest("name %.80q: %w", name, err)
	}
	if err := m.Validate(); err != nil {
		return 0, false, err
	}
	lock, err := f.acquire(name)
	if err != nil {
		return 0, false, err
	}
	err = f.change(func(c *Catalogue) (err error) {
		version, err = f.stage(c, name, m)
		return err
	})
	switch {
	case errors.Is(err, errNothing):
		return version, true, unlock(lock)
	case err != nil:
		return 0, false, errors.Join(err, unlock(lock))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.staged[name] = stagedVersion{version, lock}
	return version, false, nil
}

// stage adds the version to the catalogue. The function's lock is held.
func (f *Folder) stage(c *Catalogue, name string, m Manifest) (version uint32, err error) {
	digest := m.Digest()
	switch old := c.Function(name); {
	case old == nil && c.present() >= MaxFunctions:
		return 0, tooMany()
	case old != nil && old.Serves() && old.Version(old.Current).Manifest == digest:
		return old.Current, errNothing
	}
	if err := f.hasPackage(m); err != nil {
		return 0, err
	}
	if err := f.putManifest(m); err != nil {
		return 0, fmt.Errorf("manifest of %s not stored: %w", name, err)
	}
	fn := c.add(name)
	giveUp(fn) // whoever tried had the lock that is ours now
	version = 1
	if n := len(fn.Versions); n > 0 {
		version = fn.Versions[n-1].Number + 1
	}
	fn.Versions = append(fn.Versions, Version{
		Number: version, State: StateTrying, Manifest: digest, Kind: m.Kind, Labels: inOrder(m.Labels), Timeout: m.Timeout,
		Package: m.Package, Size: m.Size, Created: now(),
	})
	return version, nil
}

func tooMany() error {
	return badManifest("there are %d functions, and no more can be: remove one", MaxFunctions)
}

// present counts the functions that are not removed.
func (c *Catalogue) present() (n int) {
	for _, f := range c.Functions {
		if f.Removed.IsZero() {
			n++
		}
	}
	return n
}

// hasPackage refuses a manifest whose package is not in the store.
func (f *Folder) hasPackage(m Manifest) error {
	info, err := os.Stat(f.blobName(m.Package))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("package %s: %w; store it before", m.Package, ErrNoBlob)
	case err != nil:
		return err
	case info.Size() != m.Size:
		return badManifest("its package has %d bytes, and the manifest says %d", info.Size(), m.Size)
	}
	return nil
}

// Promote makes a staged version current.
func (f *Folder) Promote(name string, version uint32) error {
	return f.settle(name, version, func(fn *Function, v *Version) {
		v.State = StateReady
		if !fn.Removed.IsZero() && fn.Current != 0 {
			fn.Anew = version
		}
		fn.makeCurrent(version)
		fn.Removed = time.Time{}
	}, false)
}

// Fail gives up a staged version.
func (f *Folder) Fail(name string, version uint32, reason string) error {
	return f.settle(name, version, func(_ *Function, v *Version) { v.fail(reason) }, true)
}

// Cancelled is the reason of a version whose deployer did not wait for it.
const Cancelled = "cancelled before it was known whether it starts"

// Cancel gives up a staged version that nobody waits for any more.
func (f *Folder) Cancel(name string, version uint32) error {
	return f.settle(name, version, func(fn *Function, v *Version) {
		v.fail(Cancelled)
		if !slices.ContainsFunc(fn.Versions, func(v Version) bool { return v.Reason != Cancelled }) {
			fn.Removed = now()
		}
	}, true)
}

// settle ends the trial of a version, and gives up its lock: always, or if it
// could be written.
func (f *Folder) settle(name string, version uint32, how func(*Function, *Version), always bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.staged[name].version != version || version == 0 {
		return fmt.Errorf("version %d of %s: %w that is being tried here", version, name, ErrNoVersion)
	}
	err := f.changeLocked(func(c *Catalogue) error {
		fn := c.Function(name)
		if fn == nil {
			return fmt.Errorf("function %s: %w", name, ErrNoFunction)
		}
		v := fn.Version(version)
		if v == nil || v.State != StateTrying {
			return fmt.Errorf("version %d of %s: %w that is being tried", version, name, ErrNoVersion)
		}
		how(fn, v)
		return nil
	})
	if err != nil && !always {
		return err
	}
	return errors.Join(err, f.release(name))
}

func (f *Function) makeCurrent(version uint32) {
	if old := f.Version(f.Current); old != nil {
		old.Retired = now()
	}
	f.Current = version
	f.Version(version).Retired = time.Time{}
}

func (v *Version) fail(reason string) {
	if len(reason) > maxReason {
		cut := maxReason
		for !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	v.State, v.Reason = StateFailed, reason
}

// giveUp fails the versions of a function that nobody tries any more.
func giveUp(f *Function) (any bool) {
	for i := range f.Versions {
		if v := &f.Versions[i]; v.State == StateTrying {
			v.fail("the frontend that deployed it ended before it was known whether it starts; deploy it again")
			any = true
		}
	}
	return any
}

// failAbandoned fails the versions whose process has ended, or there is nothing
// to do.
func (f *Folder) failAbandoned(c *Catalogue) error {
	err := errNothing
	for i := range c.Functions {
		fn := &c.Functions[i]
		trying := slices.ContainsFunc(fn.Versions, func(v Version) bool { return v.State == StateTrying })
		if !trying {
			continue
		}
		lock, e := f.acquire(fn.Name)
		if errors.Is(e, ErrBusy) {
			continue
		}
		if e != nil {
			return e
		}
		giveUp(fn)
		err = nil
		if e := unlock(lock); e != nil {
			return e
		}
	}
	return err
}

// alone changes a function, removed or not, that nobody deploys at the time.
func (f *Folder) alone(name string, do func(c *Catalogue, fn *Function) error) error {
	if config.ValidName(name) != nil {
		return fmt.Errorf("function %.80q: %w", name, ErrNoFunction)
	}
	if _, err := f.Reload(); err != nil {
		return err
	}
	if c := f.Catalogue(); c.Function(name) == nil { // no lock is made for it
		return c.Missing(name)
	}
	lock, err := f.acquire(name)
	if err != nil {
		return err
	}
	err = f.change(func(c *Catalogue) error {
		fn := c.Function(name)
		if fn == nil {
			return c.Missing(name)
		}
		return do(c, fn)
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	return errors.Join(err, unlock(lock))
}

// Rollback makes an earlier version current, or takes a removal back.
func (f *Folder) Rollback(name string, version uint32) (uint32, error) {
	err := f.alone(name, func(c *Catalogue, fn *Function) error {
		removed := !fn.Removed.IsZero()
		switch {
		case removed && fn.Current == 0:
			return c.Missing(name)
		case removed && c.present() >= MaxFunctions:
			return tooMany()
		case version == 0 && removed:
			version = fn.Current
		case version == 0:
			version = fn.before()
		}
		if err := fn.canServe(version); err != nil {
			return err
		}
		if version == fn.Current && !removed {
			return errNothing
		}
		if version != fn.Current {
			fn.makeCurrent(version)
		}
		fn.Removed = time.Time{}
		return nil
	})
	return version, err
}

// before is the version that served before the current one, since the function
// was deployed anew last; 0: there is none.
func (f *Function) before() (version uint32) {
	for _, v := range f.Versions {
		if v.State == StateReady && v.Number < f.Current && v.Number >= f.Anew {
			version = v.Number
		}
	}
	return version
}

// canServe says why a version, 0 the one before, cannot become current.
func (f *Function) canServe(version uint32) error {
	v := f.Version(version)
	switch {
	case version == 0 && f.Anew == f.Current:
		return fmt.Errorf("function %s: %w before %d that has served since it was removed; name one of those from before, or deploy it anew", f.Name, ErrNoVersion, f.Current)
	case version == 0:
		return fmt.Errorf("function %s: %w before %d that has served; name one, or deploy it anew", f.Name, ErrNoVersion, f.Current)
	case v == nil:
		return fmt.Errorf("version %d of %s: %w; faasctl functions %s --versions lists those there are", version, f.Name, ErrNoVersion, f.Name)
	case v.State != StateReady:
		return fmt.Errorf("version %d of %s: %w that has served, it is %s: %s", version, f.Name, ErrNoVersion, v.State, v.Reason)
	}
	return nil
}

// Remove marks a function as removed.
func (f *Folder) Remove(name string) error {
	return f.alone(name, func(c *Catalogue, fn *Function) error {
		if !fn.Removed.IsZero() {
			return c.Missing(name)
		}
		fn.Removed = now()
		return nil
	})
}
