package frontend

import (
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// function is what a frontend remembers of a function that is served, or was a
// moment ago.
type function struct {
	last role.Time // when that was last known
	room uint32    // bytes that its next results are expected to have, each
}

const (
	// servedFor is how long a function is still known that no queue has any more:
	// queues that begin anew, and their workers, are there again within it.
	servedFor = 10 * time.Second
	// forgetting is the part of what is expected that each smaller result takes
	// away: after a hundred or two a large one is forgotten.
	forgetting = 32
	// informedAfter is how long after a coordinator's first word all that is served
	// is known, if no registrar tells what is deployed: the coordinator may have
	// begun as late as this frontend, and the others are to find it.
	informedAfter = 3 * time.Second
)

// informed reports whether a function that is not known here is known to nobody.
// It is not while a frontend has only begun; then nobody is to be told that there
// is no such function.
func (m *Machine) informed(now role.Time) bool {
	return len(m.cfg.Coordinators) == 0 && !m.cfg.Following || m.catalogue != nil || m.told != 0 && now-m.told >= informedAfter
}

// unknown is why a request for a function, or for a version of it, that is not
// known is refused.
func (m *Machine) unknown(now role.Time, fn string) Refusal {
	if d := m.deployed[fn]; d != nil && neverUp(d) {
		return NotUp
	}
	if m.builtIn[fn] || !wire.ValidFunction(fn) || m.informed(now) {
		return UnknownFunction
	}
	return Uninformed
}

// neverUp reports whether no version of a function has come up since it was
// deployed.
func neverUp(d *wire.Deployed) bool { return d.Current == 0 && !d.Removed }

// follow goes by the catalogue that is the newest now.
func (m *Machine) follow(now role.Time) {
	c := m.bus.View.Catalogue(now)
	if c == m.catalogue {
		return
	}
	m.catalogue = c
	m.deployed = make(map[string]*wire.Deployed, len(c.Functions))
	for i := range c.Functions {
		m.deployed[c.Functions[i].Name] = &c.Functions[i]
	}
	deployed := m.deployed
	m.shared.Store(&deployed)
	m.bus.Changed()
}

// room is how many bytes a function's result is expected to have: as many as the
// largest of the last ones.
func (m *Machine) room(name string) uint32 {
	if f := m.served[name]; f != nil {
		return f.room
	}
	return 0
}

// returned notes how many bytes a function has returned.
func (m *Machine) returned(name string, bytes int) {
	f := m.served[name]
	if f == nil { // a built-in one
		f = &function{}
		m.served[name] = f
	}
	f.room = max(uint32(bytes), f.room-(f.room+forgetting-1)/forgetting)
}

// forgetUnserved drops what is remembered of functions that are known no more.
func (m *Machine) forgetUnserved(now role.Time) {
	for name := range m.served {
		if !m.knows(now, name) {
			delete(m.served, name)
		}
	}
}
