package acceptance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"faasd/internal/operator"
)

// waits is test 2.
func waits(ctx context.Context, r *run, s System) error {
	err := r.step(ctx, "no worker exists", func(saw func(string, ...any)) error {
		p := s.Picture()
		if len(p.Workers) > 0 {
			return &failure{"no worker on the bus", "on the bus: " + describe(p)}
		}
		saw("bus: %s", describe(p))
		return nil
	})
	if err != nil {
		return err
	}

	c := newClient(s.URL())
	defer c.close()
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	body := text(2, 1)
	e := &early{answered: make(chan struct{})}
	err = r.step(ctx, "a request is sent and waits in its queue", func(saw func(string, ...any)) error {
		go e.send(sending, c, body)
		where := ""
		p, err := await(ctx, s, seenWithin, "one job waiting, in one queue, on the bus", func(p operator.Picture) bool {
			for _, q := range p.Queues {
				if q.Waiting == 1 && p.Totals.Waiting == 1 {
					where = q.Name
				}
			}
			return where != "" || e.over()
		})
		if err != nil {
			return err
		}
		if e.over() {
			return &failure{"no answer without a worker", e.String()}
		}
		saw("bus: %s: it waits in %s", describe(p), where)
		return nil
	})
	if err != nil {
		return err
	}
	if err := joins(ctx, r, s, 1, ""); err != nil {
		return err
	}
	return r.step(ctx, "the same connection gets the answer", func(saw func(string, ...any)) error {
		timer := time.NewTimer(answerWithin)
		defer timer.Stop()
		select {
		case <-e.answered:
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return &failure{fmt.Sprintf("an answer within %s", answerWithin), "none; on the bus: " + describe(s.Picture())}
		}
		if e.err != nil {
			return &failure{"the answer on the connection that sent the request", e.err.Error()}
		}
		if err := e.answer.echoes(body); err != nil {
			return err
		}
		if n := c.dials.Load(); n != 1 {
			return &failure{"one connection", fmt.Sprintf("%d", n)}
		}
		saw("one connection was made, %s to %s", e.answer.local, strings.TrimPrefix(c.url, "http://"))
		saw("%s after the request it got 200 and the same %d bytes, by %s", e.answer.took.Round(time.Millisecond), len(body), e.answer.by())
		return fit(ctx, s, e.answer)
	})
}

// early is a request that is sent before anybody can answer it.
type early struct {
	answered chan struct{} // closed once answer and err are set
	answer   answer
	err      error
}

func (e *early) send(ctx context.Context, c *client, body string) {
	e.answer, e.err = c.post(ctx, body)
	close(e.answered)
}

func (e *early) over() bool {
	select {
	case <-e.answered:
		return true
	default:
		return false
	}
}

// String says what came of a request that is over.
func (e *early) String() string {
	if e.err != nil {
		return e.err.Error()
	}
	return fmt.Sprintf("%d after %s with the body %.300s", e.answer.status, e.answer.took.Round(time.Millisecond), e.answer.body)
}
