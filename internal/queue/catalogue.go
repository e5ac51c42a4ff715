package queue

import (
	"encoding/json"
	"slices"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// follow passes what is deployed on to the native workers, if it or where it is
// fetched has changed.
func (m *Machine) follow(now role.Time) {
	c := m.bus.View.Catalogue(now)
	if c == nil {
		return
	}
	sources := m.bus.View.Sources(now)
	if c == m.catalogue && (len(sources) == 0 || slices.Equal(sources, m.sources)) {
		return
	}
	m.catalogue = c
	if len(sources) > 0 { // with no registrar in sight, those of before may come back
		m.sources = sources
	}
	told := *c
	told.Sources = m.sources
	b, err := json.Marshal(told)
	if err != nil {
		panic("queue: a catalogue is plain data: " + err.Error())
	}
	if slices.Equal(b, m.told) {
		return
	}
	m.told = b
	for _, w := range role.InOrderFunc(m.workers, compareWorkers) {
		m.tellCatalogue(now, w)
	}
	m.bus.Changed()
}

// tellCatalogue tells a native worker what is deployed, in one message for each
// catalogue; the latest takes the place of one that is still on its way.
func (m *Machine) tellCatalogue(now role.Time, w *worker) {
	if m.told == nil || w.link == nil || w.link.Link() == nil {
		return
	}
	l := w.link.Link()
	if w.telling != nil {
		l.Void(w.telling)
	}
	w.telling = &wire.Message{Header: wire.Header{Type: wire.TypeCatalogue}}
	w.telling.SetBody(m.told)
	l.Send(now, w.telling)
}

// served takes what a native worker says of the catalogue that it goes by.
func (m *Machine) served(now role.Time, w *worker, msg *wire.Message) error {
	var s wire.Serves
	if err := wire.DecodeJSON(msg.Body, &s); err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return err
	}
	if err := m.mayServe(w.name, s.Functions); err != nil {
		return err
	}
	m.tellBroken(now, w, s.Broken)
	w.follows = s
	if functions := append(slices.Clone(w.builtIn), s.Functions...); !w.crew.has(functions) {
		m.regroup(w, functions)
		m.look(w)
		if w.welcomed {
			m.serve(now, w)
			m.workersChanged(now)
		}
	}
	m.bus.Changed()
	return nil
}

// has reports whether the crew serves these functions and no others.
func (c *crew) has(functions []string) bool {
	for _, name := range functions {
		if !c.serves[name] {
			return false
		}
	}
	return len(functions) == len(c.functions)
}
