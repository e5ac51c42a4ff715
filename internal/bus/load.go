package bus

import (
	"time"

	"faasd/internal/role"
)

const (
	// loadWindow is how often a host looks back at how full its turns were.
	loadWindow = 100 * time.Millisecond
	// loadTurns is how many turns at least say something.
	loadTurns = 16
	// A host is saturated once its turns have carried saturatedFrom packets on
	// average, and no longer when they carry less than saturatedUntil.
	saturatedFrom  = 10
	saturatedUntil = 8
)

// A load tells whether a host keeps up with what comes. One that does finds one
// or a few packets in a turn, one that does not finds more and more.
type load struct {
	saturated      bool
	begun          role.Time // of the window
	turns, packets int       // in it; turns without packets are not counted
}

// turned notes a turn that ended now and carried that many packets, and reports
// whether the host has become saturated by it, or has ceased to be.
func (l *load) turned(now role.Time, packets int) (changed bool) {
	if packets > 0 {
		l.turns++
		l.packets += packets
	}
	if now < l.begun+loadWindow {
		return false
	}
	was := l.saturated
	saturated := l.turns >= loadTurns && l.packets >= saturatedFrom*l.turns
	if was { // its turns may be few for being so long
		saturated = l.packets >= saturatedUntil*max(l.turns, loadTurns)
	}
	*l = load{saturated: saturated, begun: now}
	return saturated != was
}
