package cluster

import (
	"fmt"
	"strings"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// decodeCatalogue reads a catalogue that came from the bus and checks it.
func decodeCatalogue(frames [][]byte) (*wire.Catalogue, error) {
	c := new(wire.Catalogue)
	if err := wire.DecodeBus(frames, c); err != nil {
		return nil, err
	}
	return c, c.Check()
}

// Published takes a catalogue from the registrar that its topic names. It is
// dropped if nothing else is known of that registrar: its state comes within a
// second, and the catalogue again within some more. So is one that is older than
// what came before, by a coordinator that is slower.
func (v *View) Published(topic string, c *wire.Catalogue) error {
	parts := strings.Split(strings.TrimPrefix(topic, wire.TopicCatalogue), "/")
	if len(parts) != 4 {
		return fmt.Errorf("%w: catalogue on topic %.200q", wire.ErrMalformed, topic)
	}
	inc, err := wire.ParseIncarnation(parts[2])
	if err != nil {
		return err
	}
	e := v.entries[inc]
	if e == nil || e.State.Role != wire.RoleRegistrar || otherVersion(&e.State.Member) {
		return nil
	}
	if old := e.catalogue; old == nil || old.Store != c.Store || old.Revision < c.Revision {
		e.catalogue = c
	}
	return nil
}

// Catalogue returns what is deployed: the newest catalogue of the registrars
// that are heard. While none is heard, what was known last still counts, or what
// a coordinator has told of those that were there before. Nil: nobody has told
// of any. It is the same one as before unless something has changed.
func (v *View) Catalogue(now time.Duration) *wire.Catalogue {
	var newest, silent *wire.Catalogue
	for _, e := range v.entries {
		switch c := e.catalogue; {
		case c == nil:
		case e.Stale(now):
			if c.Newer(silent) {
				silent = c
			}
		case c.Newer(newest):
			newest = c
		}
	}
	if newest == nil && v.catalogue == nil {
		newest = silent
	}
	if newest != nil && (v.catalogue == nil || newest.Of() != v.catalogue.Of()) {
		v.catalogue = newest
	}
	return v.catalogue
}

// Sources are where packages can be fetched: the endpoints of registrars that
// are heard, by incarnation, wire.MaxSources of them at most.
func (v *View) Sources(now time.Duration) (list []string) {
	for _, e := range role.InOrder(v.entries) {
		if ep := e.State.Endpoints["packages"]; ep != "" && len(list) < wire.MaxSources && e.catalogue != nil && !e.Stale(now) {
			list = append(list, ep)
		}
	}
	return list
}
