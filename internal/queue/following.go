package queue

import (
	"fmt"
	"slices"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// What is published of current versions that are broken: they may stay so, and
// the state is published often.
const (
	maxCurrentBroken = 8
	maxCurrentReason = 300 // bytes
)

// following is how far the native workers go by the catalogue; nil without one.
func (m *Machine) following() *wire.Following {
	c := m.catalogue
	if c == nil {
		return nil
	}
	f := &wire.Following{Applied: c.Of(), Oldest: c.Revision}
	var current []wire.Broken
	preparing := make(map[prepared]*wire.Preparing)
	for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
		if w.link == nil || !w.welcomed || w.draining || w.drainAsked || w.doomed != 0 {
			continue
		}
		if w.follows.Applied != c.Of() {
			f.Behind++
			if len(f.Names) < wire.MaxNames {
				f.Names = append(f.Names, w.name)
			}
		}
		if w.follows.Store != c.Store {
			f.Oldest = 0
		}
		f.Oldest = min(f.Oldest, w.follows.Revision)
		w.addPreparing(preparing)
		for _, b := range w.follows.Broken {
			b.Worker = w.name
			switch version, isCurrent := versionOf(c, &b); {
			case version == nil:
			case version.State == wire.VersionTrying && len(f.Broken) < wire.MaxBroken:
				f.Broken = append(f.Broken, b)
			case isCurrent && len(current) < maxCurrentBroken:
				current = append(current, brief(b))
			}
		}
	}
	f.Broken = append(f.Broken, current[:min(len(current), wire.MaxBroken-len(f.Broken))]...)
	for _, p := range preparing {
		f.Preparing = append(f.Preparing, *p)
	}
	slices.SortFunc(f.Preparing, func(a, b wire.Preparing) int { return a.Compare(&b) })
	f.Preparing = f.Preparing[:min(len(f.Preparing), wire.MaxPreparing)]
	return f
}

// prepared is a version that workers are making ready.
type prepared struct {
	function string
	version  uint32
}

// addPreparing counts a worker with those who make the same versions ready.
func (w *worker) addPreparing(all map[prepared]*wire.Preparing) {
	for _, p := range w.follows.Preparing {
		key := prepared{p.Function, p.Version}
		have := all[key]
		if have == nil {
			have = &wire.Preparing{Function: p.Function, Version: p.Version}
			all[key] = have
		}
		have.Tried = have.Tried || p.Tried
		have.Workers++
		if len(have.Names) < wire.MaxPreparers {
			have.Names = append(have.Names, w.name)
		}
	}
}

// versionOf is the version of a catalogue that is broken, and whether it is the
// current one of a function that takes requests; nil if it is not there.
func versionOf(c *wire.Catalogue, b *wire.Broken) (v *wire.FunctionVersion, current bool) {
	f := c.Find(b.Function)
	if f == nil {
		return nil, false
	}
	return f.Version(b.Version), f.Current == b.Version
}

// brief is what is broken as it is told of current versions, which people look
// into at the worker itself.
func brief(b wire.Broken) wire.Broken {
	b.Log, b.Reason = "", wire.Cut(b.Reason, maxCurrentReason)
	return b
}

// tellBroken tells people of current versions that a worker has just found out
// it cannot run. What is tried, the registrar tells of.
func (m *Machine) tellBroken(now role.Time, w *worker, broken []wire.Broken) {
	if m.catalogue == nil {
		return
	}
	for i := range broken {
		b := &broken[i]
		known := slices.ContainsFunc(w.follows.Broken, func(o wire.Broken) bool { return o.Function == b.Function && o.Version == b.Version })
		if v, current := versionOf(m.catalogue, b); known || !current || v == nil {
			continue
		}
		m.cfg.Log.Warn("function does not come up at a worker", "worker", w.name, "function", b.Function, "version", b.Version, "reason", b.Reason)
		m.event(now, wire.LevelWarn, "function-broken", w.name, "",
			fmt.Sprintf("version %d of %s, which takes requests, does not come up here: %s", b.Version, b.Function, brief(*b).Reason))
	}
}
