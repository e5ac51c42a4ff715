package acceptance

import (
	"context"
	"fmt"
	"strings"

	"faasd/internal/operator"
)

// spreadWorkers is how many workers test 4 starts, and how many requests it
// sends: two for each queue.
const spreadWorkers = 6

// spread is test 4.
func spread(ctx context.Context, r *run, s System) error {
	queues := len(s.Picture().Queues)
	for n := 1; n <= spreadWorkers; n++ {
		if err := joins(ctx, r, s, n, evenly(n, queues)); err != nil {
			return err
		}
	}

	c := newClient(s.URL())
	defer c.close()
	before := s.Picture()
	err := r.step(ctx, fmt.Sprintf("%d requests go to the queues in turn", spreadWorkers), func(saw func(string, ...any)) error {
		var answers []answer
		var went, by []string
		for i := range spreadWorkers {
			a, err := c.echo(ctx, s, text(4, i+1))
			if err != nil {
				return err
			}
			answers, went, by = append(answers, a), append(went, a.queue), append(by, a.by())
		}
		saw("answered by %s", strings.Join(by, ", "))
		if want := turns(before, went[0]); strings.Join(went, " ") != want {
			return &failure{"answers through " + want, strings.Join(went, " ")}
		}
		return fit(ctx, s, answers...)
	})
	if err != nil {
		return err
	}
	each := uint64(spreadWorkers / queues)
	return r.step(ctx, fmt.Sprintf("the bus shows %d jobs more at each queue", each), func(saw func(string, ...any)) error {
		expected := fmt.Sprintf("%d jobs more done at each queue, on the bus", each)
		p, err := await(ctx, s, seenWithin, expected, func(p operator.Picture) bool {
			for _, q := range p.Queues {
				if q.Done-queueOf(before, q.Name).Done != each {
					return false
				}
			}
			return true
		})
		if err != nil {
			return &failure{fmt.Sprintf("%s within %s", expected, seenWithin), "on the bus: " + done(p)}
		}
		saw("bus: %s", done(p))
		return nil
	})
}

// joins starts the nth worker and waits until the bus counts it. The counts
// must then be as wanted, if they are: "2/1/1".
func joins(ctx context.Context, r *run, s System, n int, want string) error {
	title := fmt.Sprintf("worker %d starts", n)
	if want != "" {
		title += ": the bus shows " + want
	}
	return r.step(ctx, title, func(saw func(string, ...any)) error {
		before := s.Picture()
		name, pid, err := s.StartWorker(ctx)
		if err != nil {
			return err
		}
		p, err := await(ctx, s, seenWithin, plural(n, "worker")+" on the bus", func(p operator.Picture) bool { return p.Totals.Workers == n })
		if err != nil {
			return err
		}
		for _, q := range p.Queues {
			if q.Workers > queueOf(before, q.Name).Workers {
				saw("bus: since %s, process %d, started, %s has %s", name, pid, q.Name, plural(q.Workers, "worker"))
			}
		}
		if got := counts(p); want != "" && got != want {
			return &failure{"workers spread " + want, got}
		}
		return nil
	})
}

// evenly is how n workers are to be spread: "2/1/1".
func evenly(n, queues int) string {
	var parts []string
	for i := range queues {
		parts = append(parts, fmt.Sprint((n+queues-1-i)/queues))
	}
	return strings.Join(parts, "/")
}

// turns lists the queues that requests are to go to if the first went there.
func turns(p operator.Picture, first string) string {
	begin := 0
	for i, q := range p.Queues {
		if q.Name == first {
			begin = i
		}
	}
	var list []string
	for i := range spreadWorkers {
		list = append(list, p.Queues[(begin+i)%len(p.Queues)].Name)
	}
	return strings.Join(list, " ")
}

// done says how many jobs each queue has done.
func done(p operator.Picture) string {
	var parts []string
	for _, q := range p.Queues {
		parts = append(parts, fmt.Sprintf("%s has done %s", q.Name, plural(int(q.Done), "job")))
	}
	return strings.Join(parts, ", ")
}
