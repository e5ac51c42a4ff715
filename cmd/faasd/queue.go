package main

import (
	"context"

	"faasd/internal/config"
	"faasd/internal/node"
)

type queue struct {
	common
	node.Queue
}

func (c *queue) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "queue",
		Summary:     "hold jobs until a worker is free",
		Description: "Takes jobs from brokers, gives each to one worker at a time, passes results back, and moves waiting jobs to queues that have free workers.",
		Examples: []string{
			"faasd queue --name queueA",
			"faasd queue --name queueB --worker-bind tcp://127.0.0.1:0",
		},
	})
	s.Name(&c.Name, "name", "", "name of this queue, its topic at the brokers").Required()
	advertise(s, &c.Identity)
	s.Group("Links")
	s.Bind(&c.Workers, "worker-bind", "tcp://127.0.0.1:8123", "where workers join (ROUTER)")
	s.Endpoints(&c.Brokers, "broker", []string{"tcp://127.0.0.1:8111"}, "where brokers take registrations and results")
	s.Endpoints(&c.BrokerJobs, "broker-jobs", []string{"tcp://127.0.0.1:8447"}, "where the same brokers, in the same order, publish jobs")
	s.Endpoints(&c.Coordinators, "coordinator", []string{"tcp://127.0.0.1:5555"}, "where coordinators let others subscribe")
	limits(s, &c.Limits, "a broker")
	results(s, &c.Results)
	c.declare(s, "info")
	return s
}

func (c *queue) Validate() error {
	if len(c.Brokers) != len(c.BrokerJobs) {
		return config.Usagef("--broker names %d brokers and --broker-jobs %d: give one of each for every broker, in the same order", len(c.Brokers), len(c.BrokerJobs))
	}
	return fits(c.Limits)
}

func (c *queue) Run(ctx context.Context, std config.Stdio) error {
	return node.Run(ctx, c.Queue, c.process(std))
}
