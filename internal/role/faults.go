package role

import "log/slog"

// Faults counts what arrived on a role's links and could not be used, and logs
// the first of each link. Anybody who reaches a socket can cause them, so one
// line is all they get.
type Faults struct {
	Log   *slog.Logger
	count uint64
	seen  map[Link]bool
}

// Note counts one unusable message.
func (f *Faults) Note(link Link, name string, err error) {
	f.count++
	if f.seen[link] {
		return
	}
	if f.seen == nil {
		f.seen = make(map[Link]bool)
	}
	f.seen[link] = true
	f.Log.Warn("unusable message dropped; more on this link are only counted", "link", name, "error", err)
}

// Count returns how many there were.
func (f *Faults) Count() uint64 { return f.count }
