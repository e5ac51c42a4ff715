package operator

import (
	"context"
	"fmt"

	"faasd/internal/cluster"
	"faasd/internal/wire"
)

// whereabouts is what a picture says of one worker.
type whereabouts struct {
	gone bool
	lost bool   // and did not leave in order
	text string // how it is known to be gone
	at   Worker // it is at another queue; the zero Worker if not
	dead bool   // its queue is gone, and with it what was asked of it
}

// look finds a worker as it was last seen. Only the queue where it was can say
// that it has gone, and only while that queue is heard.
func look(p Picture, w Worker) (l whereabouts) {
	heard := make(map[wire.Incarnation]bool)
	for _, q := range p.Queues {
		heard[q.Incarnation] = q.State != cluster.StateLost
	}
	here := false
	for _, o := range p.Workers {
		switch {
		case o.ID != w.ID || !heard[o.QueueIncarnation]:
		case o.QueueIncarnation == w.QueueIncarnation && o.State == wire.WorkerLost:
			l.gone, l.lost, l.text = true, true, "lost ("+o.Reason+")"
		case o.QueueIncarnation == w.QueueIncarnation:
			here = true
		case w.Native() && o.State != wire.WorkerLost:
			l.at = o
		}
	}
	switch {
	case l.at.ID != "":
		l.gone, l.lost = false, false
	case !l.gone && !here && heard[w.QueueIncarnation]:
		l.gone, l.text = true, "left"
	}
	_, known := heard[w.QueueIncarnation]
	l.dead = !known
	return l
}

// awaitGone waits until a worker is known to be gone, or to be at another queue.
func (o *Operator) awaitGone(ctx context.Context, w Worker) (whereabouts, error) {
	var l whereabouts
	_, err := o.Until(ctx, func(p Picture) bool {
		l = look(p, w)
		return l.gone || l.at.ID != "" || l.dead && !w.Native()
	})
	switch {
	case err == nil && l.gone || l.at.ID != "":
		return l, nil
	case l.dead && !w.Native():
		return l, fmt.Errorf("%s has gone, and what was asked of it; %s is free to join another queue", w.Queue, w.Name)
	case l.dead:
		return l, fmt.Errorf("%s has gone, and %s has not come to another queue: %w", w.Queue, w.Name, err)
	}
	return l, fmt.Errorf("%s is not known to be gone: %w; it may still run jobs, or be stopped or cut off, in which case it is given up after 3 s of silence", w.Name, err)
}
