package main

import (
	"context"
	"fmt"

	"faasd/internal/config"
	"faasd/internal/node"
)

type up struct {
	common
	node.Up
}

func (c *up) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "up",
		Summary:     "run a whole system: frontend, broker, coordinator, queues, and workers as child processes",
		Description: "Everything in one process but the workers; only the HTTP port is open. Workers that die are started again.",
		Examples: []string{
			"faasd up",
			"faasd up --http :3000 --queues 3 --workers 8",
			"faasd up --http 127.0.0.1:0 --data /tmp/faasd-try",
		},
	})
	s.HTTPAddr(&c.HTTP, "http", "127.0.0.1:3000", "where clients are served")
	s.DataDir(&c.Data, "folder for sockets, logs and state; one system each").Required()
	s.Int(&c.Queues, "queues", 3, 1, 100, "how many queues")
	s.Int(&c.Workers, "workers", 3, 0, 1000, "how many worker processes to keep alive")
	slots(s, &c.Slots, "slots")
	requests(s, &c.Timeout, &c.Attempts)
	limits(s, &c.Limits, "one part")
	results(s, &c.Results)
	c.declare(s)
	return s
}

func (c *up) Validate() error { return nil }

func (c *up) Run(ctx context.Context, std config.Stdio) error {
	c.LogLevel = c.log.Level
	return node.RunUp(ctx, c.Up, c.grace, c.logger(std), func(url string) {
		fmt.Fprintln(std.Out, config.Listening(url))
		fmt.Fprintf(std.Out, "try it:  curl -d '{\"hola\":\"mundo\"}' %s/echo\n", url)
		fmt.Fprintln(std.Out, "stop it: Ctrl-C")
	})
}
