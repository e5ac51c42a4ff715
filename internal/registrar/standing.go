package registrar

import (
	"fmt"
	"slices"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// Standing is how far the others go by a revision of the catalogue.
type Standing struct {
	Behind []string // who does not yet, for people: "frontend f1", "worker w-123 at queueA"
	Broken []wire.Broken
	Queues int // that are heard: with none, nobody can say how far it is

	Overruled error // see [Machine.Overruled]
}

// maxBehind bounds how many of those who are behind are named.
const maxBehind = 20

// Standing looks how far the workers, and frontends too if they are asked for,
// go by a revision of this registrar's store, or a later one. Workers that speak
// for themselves, over REQ or Majordomo, have nothing to follow.
func (m *Machine) Standing(now role.Time, revision uint64, frontends bool) (s Standing) {
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
		case f == nil || f.Revision < revision:
			s.Behind = append(s.Behind, "queue "+q.Name)
			continue
		case f.Oldest < revision:
			for _, name := range f.Names {
				s.Behind = append(s.Behind, fmt.Sprintf("worker %s at %s", name, q.Name))
			}
			if more := f.Behind - len(f.Names); more > 0 {
				s.Behind = append(s.Behind, fmt.Sprintf("%s more at %s", wire.Plural(more, "worker"), q.Name))
			}
		}
		s.Broken = append(s.Broken, f.Broken...)
	}
	if frontends {
		for _, f := range m.bus.View.Live(now, wire.RoleFrontend) {
			if f.Frontend == nil || f.Draining {
				continue
			}
			if a := f.Frontend.Applied; a == nil || a.Store != store || a.Revision < revision {
				s.Behind = append(s.Behind, "frontend "+f.Name)
			}
		}
	}
	slices.Sort(s.Behind)
	if more := len(s.Behind) - maxBehind; more > 0 {
		s.Behind = append(s.Behind[:maxBehind], fmt.Sprintf("%d more", more))
	}
	return s
}

// Workers is how many workers serve a function now.
func (m *Machine) Workers(now role.Time, function string) int {
	return m.bus.View.Functions(now)[function].Workers
}
