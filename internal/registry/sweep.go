package registry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// What Sweep keeps.
const (
	KeepVersions = 10        // the newest of a function
	KeepRetired  = time.Hour // a version that was current: jobs on their way still want it
	KeepRemoved  = time.Hour // a removed function, or one that never started; likewise
	KeepUnused   = time.Hour // a package that no version names: its deploy may be under way
)

// Swept is what Sweep has dropped.
type Swept struct {
	Abandoned bool // versions that a process which has ended left staged were failed
	Functions int  // removed for longer than KeepRemoved, or tried then and never started
	Versions  int  // beyond the newest KeepVersions, not current, nor so within KeepRetired
	Blobs     int  // packages and manifests that no version names
	Bytes     int64
}

// Sweep drops what is no longer wanted at the time.
func (f *Folder) Sweep(now time.Time) (s Swept, err error) {
	err = f.change(func(c *Catalogue) error {
		abandoned := f.failAbandoned(c)
		if abandoned != nil && !errors.Is(abandoned, errNothing) {
			return abandoned
		}
		s.Abandoned = abandoned == nil
		before := len(c.Functions)
		c.Functions = slices.DeleteFunc(c.Functions, func(fn Function) bool { return fn.over(now) })
		s.Functions = before - len(c.Functions)
		for i := range c.Functions {
			s.Versions += c.Functions[i].dropOld(now)
		}
		if !s.Abandoned && s.Functions+s.Versions == 0 {
			return errNothing
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNothing) {
		return Swept{}, err
	}
	err = f.sweepFiles(now, &s)
	return s, err
}

// over reports whether nobody can want the function any more.
func (f *Function) over(now time.Time) bool {
	last := f.Removed
	if f.Serves() || slices.ContainsFunc(f.Versions, func(v Version) bool { return v.State == StateTrying }) {
		return false
	}
	if n := len(f.Versions); n > 0 && f.Versions[n-1].Created.After(last) {
		last = f.Versions[n-1].Created
	}
	return now.Sub(last) > KeepRemoved
}

// dropOld drops the versions that nobody wants back, and returns how many.
func (f *Function) dropOld(now time.Time) int {
	before := len(f.Versions)
	i := 0
	f.Versions = slices.DeleteFunc(f.Versions, func(v Version) bool {
		i++
		return i <= before-KeepVersions && v.Number != f.Current && v.State != StateTrying && now.Sub(v.Retired) > KeepRetired
	})
	return before - len(f.Versions)
}

// sweepFiles removes blobs that nothing names and what was never completed.
func (f *Folder) sweepFiles(now time.Time, s *Swept) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.locked(func() error {
		if _, err := f.load(); err != nil {
			return err
		}
		used := make(map[string]bool)
		for _, fn := range f.Catalogue().Functions {
			for _, v := range fn.Versions {
				used[v.Package], used[v.Manifest] = true, true
			}
		}
		return filepath.WalkDir(f.path, func(full string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return ignoreGone(err)
			}
			folder := filepath.Dir(full)
			blob := filepath.Dir(folder) == f.name(blobFolder)
			if !blob && folder != f.name(incomingFolder) || used[d.Name()] {
				return nil
			}
			info, err := d.Info()
			if err != nil || now.Sub(info.ModTime()) <= KeepUnused {
				return ignoreGone(err)
			}
			if err := os.Remove(full); err != nil {
				return ignoreGone(err)
			}
			if blob {
				s.Blobs++
			}
			s.Bytes += info.Size()
			return nil
		})
	})
}

// ignoreGone takes it for fine that another process was faster.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
