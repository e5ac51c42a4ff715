package acceptance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"faasd/internal/operator"
)

// lookEvery is how often the picture is looked at again.
const lookEvery = 10 * time.Millisecond

// States on the bus.
const (
	up   = "up"   // of a worker
	lost = "lost" // of any part
)

// await waits until the bus shows what is expected.
func await(ctx context.Context, s System, bound time.Duration, expected string, ok func(operator.Picture) bool) (operator.Picture, error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		p := s.Picture()
		if ok(p) {
			return p, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return p, &failure{fmt.Sprintf("%s within %s", expected, bound), "on the bus: " + describe(p)}
		}
	}
}

// describe says in a line what the bus shows of queues and workers.
func describe(p operator.Picture) string {
	var parts []string
	for _, q := range p.Queues {
		text := fmt.Sprintf("%s %s", q.Name, plural(q.Workers, "worker"))
		if q.State == lost {
			text = q.Name + " lost"
		}
		if q.Waiting > 0 {
			text += fmt.Sprintf(", %d waiting", q.Waiting)
		}
		if q.Running > 0 {
			text += fmt.Sprintf(", %d in flight", q.Running)
		}
		parts = append(parts, text)
	}
	for _, w := range p.Workers {
		if w.State != up {
			parts = append(parts, fmt.Sprintf("%s %s", w.Name, w.State))
		}
	}
	if len(parts) == 0 {
		return "no queue"
	}
	return strings.Join(parts, "; ")
}

// counts returns how many workers each queue has, by the queues' names: "2/1/1".
func counts(p operator.Picture) string {
	var n []string
	for _, q := range p.Queues {
		n = append(n, fmt.Sprint(q.Workers))
	}
	return strings.Join(n, "/")
}

// queueOf returns the queue of that name, the zero Queue if there is none.
func queueOf(p operator.Picture, name string) operator.Queue {
	for _, q := range p.Queues {
		if q.Name == name {
			return q
		}
	}
	return operator.Queue{}
}

// fit waits until the bus shows the worker of each answer at the queue that the
// answer came through.
func fit(ctx context.Context, s System, answers ...answer) error {
	for _, a := range answers {
		_, err := await(ctx, s, seenWithin, fmt.Sprintf("%s at %s, who answered through it, on the bus", a.worker, a.queue), func(p operator.Picture) bool {
			return slices.ContainsFunc(p.Workers, func(w operator.Worker) bool {
				return w.Name == a.worker && w.Queue == a.queue && w.State == up
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
