package sim

import (
	"encoding/binary"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Request is one that a client has made, and what came of it.
type Request struct {
	ID      wire.JobID
	Number  uint64
	Refusal frontend.Refusal
	Answers []frontend.Answer // more than one is a broken promise
	Asked   time.Duration     // when it was made
	Took    time.Duration     // until the last answer

	frontend *Node
}

// Ask makes a request at a frontend.
func (s *System) Ask(at string, r frontend.Request) *Request {
	s.jobs++
	binary.BigEndian.PutUint64(r.ID[8:], s.jobs)
	if r.Function == "" {
		r.Function = "echo"
	}
	if r.Timeout == 0 {
		r.Timeout = time.Minute
	}
	q := &Request{ID: r.ID, Asked: s.Now(), frontend: s.Node(at)}
	m := s.Frontend(at)
	q.frontend.Do(func(now role.Time) {
		q.Number, q.Refusal = m.Submit(now, r, func(a frontend.Answer) {
			q.Answers = append(q.Answers, a)
			q.Took = s.Now() - q.Asked
		})
	})
	return q
}

// Cancel says that the client has gone.
func (r *Request) Cancel() {
	r.frontend.Do(func(now role.Time) {
		r.frontend.Machine.(*frontend.Machine).Cancel(now, r.Number)
	})
}

// Done reports whether the request has been answered or refused.
func (r *Request) Done() bool { return len(r.Answers) > 0 || r.Refusal != frontend.Accepted }

// OK reports whether it was answered once, without an error.
func (r *Request) OK() bool {
	return r.Refusal == frontend.Accepted && len(r.Answers) == 1 && r.Answers[0].Code == wire.CodeOK
}
