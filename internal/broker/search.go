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

// knowsAll is when a broker, whose clock began with it, has met all queues: each
// is connected again within a second and announces itself ten times a second.
const knowsAll = 2 * time.Second

// search is such a question.
type search struct {
	asked  map[*queue]bool // true: and not answered yet
	silent int             // how many have not
	until  role.Time
	at     *queue // has the job, and has no room yet to be given it; it runs there
}

// seek asks all queues for a job that comes a second time, so that it goes on
// where it is and does not run elsewhere too. Queues that come while it is
// looked for are asked too; a broker that has just begun waits for them. It
// reports false if there is nobody to ask.
func (m *Machine) seek(now role.Time, e *entry) bool {
	e.search = &search{asked: make(map[*queue]bool), until: now + searchFor}
	for _, q := range role.InOrder(m.queues) {
		m.askFor(now, e, q)
	}
	if e.search.silent == 0 && now >= knowsAll {
		e.search = nil
		return false
	}
	e.search.until = max(e.search.until, knowsAll)
	m.searches[e.msg.Job] = e
	m.paths.jobs.Step(&e.state, sought)
	m.timer.By(now, e.search.until)
	return true
}

func (m *Machine) askFor(now role.Time, e *entry, q *queue) {
	if !q.Ready() {
		return
	}
	e.search.asked[q] = true
	e.search.silent++
	m.say(now, q, wire.TypeAsk, e.msg.Job)
}

// askAll asks a queue that can be spoken to from now on for all jobs that are
// looked for. What it said by a link before no longer holds.
func (m *Machine) askAll(now role.Time, q *queue) {
	if q.asked = q.Ready(); !q.asked {
		return
	}
	q.found = nil
	for _, e := range role.InOrderFunc(m.searches, wire.JobID.Compare) {
		s := e.search
		if s.asked[q] {
			s.silent--
		}
		if s.at == q {
			s.at = nil
			s.until = now + searchFor
			m.timer.By(now, s.until)
		}
		m.askFor(now, e, q)
	}
}

func (m *Machine) say(now role.Time, q *queue, t wire.Type, id wire.JobID) {
	msg := &wire.Message{Header: wire.Header{Type: t, Job: id}}
	msg.SetBody(nil)
	q.Link().Send(now, msg)
}

// answeredAsk takes a queue's answer.
func (m *Machine) answeredAsk(now role.Time, q *queue, msg *wire.Message) {
	e := m.searches[msg.Job]
	if e == nil || !e.search.asked[q] {
		return
	}
	e.search.asked[q] = false
	e.search.silent--
	switch {
	case e.search.at != nil:
	case msg.Code == wire.CodeOK:
		e.search.at = q
		q.found = append(q.found, e)
		m.takeFound(now, q)
	case e.search.silent == 0 && now >= knowsAll:
		m.endSearch(e)
		m.notFound(now, e, true)
	}
}

// takeFound gives a queue the jobs that were looked for and are there already,
// as it has room, also if it is to be given no others.
func (m *Machine) takeFound(now role.Time, q *queue) {
	for ; len(q.found) > 0; q.found = q.found[1:] {
		e := q.found[0]
		if e.search == nil || e.search.at != q {
			continue // answered or cancelled meanwhile
		}
		if !q.Ready() || !q.Link().Room() {
			return
		}
		m.endSearch(e)
		m.assign(now, e, q)
	}
	q.found = nil
}

// foundIsLost gives what was found at a queue that is gone to others.
func (m *Machine) foundIsLost(now role.Time, q *queue) {
	for _, e := range q.found {
		if e.search != nil && e.search.at == q {
			m.endSearch(e)
			m.notFound(now, e, false)
		}
	}
	q.found = nil
}

func (m *Machine) endSearch(e *entry) {
	if e.search != nil {
		e.search = nil
		delete(m.searches, e.msg.Job)
	}
}

// giveUpSearches gives jobs to any queue whose search has lasted too long: some
// queue does not answer, and may be gone. Those that are found wait for their
// queue.
func (m *Machine) giveUpSearches(now role.Time) {
	var late []*entry
	for _, e := range m.searches {
		until := e.search.until
		if e.search.at != nil {
			until = e.deadline
		}
		if now >= until {
			late = append(late, e)
		} else {
			m.timer.By(now, until)
		}
	}
	slices.SortFunc(late, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.accepted, b.accepted), a.msg.Job.Compare(b.msg.Job))
	})
	for _, e := range late {
		answered := e.search.silent == 0
		m.endSearch(e)
		if now >= e.deadline {
			m.close(e) // the frontend has answered
			continue
		}
		m.notFound(now, e, answered)
	}
}

// notFound gives a job to any queue that no queue seems to have. It may have
// begun to run at a queue that is lost: one that does not answer, or has been
// given up since the job was first accepted, or that this broker has never met.
// Only if there is none, and no run was reported, the next is the first.
func (m *Machine) notFound(now role.Time, e *entry, answered bool) {
	if !answered || e.msg.Attempt > 0 || e.accepted < knowsAll || m.lostQueue >= e.accepted {
		e.uncounted()
	}
	m.placeOrShelve(now, e)
}
