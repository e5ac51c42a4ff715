package worker

import (
	"encoding/json"
	"fmt"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// catalogued takes what is deployed from the queue. Who drives the machine takes
// it from Catalogue.
func (m *Machine) catalogued(msg *wire.Message) error {
	c := new(wire.Catalogue)
	if err := wire.DecodeJSON(msg.Body, c); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	m.catalogue = c
	m.sources = c.Sources
	return nil
}

// Catalogue returns what is deployed, if a queue has told it since the last
// call; nil else. Serves tells the queue what came of it.
func (m *Machine) Catalogue() *wire.Catalogue {
	c := m.catalogue
	m.catalogue = nil
	return c
}

// Serves says which deployed functions this worker runs from now on, and how far
// it is with the others, at this and every later queue.
func (m *Machine) Serves(now role.Time, s wire.Serves) {
	m.serves = &s
	m.tellServes(now)
}

func (m *Machine) tellServes(now role.Time) {
	if m.serves == nil || m.queue == nil || m.queue.Link() == nil {
		return
	}
	l := m.queue.Link()
	if m.telling != nil {
		l.Void(m.telling)
	}
	m.telling = numbered(wire.TypeServes, m.serves)
	l.Send(now, m.telling)
}

// Logs returns what the queue wants to know of functions' output since the last
// call; each is answered by Lines.
func (m *Machine) Logs() []wire.LogsWanted {
	l := m.logs
	m.logs = nil
	return l
}

// Lines answers a question of Logs.
func (m *Machine) Lines(now role.Time, l wire.LogLines) {
	if m.queue != nil && m.queue.Link() != nil {
		m.queue.Link().Send(now, numbered(wire.TypeLines, l))
	}
}

// maxLogs bounds the questions that wait to be answered.
const maxLogs = 100

func (m *Machine) logsWanted(msg *wire.Message) error {
	var wanted wire.LogsWanted
	if err := wire.DecodeJSON(msg.Body, &wanted); err != nil {
		return err
	}
	if err := wanted.Check(); err != nil {
		return err
	}
	if len(m.logs) < maxLogs {
		m.logs = append(m.logs, wanted)
	}
	return nil
}

// numbered makes a message of a body that is said as JSON.
func numbered(t wire.Type, v any) *wire.Message {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("worker: what it says is plain data: %v", err))
	}
	msg := &wire.Message{Header: wire.Header{Type: t}}
	msg.SetBody(b)
	return msg
}
