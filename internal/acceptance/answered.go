package acceptance

import (
	"context"
	"fmt"
	"time"

	"faasd/internal/operator"
)

// answered is test 1.
func answered(ctx context.Context, r *run, s System) error {
	err := r.step(ctx, "all services and workers are on the bus", func(saw func(string, ...any)) error {
		p, err := await(ctx, s, seenWithin, "a frontend, a broker, a coordinator, queues and workers on the bus", func(p operator.Picture) bool {
			return len(p.Frontends) > 0 && len(p.Brokers) > 0 && len(p.Coordinators) > 0 && p.Totals.Queues > 0 && p.Totals.Workers > 0
		})
		if err == nil {
			saw("bus: %s, %s, %s; %s", plural(len(p.Coordinators), "coordinator"), plural(len(p.Brokers), "broker"),
				plural(len(p.Frontends), "frontend"), describe(p))
		}
		return err
	})
	if err != nil {
		return err
	}

	c := newClient(s.URL())
	defer c.close()
	before := s.Picture()
	var a answer
	err = r.step(ctx, "POST /echo is answered with its own body", func(saw func(string, ...any)) (err error) {
		body := text(1, 1)
		if a, err = c.echo(ctx, s, body); err != nil {
			return err
		}
		saw("sent and got %s", body)
		saw("200 after %s, by %s, attempt %s", a.took.Round(100*time.Microsecond), a.by(), a.attempt)
		return nil
	})
	if err != nil {
		return err
	}
	return r.step(ctx, "the bus shows the same", func(saw func(string, ...any)) error {
		was := queueOf(before, a.queue).Done
		p, err := await(ctx, s, seenWithin, fmt.Sprintf("one job more done at %s", a.queue), func(p operator.Picture) bool {
			return queueOf(p, a.queue).Done > was
		})
		if err != nil {
			return err
		}
		if err := fit(ctx, s, a); err != nil {
			return err
		}
		saw("bus: %s is at %s, which had done %d jobs and now %d", a.worker, a.queue, was, queueOf(p, a.queue).Done)
		return nil
	})
}
