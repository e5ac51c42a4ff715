package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"faasd/internal/config"
	"faasd/internal/operator"
)

type status struct {
	target
	json bool
}

func (c *status) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "status",
		Summary:     "show queues, workers and the other parts, once",
		Description: "Prints what each part last said of itself: what has changed is said within 0.1 s, numbers of single workers once a second. A part that has been silent for 3 s is shown as lost, a worker that was lost for another 30 s.",
		Examples:    []string{"faasctl status", "faasctl status --json", "faasctl status --coordinator tcp://10.0.0.5:5555"},
	})
	s.Bool(&c.json, "json", false, "print JSON for programs")
	c.declare(s)
	return s
}

func (c *status) Validate() error { return nil }

func (c *status) Run(ctx context.Context, std config.Stdio) error {
	return c.look(ctx, std, func(picture operator.Picture) error {
		if c.json {
			return printJSON(std.Out, picture)
		}
		return printStatus(std.Out, picture)
	})
}

// printStatus writes the tables of `faasctl status`.
func printStatus(out io.Writer, p operator.Picture) error {
	t := newTable()
	addQueues(t, p)
	t.row()
	addWorkers(t, p, p.Workers)
	t.row()
	addParts(t, p)
	return t.write(out)
}

func addQueues(t *table, p operator.Picture) {
	t.row("QUEUE", "STATE", "WORKERS", "FREE", "WAITING", "IN-FLIGHT", "OLDEST", "DONE", "HANDED")
	for _, q := range p.Queues {
		t.row(q.Name, queueWord(&q, &p), q.Workers, of(q.Free, q.Slots), q.Waiting, q.Running, age(q.Oldest), q.Done, fmt.Sprintf("+%d/-%d", q.Taken, q.Moved))
	}
	n := p.Totals
	t.row(fmt.Sprintf("%d in all", n.Queues), "", n.Workers, of(n.Free, n.Slots), n.Waiting, n.Running, "", n.Done, "")
}

// queueWord says how a queue is. That it has no worker is only bad where jobs
// wait in vain.
func queueWord(q *operator.Queue, p *operator.Picture) string {
	switch heard := q.State == operator.StateOK || q.State == operator.StateNoWorker; {
	case heard && p.WaitInVain(q):
		return word(operator.StateNoWorker)
	case q.State == operator.StateNoWorker:
		return "no workers"
	}
	return word(q.State)
}

func addWorkers(t *table, p operator.Picture, workers []operator.Worker) {
	t.row("WORKER", "STATE", "QUEUE", "KIND", "IN-FLIGHT", "DONE", "HEARD", "HOST/PID", "FUNCTIONS")
	for _, w := range workers {
		last := strings.Join(p.Serves(&w), ",")
		if w.Reason != "" {
			last = w.Reason
		}
		t.row(w.Name, word(w.State), w.Queue, w.Kind, of(w.Running, w.Slots), w.Done, age(w.HeardMillis), at(w.Host, w.PID), last)
	}
}

func addParts(t *table, p operator.Picture) {
	t.row("PART", "STATE", "ROLE", "HOST/PID", "MALFORMED", "JOBS")
	row := func(role string, part operator.Part, jobs string) {
		t.row(part.Name, word(part.State), role, at(part.Host, part.PID), part.Malformed, jobs)
	}
	for _, q := range p.Queues {
		if q.State == operator.StateNoWorker { // which is said where queues are
			q.State = operator.StateOK
		}
		row("queue", q.Part, "")
	}
	for _, b := range p.Brokers {
		jobs := ""
		if b.Broker != nil {
			jobs = fmt.Sprintf("holds %d, accepted %d", b.Broker.Holding, b.Broker.Accepted)
		}
		row("broker", b, jobs)
	}
	for _, f := range p.Frontends {
		jobs := ""
		if f.Frontend != nil {
			jobs = fmt.Sprintf("%d open, accepted %d, refused %d", f.Frontend.Open, f.Frontend.Accepted, f.Frontend.Refused)
		}
		row("frontend", f, jobs)
	}
	for _, c := range p.Coordinators {
		row("coordinator", c, "")
	}
	for _, r := range p.Registrars {
		row("registrar", r, "")
	}
	for _, s := range p.Supervisors {
		jobs := ""
		if s.Supervisor != nil {
			jobs = fmt.Sprintf("%d of %s run", len(s.Supervisor.PIDs), operator.Plural(s.Supervisor.Wanted, "worker"))
			if s.Supervisor.HeldMillis > 0 {
				jobs += ", none is started for " + age(s.Supervisor.HeldMillis)
			}
		}
		row("supervisor", s, jobs)
	}
}
