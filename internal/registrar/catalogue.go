package registrar

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"faasd/internal/registry"
	"faasd/internal/wire"
)

// catalogue is the store's, as it is published: all that a catalogue may have,
// since one that has more is refused whole. A store may have more for a while:
// versions that were current in the last hour, functions removed then.
func catalogue(from *registry.Catalogue) wire.Catalogue {
	c := wire.Catalogue{Store: storeID(from.Store), Revision: from.Revision, Functions: make([]wire.Deployed, 0, len(from.Functions))}
	for _, f := range newest(from.Functions) {
		d := wire.Deployed{Name: f.Name, Current: f.Current, Removed: !f.Removed.IsZero(), Versions: make([]wire.FunctionVersion, 0, len(f.Versions))}
		for _, v := range wanted(&f) {
			d.Versions = append(d.Versions, wire.FunctionVersion{
				Number: v.Number, State: string(v.State), Manifest: v.Manifest, Kind: string(v.Kind), Labels: v.Labels,
				TimeoutMillis: v.Timeout,
			})
		}
		c.Functions = append(c.Functions, d)
	}
	return c
}

// newest leaves out the functions that were removed first, if there are too many.
func newest(all []registry.Function) []registry.Function {
	over := len(all) - wire.MaxDeployed
	if over <= 0 {
		return all
	}
	removed := slices.DeleteFunc(slices.Clone(all), func(f registry.Function) bool { return f.Removed.IsZero() })
	slices.SortFunc(removed, func(a, b registry.Function) int { return a.Removed.Compare(b.Removed) })
	out := make(map[string]bool)
	for _, f := range removed[:min(over, len(removed))] {
		out[f.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(f registry.Function) bool { return out[f.Name] })
}

// wanted are the versions of a function that somebody may ask for, by number: the
// current one and what is tried, then those that were current last, since jobs on
// their way want them, then those that failed last.
func wanted(f *registry.Function) []registry.Version {
	if len(f.Versions) <= wire.MaxVersions {
		return f.Versions
	}
	rank := func(v *registry.Version) int {
		switch {
		case v.Number == f.Current, v.State == registry.StateTrying:
			return 0
		case v.State == registry.StateReady:
			return 1
		}
		return 2
	}
	versions := slices.Clone(f.Versions)
	slices.SortFunc(versions, func(a, b registry.Version) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), b.Retired.Compare(a.Retired), cmp.Compare(b.Number, a.Number))
	})
	versions = versions[:wire.MaxVersions]
	slices.SortFunc(versions, func(a, b registry.Version) int { return cmp.Compare(a.Number, b.Number) })
	return versions
}

// storeID is a store's id as it is said on the bus, never 0.
func storeID(id string) wire.Incarnation {
	sum := sha256.Sum256([]byte(id))
	return max(wire.Incarnation(binary.BigEndian.Uint64(sum[:])), 1)
}
