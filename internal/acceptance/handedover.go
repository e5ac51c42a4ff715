package acceptance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"faasd/internal/operator"
)

// Victims returns whom test 3 kills: the first queue that has workers for echo,
// and all its workers. Without any, or if no other queue has workers for echo,
// there is no victim.
func Victims(p operator.Picture) (queue string, workers []operator.Worker) {
	others := false
	for _, q := range p.Queues {
		serve := slices.ContainsFunc(p.Workers, func(w operator.Worker) bool {
			return w.Queue == q.Name && w.State == up && slices.Contains(w.Functions, "echo")
		})
		switch {
		case !serve:
		case queue != "":
			others = true
		default:
			queue = q.Name
		}
	}
	if !others {
		return "", nil
	}
	for _, w := range p.Workers {
		if w.Queue == queue && w.State == up {
			workers = append(workers, w)
		}
	}
	return queue, workers
}

// handedOver is test 3.
func handedOver(ctx context.Context, r *run, s System) error {
	var queue string
	var victims []operator.Worker
	err := r.step(ctx, "a queue has a worker, and so has another", func(saw func(string, ...any)) error {
		p, err := await(ctx, s, seenWithin, "workers at two queues or more on the bus", func(p operator.Picture) bool {
			queue, victims = Victims(p)
			return len(victims) > 0
		})
		if err == nil {
			saw("bus: %s", describe(p))
		}
		return err
	})
	if err != nil {
		return err
	}
	release, err := s.HoldBack(ctx)
	if err != nil {
		return r.step(ctx, "hold back new workers", func(func(string, ...any)) error { return err })
	}
	defer release()

	var killed time.Time
	err = r.step(ctx, fmt.Sprintf("%s of %s is killed with SIGKILL", names(victims), queue), func(saw func(string, ...any)) error {
		killed = time.Now()
		for _, w := range victims {
			ended, err := s.KillWorker(ctx, w)
			if err != nil {
				return err
			}
			saw("process %d of %s is gone: %s", w.PID, w.Name, ended)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = r.step(ctx, "its death is seen on the bus", func(saw func(string, ...any)) error {
		bound := noticedWithin - time.Since(killed)
		p, err := await(ctx, s, max(bound, 0), "", func(p operator.Picture) bool {
			return queueOf(p, queue).Workers == 0 && allLost(p, victims)
		})
		if err != nil {
			return &failure{fmt.Sprintf("%s lost and no worker at %s, on the bus within %s of the kill", names(victims), queue, noticedWithin),
				"on the bus: " + describe(p)}
		}
		saw("bus, %s after the kill: %s", time.Since(killed).Round(10*time.Millisecond), describe(p))
		return nil
	})
	if err != nil {
		return err
	}
	return inTurn(ctx, r, s, queue)
}

// inTurn sends as many requests in a row as give each queue one. Whose turn it
// is no answer says; that the queue without workers had one, and gave the job
// away, is on the bus.
func inTurn(ctx context.Context, r *run, s System, queue string) error {
	c := newClient(s.URL())
	defer c.close()
	before := s.Picture()
	turns := before.Totals.Queues * max(len(before.Brokers), 1)
	title := fmt.Sprintf("%d requests, one to %s, are answered through others", turns, queue)
	err := r.step(ctx, title, func(saw func(string, ...any)) error {
		for i := range turns {
			a, err := c.echo(ctx, s, text(3, i+1))
			if err != nil {
				return err
			}
			if a.queue == queue {
				return &failure{"an answer through another queue than " + queue, "by " + a.by()}
			}
			if err := fit(ctx, s, a); err != nil {
				return err
			}
			saw("request %d: 200, its own body, by %s", i+1, a.by())
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.step(ctx, "the bus shows that a job was handed over", func(saw func(string, ...any)) error {
		was := queueOf(before, queue).Moved
		expected := fmt.Sprintf("a job given away by %s and taken by another queue, on the bus", queue)
		p, err := await(ctx, s, seenWithin, expected, func(p operator.Picture) bool {
			return queueOf(p, queue).Moved > was && taken(p, queue) > taken(before, queue)
		})
		if err != nil {
			return err
		}
		for _, q := range p.Queues {
			if n := q.Moved - queueOf(before, q.Name).Moved; n > 0 {
				saw("bus: %s has given %s away", q.Name, plural(int(n), "job"))
			}
			if n := q.Taken - queueOf(before, q.Name).Taken; n > 0 {
				saw("bus: %s has taken %s", q.Name, plural(int(n), "job"))
			}
		}
		return nil
	})
}

// allLost reports whether the bus shows each of the workers as lost.
func allLost(p operator.Picture, workers []operator.Worker) bool {
	n := 0
	for _, w := range p.Workers {
		for _, v := range workers {
			if w.Name == v.Name && w.PID == v.PID && w.State == lost {
				n++
			}
		}
	}
	return n >= len(workers)
}

// taken adds up what queues other than one have taken.
func taken(p operator.Picture, but string) (n uint64) {
	for _, q := range p.Queues {
		if q.Name != but {
			n += q.Taken
		}
	}
	return n
}

func names(workers []operator.Worker) string {
	var n []string
	for _, w := range workers {
		n = append(n, w.Name)
	}
	return strings.Join(n, ", ")
}
