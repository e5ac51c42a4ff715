package main

import (
	"context"

	"faasd/internal/config"
	"faasd/internal/node"
)

type broker struct {
	common
	node.Broker
}

func (c *broker) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "broker",
		Summary:     "answer for accepted jobs and give them to queues in turn",
		Description: "Takes jobs from frontends, gives each to a queue, keeps it until its result is back, and tells workers which queue to join. Several may run side by side.",
		Examples:    []string{"faasd broker", "faasd broker --name broker2 --coordinator tcp://10.0.0.5:5555"},
	})
	identity(s, &c.Identity)
	s.Group("Links")
	s.Bind(&c.Frontends, "frontend-bind", "tcp://127.0.0.1:8009", "where frontends send requests (PULL)")
	s.Bind(&c.Workers, "worker-bind", "tcp://127.0.0.1:8558", "where workers ask which queue to join (ROUTER)")
	s.Bind(&c.Jobs, "job-bind", "tcp://127.0.0.1:8447", "where queues subscribe for jobs (PUB)")
	s.Bind(&c.Responses, "response-bind", "tcp://127.0.0.1:8111", "where queues register and send results (PULL)")
	s.Endpoints(&c.Coordinators, "coordinator", []string{"tcp://127.0.0.1:5555"}, "where coordinators let others subscribe")
	limits(s, &c.Limits, "a frontend")
	c.declare(s, "info")
	return s
}

func (c *broker) Validate() error { return fits(c.Limits) }

func (c *broker) Run(ctx context.Context, std config.Stdio) error {
	return node.Run(ctx, c.Broker, c.process(std))
}
