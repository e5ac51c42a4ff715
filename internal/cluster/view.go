// Package cluster builds the picture of the whole system that each member and
// each operator has, from what is published on the coordination bus; and it
// publishes a member's own part of that picture. It is pure: packets and the
// time come in, effects go out.
package cluster

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"faasd/internal/wire"
)

const (
	// StaleAfter is the silence after which a member counts as lost: nothing
	// is offered to it any more.
	StaleAfter = 3 * time.Second
	// forgetAfter is the silence after which a lost member is no longer shown.
	forgetAfter = time.Minute
	// sweepEvery is how often the old are forgotten at most: there may be many.
	sweepEvery = time.Second
	// maxEntries bounds the members in the picture, and those remembered to have
	// left it: coordinators pass on whatever strangers publish.
	maxEntries = 20_000
)

// Entry is what is known of one member.
type Entry struct {
	State  wire.State
	Detail *wire.Detail  // nil if never seen; published only while somebody watches
	At     time.Duration // when State was current, on the viewer's clock

	catalogue *wire.Catalogue // a registrar's; nil if never seen
	delay     Delay
	said      history[counters] // of states, if View.Rates
	workers   history[[]wire.WorkerDetail]
	latencies *latencies // of Detail; nil until they are looked at
}

// Stale reports whether the member has been silent too long to count on.
func (e *Entry) Stale(now time.Duration) bool { return now-e.At >= StaleAfter }

// View is the picture. The zero View is empty and ready to use. It is owned by
// one goroutine.
type View struct {
	Rates bool // is to know how fast members count; set before anything comes

	entries   map[wire.Incarnation]*Entry
	order     []wire.Incarnation                 // of entries, sorted; nil: not known since one has come or gone
	catalogue *wire.Catalogue                    // that was last gone by
	left      map[wire.Incarnation]time.Duration // who has left in order, and when: they do not come back
	swept     time.Duration                      // when the old were last forgotten
}

// State takes a member's state that was current age ago.
func (v *View) State(now time.Duration, s wire.State, age time.Duration) {
	if _, gone := v.left[s.Incarnation]; gone {
		return // told by a coordinator that is slower, or has not heard of it
	}
	e := v.entry(now, s.Incarnation)
	if e == nil {
		return
	}
	if e.State.Sequence >= s.Sequence && e.State.Sequence != 0 {
		return
	}
	if s.Left {
		v.remove(s.Incarnation)
		v.leave(now, s.Incarnation)
		return
	}
	if otherVersion(&s.Member) { // its numbers may mean something else
		s.Queue, s.Broker, s.Frontend, s.Supervisor = nil, nil, nil, nil
		s.Workers, s.Pinned, s.Slots = 0, 0, 0
	}
	if s.Role == wire.RoleQueue && s.Queue == nil {
		s.Queue = &wire.QueueState{}
	}
	age = max(age, e.delay.Of(now, s.Clock))
	e.State = s
	if v.Rates && (s.Queue != nil || s.Frontend != nil) {
		e.said.add(s.Clock, counters{s.Queue, s.Frontend})
	}
	e.At = max(e.At, now-age)
	v.succeed(now, e)
}

// succeed forgets whoever was at an entry's endpoints before: two cannot be, so
// the one that has started later is there now.
func (v *View) succeed(now time.Duration, e *Entry) {
	if len(e.State.Endpoints) == 0 || e.State.Started == 0 {
		return
	}
	for _, o := range v.entries {
		if o.State.Started == 0 || o.State.Started == e.State.Started || o.State.Role != e.State.Role ||
			o.State.Name != e.State.Name || !maps.Equal(o.State.Endpoints, e.State.Endpoints) {
			continue
		}
		old := o
		if o.State.Started > e.State.Started {
			old = e
		}
		v.remove(old.State.Incarnation)
		v.leave(now, old.State.Incarnation)
	}
}

// otherVersion reports whether a member speaks another version of the bus than
// this code. One that does not say is taken for one that does.
func otherVersion(m *wire.Member) bool { return m.Protocol != 0 && m.Protocol != wire.BusProtocol }

// Detail takes a member's detail. It is dropped if nothing else is known of
// that member: its state comes within a second.
func (v *View) Detail(d wire.Detail) {
	e, ok := v.entries[d.Incarnation]
	if !ok || otherVersion(&e.State.Member) || e.Detail != nil && e.Detail.Sequence >= d.Sequence {
		return
	}
	d.Spread()
	e.Detail, e.latencies = &d, nil
	if v.Rates {
		e.workers.add(d.Clock, d.Workers)
	}
}

// Snapshot takes a coordinator's collection of last values. Old values in it
// neither replace newer ones nor bring anybody back.
func (v *View) Snapshot(now time.Duration, s *wire.Snapshot) {
	for _, a := range s.States {
		if age := ms(a.AgeMillis); age < forgetAfter && a.Value.Check() == nil {
			v.State(now, a.Value, age)
		}
	}
	for i := range s.Catalogues {
		if p := &s.Catalogues[i]; p.Value.Check() == nil {
			_ = v.Published(p.Topic, &p.Value) // what is no topic is nobody's
		}
	}
	for _, a := range s.Details {
		if ms(a.AgeMillis) < StaleAfter {
			v.Detail(a.Value)
		}
	}
}

// Get returns the entry of one incarnation, nil if there is none.
func (v *View) Get(inc wire.Incarnation) *Entry { return v.entries[inc] }

// Members returns the members of a role by name, the lost ones included for as
// long as they are shown. Where two incarnations have one name and the older
// is silent, only the newer is returned.
func (v *View) Members(now time.Duration, role string) []*Entry {
	var list []*Entry
	for inc, e := range v.entries {
		if now-e.At >= forgetAfter || e.Stale(now) && v.replaced(now, e) {
			v.remove(inc)
			continue
		}
		if e.State.Role == role {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *Entry) int {
		return cmp.Or(
			cmp.Compare(len(a.State.Name), len(b.State.Name)), // queueZ before queueAA
			cmp.Compare(a.State.Name, b.State.Name),
			cmp.Compare(a.State.Incarnation, b.State.Incarnation),
		)
	})
	return list
}

func (v *View) remove(inc wire.Incarnation) {
	delete(v.entries, inc)
	v.order = nil
}

// Live visits the members of a role that are not stale, by incarnation. Those that
// leave meanwhile are not visited.
func (v *View) Live(now time.Duration, roleName string) iter.Seq2[wire.Incarnation, *wire.State] {
	return func(yield func(wire.Incarnation, *wire.State) bool) {
		if v.order == nil {
			v.order = slices.Sorted(maps.Keys(v.entries))
		}
		for _, inc := range v.order {
			if e := v.entries[inc]; e != nil && e.State.Role == roleName && !e.Stale(now) && !yield(inc, &e.State) {
				return
			}
		}
	}
}

// Serves reports whether some queue has workers or jobs of a function. While no
// queue at all is heard, what was known last still counts: then it is the
// coordinator that is lost, and functions are not to become unknown by it.
func (v *View) Serves(now time.Duration, fn string) bool {
	served, heard := false, false
	for _, e := range v.entries {
		q := e.State.Queue
		if q == nil {
			continue
		}
		_, has := q.Functions[fn]
		if !e.Stale(now) {
			if has {
				return true
			}
			heard = true
		}
		served = served || has
	}
	return served && !heard
}

// Functions adds up what all queues say of each function.
func (v *View) Functions(now time.Duration) map[string]wire.FunctionState {
	sum := make(map[string]wire.FunctionState)
	for _, e := range v.entries {
		if e.State.Queue == nil || e.Stale(now) {
			continue
		}
		for name, f := range e.State.Queue.Functions {
			s := sum[name]
			s.Workers += f.Workers
			s.Free += f.Free
			s.Waiting += f.Waiting
			s.Running += f.Running
			s.Oldest = max(s.Oldest, f.Oldest)
			sum[name] = s
		}
	}
	return sum
}

// replaced reports whether another live incarnation has e's role and name.
func (v *View) replaced(now time.Duration, e *Entry) bool {
	for _, o := range v.entries {
		if o != e && o.State.Role == e.State.Role && o.State.Name == e.State.Name && !o.Stale(now) {
			return true
		}
	}
	return false
}

// leave remembers that somebody does not come back.
func (v *View) leave(now time.Duration, inc wire.Incarnation) {
	if len(v.left) < maxEntries {
		v.left[inc] = now
	}
}

// entry returns the entry of one incarnation, nil if there are too many. A new one is the occasion to
// forget the old: not every member draws lists.
func (v *View) entry(now time.Duration, inc wire.Incarnation) *Entry {
	if e, ok := v.entries[inc]; ok {
		return e
	}
	if v.entries == nil {
		v.entries = make(map[wire.Incarnation]*Entry)
		v.left = make(map[wire.Incarnation]time.Duration)
	}
	if now >= v.swept+sweepEvery {
		v.swept = now
		maps.DeleteFunc(v.entries, func(_ wire.Incarnation, e *Entry) bool { return now-e.At >= forgetAfter })
		v.order = nil
		maps.DeleteFunc(v.left, func(_ wire.Incarnation, at time.Duration) bool { return now-at >= forgetAfter })
	}
	if len(v.entries) >= maxEntries {
		return nil
	}
	e := &Entry{At: -forgetAfter}
	v.entries[inc], v.order = e, nil
	return e
}

// ms reads an age that somebody else has measured.
func ms(n int64) time.Duration { return time.Duration(min(max(n, 0), 1<<40)) * time.Millisecond }
