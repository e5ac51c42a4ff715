package library

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"faasd/internal/function"
	"faasd/internal/wire"
)

// Changes has something to be received when what Serves says has changed since
// that was last received.
func (l *Library) Changes() <-chan struct{} { return l.changes }

// tell has Changes say that something has changed.
func (l *Library) tell() {
	select {
	case l.changes <- struct{}{}:
	default: // it says so already
	}
}

// Serves says how far the library is with the catalogue that it goes by.
func (l *Library) Serves() wire.Serves {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := wire.Serves{Applied: l.applied, Functions: []string{}}
	var tried, others []wire.Broken
	for _, name := range slices.Sorted(maps.Keys(l.shelf)) {
		t := l.shelf[name]
		for _, number := range slices.Sorted(maps.Keys(t.keepers)) {
			k := t.keepers[number]
			current := number == t.deployed.Current
			broken := k.broken
			switch {
			case !k.settled:
				s.Preparing = append(s.Preparing, wire.Preparing{Function: name, Version: number, Tried: k.trying})
				continue
			case broken == nil && current:
				s.Functions = append(s.Functions, name)
				broken = k.version.isStuck()
			}
			switch {
			case broken == nil:
			case k.trying && !current:
				tried = append(tried, *broken)
			default:
				others = append(others, *broken)
			}
		}
	}
	slices.SortStableFunc(s.Preparing, func(a, b wire.Preparing) int { return a.Compare(&b) })
	s.Preparing = s.Preparing[:min(len(s.Preparing), wire.MaxPreparing)]
	s.Broken = append(tried, others...) // a deploy waits for those that are tried
	s.Broken = s.Broken[:min(len(s.Broken), wire.MaxBroken)]
	return s
}

// whyBroken says, for the queue, why a version does not come up. Where its files
// are at this worker says nothing to others, and would make each worker's reason
// another.
func (l *Library) whyBroken(v *version, err error) wire.Broken {
	b := wire.Broken{Function: v.name, Version: v.of.Number, Reason: wire.Cut(l.here.ReplaceAllString(err.Error(), ""), wire.MaxReason)}
	var failure *function.Failure
	if errors.As(err, &failure) {
		b.Type = failure.Type
	}
	return b
}

// printed is the end of what a version has printed since it was made ready, for
// the queue likewise.
func (l *Library) printed(v *version) string {
	var lines []string
	for _, line := range v.printed() {
		lines = append(lines, l.here.ReplaceAllString(line.Text, ""))
	}
	return wire.Cut(strings.Join(lines, "\n"), wire.MaxReason)
}
