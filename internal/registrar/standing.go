package registrar

import (
	"fmt"
	"slices"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// Goal is what the others are to have reached.
type Goal struct {
	Revision  uint64 // of this registrar's store: they go by it, or by a later one
	Function  string // of which Version is ready, or known not to come up
	Version   uint32 // 0: none need be ready
	Frontends bool   // are to go by it too
}

// Standing is how far the others are.
type Standing struct {
	Behind []string // who is not there yet, for people: "frontend f1", "worker w-123 at queueA"
	Broken []wire.Broken
	Queues int // that are heard: with none, nobody can say how far it is

	Overruled error // see [Machine.Overruled]
}

// maxBehind bounds how many of those who are behind are named.
const maxBehind = 20

// Standing looks how far the workers are, and frontends too if they are asked
// for. Workers that speak for themselves, over REQ or Majordomo, have nothing to
// follow.
func (m *Machine) Standing(now role.Time, goal Goal) (s Standing) {
	store := m.catalogue.Store
	s.Overruled = m.Overruled(now)
	for _, q := range m.bus.View.Live(now, wire.RoleQueue) {
		if q.Queue == nil || q.Draining {
			continue
		}
		s.Queues++
		f := q.Queue.Following
		switch {
		case f != nil && f.Store != store: // of a registrar whose catalogue is taken for the newer
			s.Behind = append(s.Behind, "queue "+q.Name+", which goes by another store")
			continue
		case f == nil || f.Revision < goal.Revision:
			s.Behind = append(s.Behind, "queue "+q.Name)
			continue
		case f.Oldest < goal.Revision:
			s.name(q.Name, f.Names, f.Behind)
		}
		s.prepares(q.Name, f, &goal)
		s.Broken = append(s.Broken, f.Broken...)
	}
	if goal.Frontends {
		for _, f := range m.bus.View.Live(now, wire.RoleFrontend) {
			if f.Frontend == nil || f.Draining {
				continue
			}
			if a := f.Frontend.Applied; a == nil || a.Store != store || a.Revision < goal.Revision {
				s.Behind = append(s.Behind, "frontend "+f.Name)
			}
		}
	}
	slices.Sort(s.Behind)
	s.Behind = slices.Compact(s.Behind)
	if more := len(s.Behind) - maxBehind; more > 0 {
		s.Behind = append(s.Behind[:maxBehind], fmt.Sprintf("%d more", more))
	}
	return s
}

// prepares adds the workers that still make the goal's version ready. A queue
// tells of so many such versions only; of those that are tried first, so that
// nothing is missed of one unless all that it tells of are.
func (s *Standing) prepares(queue string, f *wire.Following, goal *Goal) {
	for i := range f.Preparing {
		if p := &f.Preparing[i]; p.Function == goal.Function && p.Version == goal.Version {
			s.name(queue, p.Names, p.Workers)
			return
		}
	}
	if n := len(f.Preparing); n == wire.MaxPreparing && f.Preparing[n-1].Tried && goal.Version != 0 {
		s.Behind = append(s.Behind, "queue "+queue)
	}
}

// name adds workers of a queue, of which some are named.
func (s *Standing) name(queue string, names []string, all int) {
	for _, name := range names {
		s.Behind = append(s.Behind, fmt.Sprintf("worker %s at %s", name, queue))
	}
	if more := all - len(names); more > 0 {
		s.Behind = append(s.Behind, fmt.Sprintf("%s more at %s", wire.Plural(more, "worker"), queue))
	}
}

// Workers is how many workers serve a function now.
func (m *Machine) Workers(now role.Time, function string) int {
	return m.bus.View.Functions(now)[function].Workers
}

// BrokenAt says at which workers the version of a function that takes requests
// does not come up, as far as queues tell, and why.
func (m *Machine) BrokenAt(now role.Time, function string, version uint32) (list []wire.Broken) {
	for _, q := range m.bus.View.Live(now, wire.RoleQueue) {
		if q.Queue == nil || q.Queue.Following == nil || q.Queue.Following.Store != m.catalogue.Store {
			continue
		}
		for _, b := range q.Queue.Following.Broken {
			if b.Function == function && b.Version == version {
				list = append(list, b)
			}
		}
	}
	return list
}
