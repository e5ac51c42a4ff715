package broker

import (
	"cmp"
	"slices"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// searchFor is how long queues have to say whether they hold a job that another
// broker, now lost, had given to one of them.
const searchFor = time.Second

// search is such a question.
type search struct {
	asked map[*queue]bool // and not answered yet
	until role.Time
}

// seek asks all queues for a job that comes a second time, so that it goes on
// where it is and does not run elsewhere too. It reports false if there is
// nobody to ask.
func (m *Machine) seek(now role.Time, e *entry) bool {
	asked := make(map[*queue]bool)
	for _, q := range role.InOrder(m.queues) {
		if q.Ready() {
			asked[q] = true
			m.say(now, q, wire.TypeAsk, e.msg.Job)
		}
	}
	if len(asked) == 0 {
		return false
	}
	e.search = &search{asked, now + searchFor}
	m.searches[e.msg.Job] = e
	m.timer.By(now, e.search.until)
	return true
}

func (m *Machine) say(now role.Time, q *queue, t wire.Type, id wire.JobID) {
	msg := &wire.Message{Header: wire.Header{Type: t, Job: id}}
	msg.SetBody(nil)
	q.Link().Send(now, msg)
}

// found takes a queue's answer.
func (m *Machine) found(now role.Time, q *queue, msg *wire.Message) {
	e := m.searches[msg.Job]
	if e == nil || !e.search.asked[q] {
		return
	}
	delete(e.search.asked, q)
	switch {
	case msg.Code == wire.CodeOK && q.routable && q.Link().Room(e.size):
		m.endSearch(e)
		m.assign(now, e, q)
	case len(e.search.asked) == 0:
		m.endSearch(e)
		m.placeOrShelve(now, e)
	}
}

func (m *Machine) endSearch(e *entry) {
	if e.search != nil {
		e.search = nil
		delete(m.searches, e.msg.Job)
	}
}

// giveUpSearches gives jobs to any queue whose search has lasted too long: some
// queue does not answer, and may be gone.
func (m *Machine) giveUpSearches(now role.Time) {
	var late []*entry
	for _, e := range m.searches {
		if now >= e.search.until {
			late = append(late, e)
		} else {
			m.timer.By(now, e.search.until)
		}
	}
	slices.SortFunc(late, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.accepted, b.accepted), a.msg.Job.Compare(b.msg.Job))
	})
	for _, e := range late {
		m.endSearch(e)
		m.placeOrShelve(now, e)
	}
}
