package job

import (
	"cmp"
	"slices"
	"strings"
)

// Ring takes turns among members that come and go. Members stand in the order
// of their names, so that a new ring begins at the first name; whoever joins
// or leaves does not disturb the turn of the others.
type Ring[T comparable] struct {
	seats []seat[T]
	last  seat[T] // whoever had the last turn
}

type seat[T comparable] struct {
	name   string
	member T
}

// Add puts a member in.
func (r *Ring[T]) Add(name string, member T) {
	i, _ := slices.BinarySearchFunc(r.seats, name, func(s seat[T], n string) int { return compareNames(s.name, n) })
	r.seats = slices.Insert(r.seats, i, seat[T]{name, member})
}

// Remove takes a member out; absent ones are ignored.
func (r *Ring[T]) Remove(member T) {
	r.seats = slices.DeleteFunc(r.seats, func(s seat[T]) bool { return s.member == member })
}

// Len returns how many members there are.
func (r *Ring[T]) Len() int { return len(r.seats) }

// All returns the members in ring order.
func (r *Ring[T]) All() []T {
	all := make([]T, len(r.seats))
	for i, s := range r.seats {
		all[i] = s.member
	}
	return all
}

// Next returns the next member in turn that accept takes, and gives it the
// turn; false if it takes none.
func (r *Ring[T]) Next(accept func(T) bool) (member T, ok bool) {
	for i, s := range r.turn() {
		if accept(s.member) {
			r.last = s
			return r.seats[i].member, true
		}
	}
	return member, false
}

// Least returns the member with the least weight; among equals the next in
// turn, which it gives the turn.
func (r *Ring[T]) Least(weight func(T) int) (member T, ok bool) {
	var best seat[T]
	least := 0
	for _, s := range r.turn() {
		if w := weight(s.member); !ok || w < least {
			best, least, ok = s, w, true
		}
	}
	if ok {
		r.last = best
	}
	return best.member, ok
}

// turn visits every seat once, beginning behind whoever had the last turn.
func (r *Ring[T]) turn() func(yield func(int, seat[T]) bool) {
	return func(yield func(int, seat[T]) bool) {
		n := len(r.seats)
		start, _ := slices.BinarySearchFunc(r.seats, r.last.name, func(s seat[T], n string) int { return compareNames(s.name, n) })
		for start < n && r.seats[start].name == r.last.name {
			start++
			if r.seats[start-1] == r.last {
				break // others of that name have not had their turn
			}
		}
		for k := range n {
			if i := (start + k) % n; !yield(i, r.seats[i]) {
				return
			}
		}
	}
}

// compareNames orders queueZ before queueAA.
func compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
