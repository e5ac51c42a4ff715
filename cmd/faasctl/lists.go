package main

import (
	"context"
	"fmt"
	"slices"

	"faasd/internal/config"
	"faasd/internal/operator"
)

type queues struct {
	target
	json bool
}

func (c *queues) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:     "queues",
		Summary:  "list the queues",
		Examples: []string{"faasctl queues", "faasctl queues --json"},
	})
	s.Bool(&c.json, "json", false, "print JSON for programs")
	c.declare(s)
	return s
}

func (c *queues) Validate() error { return nil }

func (c *queues) Run(ctx context.Context, std config.Stdio) error {
	return c.look(ctx, std, func(picture operator.Picture) error {
		if c.json {
			return printJSON(std.Out, picture.Queues)
		}
		t := newTable()
		addQueues(t, picture)
		return t.write(std.Out)
	})
}

type workers struct {
	target
	json  bool
	queue string
}

func (c *workers) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "workers",
		Summary:     "list the workers",
		Description: "A worker that was lost is listed for another 30 s, with the reason in place of its functions.",
		Examples:    []string{"faasctl workers", "faasctl workers --queue queueA", "faasctl workers --json"},
	})
	s.Name(&c.queue, "queue", "", "only those of this queue").Complete(c.target.queues)
	s.Bool(&c.json, "json", false, "print JSON for programs")
	c.declare(s)
	return s
}

func (c *workers) Validate() error { return nil }

func (c *workers) Run(ctx context.Context, std config.Stdio) error {
	return c.look(ctx, std, func(picture operator.Picture) error {
		if err := hasQueue(picture, c.queue); err != nil {
			return err
		}
		list := slices.DeleteFunc(picture.Workers, func(w operator.Worker) bool { return c.queue != "" && w.Queue != c.queue })
		if c.json {
			return printJSON(std.Out, list)
		}
		t := newTable()
		addWorkers(t, picture, list)
		return t.write(std.Out)
	})
}

// hasQueue refuses the name of a queue that is not there; "" means any.
func hasQueue(p operator.Picture, name string) error {
	if name == "" || slices.ContainsFunc(p.Queues, func(q operator.Queue) bool { return q.Name == name }) {
		return nil
	}
	return fmt.Errorf("no queue %q; faasctl queues lists those that are", name)
}
