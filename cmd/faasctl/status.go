package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

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
		Description: "Prints what each part last said of itself. A part that has been silent for 3 s is shown as lost, a worker that was lost for another 30 s.",
		Examples:    []string{"faasctl status", "faasctl status --json", "faasctl status --coordinator tcp://10.0.0.5:5555"},
	})
	s.Bool(&c.json, "json", false, "print JSON for programs")
	c.declare(s)
	return s
}

func (c *status) Validate() error { return nil }

func (c *status) Run(ctx context.Context, std config.Stdio) error {
	o, picture, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	if c.json {
		e := json.NewEncoder(std.Out)
		e.SetIndent("", "  ")
		return e.Encode(picture)
	}
	return printStatus(std.Out, picture)
}

// printStatus writes the tables of `faasctl status`.
func printStatus(out io.Writer, p operator.Picture) error {
	var table bytes.Buffer
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	row := func(cells ...any) {
		text := make([]string, len(cells))
		for i, c := range cells {
			text[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(t, strings.Join(text, "\t"))
	}
	row("QUEUE", "STATE", "WORKERS", "FREE", "WAITING", "IN-FLIGHT", "OLDEST", "DONE", "HANDED")
	for _, q := range p.Queues {
		row(q.Name, word(q.State), q.Workers, of(q.Free, q.Slots), q.Waiting, q.Running, age(q.Oldest), q.Done, fmt.Sprintf("+%d/-%d", q.Taken, q.Moved))
	}
	n := p.Totals
	row(fmt.Sprintf("%d in all", n.Queues), "", n.Workers, of(n.Free, n.Slots), n.Waiting, n.Running, "", n.Done, "")
	row()
	row("WORKER", "STATE", "QUEUE", "KIND", "IN-FLIGHT", "DONE", "HEARD", "HOST/PID", "FUNCTIONS")
	for _, w := range p.Workers {
		last := strings.Join(w.Functions, ",")
		if w.Reason != "" {
			last = w.Reason
		}
		row(w.Name, word(w.State), w.Queue, w.Kind, of(w.Running, w.Slots), w.Done, age(w.HeardMillis), at(w.Host, w.PID), last)
	}
	row()
	row("PART", "STATE", "ROLE", "HOST/PID", "MALFORMED", "JOBS")
	for _, q := range p.Queues {
		row(q.Name, word(q.State), "queue", at(q.Host, q.PID), q.Malformed, "")
	}
	for _, b := range p.Brokers {
		jobs := ""
		if b.Broker != nil {
			jobs = fmt.Sprintf("holds %d, accepted %d", b.Broker.Holding, b.Broker.Accepted)
		}
		row(b.Name, word(b.State), "broker", at(b.Host, b.PID), b.Malformed, jobs)
	}
	for _, f := range p.Frontends {
		jobs := ""
		if f.Frontend != nil {
			jobs = fmt.Sprintf("%d open, accepted %d, refused %d", f.Frontend.Open, f.Frontend.Accepted, f.Frontend.Refused)
		}
		row(f.Name, word(f.State), "frontend", at(f.Host, f.PID), f.Malformed, jobs)
	}
	for _, c := range p.Coordinators {
		row(c.Name, word(c.State), "coordinator", at(c.Host, c.PID), c.Malformed, "")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func of(part, whole int) string { return fmt.Sprintf("%d/%d", part, whole) }

// word makes what is wrong stand out without colour.
func word(state string) string {
	switch state {
	case "lost":
		return "!LOST"
	case "no-workers":
		return "!NO WRK"
	}
	return state
}

func age(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}

func at(host string, pid int) string {
	if host == "" && pid == 0 {
		return "-"
	}
	return fmt.Sprintf("%s/%d", host, pid)
}
