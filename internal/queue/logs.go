package queue

import (
	"encoding/json"
	"fmt"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// logsWithin is how long a worker has to tell what a function has printed;
// whoever has asked asks again then, or has gone.
const logsWithin = 3 * time.Second

// maxQuestions bounds the operators' questions that wait for workers.
const maxQuestions = 1000

// question is an operator's question that a worker is to answer.
type question struct {
	command wire.Incarnation // its id
	replyTo wire.Incarnation
	worker  *worker
	until   role.Time
}

// tellLogs asks a worker on an operator's behalf what a function has printed. The
// reply comes with the worker's answer.
func (m *Machine) tellLogs(now role.Time, c *wire.Command) wire.Reply {
	w := m.workerByID(c.Worker)
	switch {
	case w == nil:
		return wire.Reply{Text: fmt.Sprintf("no worker %.80q is at %s any more", c.Worker, m.name)}
	case w.link == nil:
		return wire.Reply{Text: fmt.Sprintf("worker %s keeps its output to itself: only faasd's own workers are asked", w.name)}
	case w.link.Link() == nil:
		return wire.Reply{Text: fmt.Sprintf("worker %s is out of sight", w.name)}
	}
	for number, q := range m.questions {
		if q.command == c.ID && now < q.until {
			return wire.Reply{Later: true}
		}
		if now >= q.until {
			delete(m.questions, number)
		}
	}
	if len(m.questions) >= maxQuestions {
		return wire.Reply{Text: "too many ask for logs at a time; ask again"}
	}
	m.questioned++
	wanted := wire.LogsWanted{Number: m.questioned, Function: c.Function, Since: c.Since, Job: c.Job}
	if err := wanted.Check(); err != nil {
		return wire.Reply{Text: err.Error()}
	}
	m.questions[m.questioned] = question{c.ID, c.ReplyTo, w, now + logsWithin}
	b, err := json.Marshal(wanted)
	if err != nil {
		panic("queue: a question is plain data: " + err.Error())
	}
	ask := &wire.Message{Header: wire.Header{Type: wire.TypeLogs}}
	ask.SetBody(b)
	w.link.Link().Send(now, ask)
	return wire.Reply{Later: true}
}

// linesArrived passes a worker's answer on to who has asked.
func (m *Machine) linesArrived(w *worker, msg *wire.Message) error {
	lines := new(wire.LogLines)
	if err := wire.DecodeJSON(msg.Body, lines); err != nil {
		return err
	}
	if err := lines.Check(); err != nil {
		return err
	}
	q, ok := m.questions[lines.Number]
	if !ok || q.worker != w {
		return nil // it was too late
	}
	delete(m.questions, lines.Number)
	m.bus.Reply(q.replyTo, wire.Reply{Command: q.command, Role: wire.RoleQueue, Name: m.name, OK: true, Text: "as printed", Logs: lines})
	return nil
}
