package role

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// InOrder visits a map's entries by their keys, so that what a machine does to
// several peers or jobs at once it does in the same order whenever it is run
// with the same input. Entries that are deleted meanwhile are not visited.
func InOrder[K cmp.Ordered, V any](m map[K]V) iter.Seq2[K, V] {
	return InOrderFunc(m, cmp.Compare[K])
}

// InOrderFunc is InOrder for keys that compare by a function.
func InOrderFunc[K comparable, V any](m map[K]V, compare func(a, b K) int) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, k := range slices.SortedFunc(maps.Keys(m), compare) {
			if v, there := m[k]; there && !yield(k, v) {
				return
			}
		}
	}
}
