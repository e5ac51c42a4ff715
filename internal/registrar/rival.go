package registrar

import (
	"fmt"

	"faasd/internal/registrar/admin"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// rival is another registrar that is heard and publishes another store, the one
// with the newest catalogue of these; nil if there is none. Registrars of one
// system are to share a store: of two, nobody goes by the older.
func (m *Machine) rival(now role.Time) (found *wire.State) {
	for inc, s := range m.bus.View.Live(now, wire.RoleRegistrar) {
		if inc == m.me || s.Registrar == nil || s.Registrar.Store == m.catalogue.Store {
			continue
		}
		if found == nil || s.Registrar.Newer(*found.Registrar) {
			found = s
		}
	}
	return found
}

// Overruled says that everybody goes by another store than this registrar's, and
// what to do; nil if nothing is heard of that.
func (m *Machine) Overruled(now role.Time) error {
	r := m.rival(now)
	if r == nil || !r.Registrar.Newer(m.catalogue.Of()) {
		return nil
	}
	return fmt.Errorf("%w: everybody goes by the one of frontend %s (%s), which is at revision %d, and this one is at %d; start the frontends of a system with the same --store, or stop one of them",
		admin.ErrOtherStore, r.Name, place(r), r.Registrar.Revision, m.catalogue.Revision)
}

// tellRival tells people once of each other store that is heard.
func (m *Machine) tellRival(now role.Time) {
	r := m.rival(now)
	if m.catalogue.Store == 0 || r == nil {
		return
	}
	if store := r.Registrar.Store; store != m.told {
		m.told = store
		m.cfg.Log.Warn("another frontend publishes another store of functions; only the newer counts: start both with the same --store, or stop one",
			"frontend", r.Name, "host", r.Host, "pid", r.PID, "revision", r.Registrar.Revision, "own", m.catalogue.Revision)
	}
}

func place(s *wire.State) string {
	if s.Host == "" {
		return "incarnation " + s.Incarnation.String()
	}
	return fmt.Sprintf("%s, process %d", s.Host, s.PID)
}
