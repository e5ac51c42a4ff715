package role

import (
	"log/slog"
	"sync/atomic"
)

// maxLinks bounds the numbers of a role's links.
const maxLinks = 16

// Faults counts what arrived on a role's links and could not be used, and logs
// the first of each link. Anybody who reaches a socket can cause them, so one
// line is all they get. Machines embed it; Log and Links are set before the
// machine is driven.
type Faults struct {
	Log   *slog.Logger
	Links map[Link]string // names of the role's links

	counts [maxLinks]atomic.Uint64
}

// Malformed counts one message, or an attempt at a connection, that could not
// be used, and changes nothing else.
func (f *Faults) Malformed(link Link, err error) {
	if f.counts[link%maxLinks].Add(1) == 1 {
		f.Log.Warn("unusable message dropped; more on this link are only counted", "link", f.Links[link], "error", err)
	}
}

// MalformedOn returns how many there were on one link. Any goroutine may call it.
func (f *Faults) MalformedOn(link Link) uint64 { return f.counts[link%maxLinks].Load() }

// MalformedCount returns how many there were on all links.
func (f *Faults) MalformedCount() (n uint64) {
	for i := range f.counts {
		n += f.counts[i].Load()
	}
	return n
}
