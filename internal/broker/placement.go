package broker

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// pendingFor is how long a worker that was sent to a queue counts there before
// the queue has reported it.
const pendingFor = 2 * time.Second

// avoidFor is how long a worker that asks again is sent elsewhere: it has not
// got into the queue that it was sent to.
const avoidFor = 5 * time.Second

// avoided is added to a queue's workers to make it the last choice.
const avoided = 1 << 30

// maxPlaced bounds the answers that are remembered, and maxPending the workers
// that count as on their way to one queue: anybody may ask, under any name. Far
// more than are started in avoidFor.
const (
	maxPlaced  = 16 << 10
	maxPending = 1024
)

// placement is a broker's last answer to a worker.
type placement struct {
	queue *queue
	at    role.Time
}

// place answers a worker that asks which queue to join: the one with the
// fewest workers, reported or on their way; among equals the next in turn.
func (m *Machine) place(now role.Time, p role.Packet) error {
	if len(p.Frames) < 2 || len(p.Frames[0]) != 0 {
		return fmt.Errorf("%w: %d frames, want REQ's empty one and PLACE", wire.ErrMalformed, len(p.Frames))
	}
	ask, err := wire.DecodeText(p.Frames[1:])
	if err != nil {
		return err
	}
	if ask.Command != wire.TextPlace {
		return fmt.Errorf("%w: %s, want PLACE", wire.ErrMalformed, ask.Command)
	}
	answer := &wire.Text{Command: wire.TextWait, Reason: "no queue has registered yet; ask again"}
	last := m.placed[ask.Name]
	if q, ok := m.places.Least(func(q *queue) int {
		n := q.workers(now)
		if q == last.queue && now-last.at < avoidFor {
			n += avoided
		}
		return n
	}); ok {
		if len(q.pending) < maxPending {
			q.pending = append(q.pending, now)
		}
		if len(m.placed) < maxPlaced {
			m.placed[ask.Name] = placement{q, now}
		}
		answer = &wire.Text{Command: wire.TextQueue, Name: q.member.Name, Endpoint: q.member.Endpoints["workers"]}
		m.cfg.Log.Debug("worker sent to queue", "worker", ask.Name, "queue", q.member.Name)
	}
	p.Frames = append([][]byte{{}}, answer.Frames()...)
	m.Emit(role.Effect{Op: role.OpSend, Packet: p})
	return nil
}

// forgetPlacements drops answers that are too old to matter.
func (m *Machine) forgetPlacements(now role.Time) {
	maps.DeleteFunc(m.placed, func(_ string, p placement) bool { return now-p.at >= avoidFor })
}

func (q *queue) workers(now role.Time) int {
	q.pending = slices.DeleteFunc(q.pending, func(t role.Time) bool { return now-t >= pendingFor })
	return q.member.Placed() + len(q.pending)
}
