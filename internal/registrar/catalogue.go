package registrar

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"faasd/internal/registry"
	"faasd/internal/wire"
)

// catalogue is the store's, as it is published. A store may keep more than goes
// on the bus, where a catalogue with too much in it is refused whole: what is
// left out is what requests on their way can least want.
func catalogue(from *registry.Catalogue) wire.Catalogue {
	functions := newest(from.Functions, wire.MaxDeployed, wantedUntil)
	c := wire.Catalogue{Store: storeID(from.Store), Revision: from.Revision, Functions: make([]wire.Deployed, 0, len(functions))}
	for _, f := range functions {
		versions := newest(f.Versions, wire.MaxVersions, func(v *registry.Version) time.Time { return versionWantedUntil(&f, v) })
		d := wire.Deployed{Name: f.Name, Current: f.Current, Removed: !f.Removed.IsZero(), Versions: make([]wire.FunctionVersion, 0, len(versions))}
		for _, v := range versions {
			d.Versions = append(d.Versions, wire.FunctionVersion{
				Number: v.Number, State: string(v.State), Manifest: v.Manifest, Kind: string(v.Kind), Labels: v.Labels,
				TimeoutMillis: v.Timeout,
			})
		}
		c.Functions = append(c.Functions, d)
	}
	return c
}

// always is the time of what new requests want.
var always = time.Unix(1<<40, 0)

// wantedUntil is since when no new request has wanted the function.
func wantedUntil(f *registry.Function) time.Time {
	trying := slices.ContainsFunc(f.Versions, func(v registry.Version) bool { return v.State == registry.StateTrying })
	if f.Removed.IsZero() || trying {
		return always
	}
	return f.Removed
}

// versionWantedUntil is since when no new request has wanted a version.
func versionWantedUntil(f *registry.Function, v *registry.Version) time.Time {
	switch {
	case v.Number == f.Current, v.State == registry.StateTrying:
		return always
	case v.State == registry.StateReady:
		return v.Retired
	}
	return time.Time{} // it never served
}

// newest are so many of the list at most, in its order: those that were wanted
// last, and of those the last in the list.
func newest[T any](list []T, most int, wanted func(*T) time.Time) []T {
	if len(list) <= most {
		return list
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(wanted(&list[b]).Compare(wanted(&list[a])), b-a)
	})
	order = order[:most]
	slices.Sort(order)
	kept := make([]T, 0, most)
	for _, i := range order {
		kept = append(kept, list[i])
	}
	return kept
}

// storeID is a store's id as it is said on the bus, never 0.
func storeID(id string) wire.Incarnation {
	sum := sha256.Sum256([]byte(id))
	return max(wire.Incarnation(binary.BigEndian.Uint64(sum[:])), 1)
}
