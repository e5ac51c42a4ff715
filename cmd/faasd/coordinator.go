package main

import (
	"context"

	"faasd/internal/config"
	"faasd/internal/node"
)

type coordinator struct {
	common
	node.Coordinator
	publish, subscribe string
}

func (c *coordinator) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "coordinator",
		Summary:     "tell all parts how the others are",
		Description: "A proxy between publishers and subscribers that keeps the last state of each part. Jobs run without it; watching and handover wait until it is back.",
		Examples:    []string{"faasd coordinator", "faasd coordinator --publish-bind 'tcp://*:5556' --subscribe-bind 'tcp://*:5555'"},
	})
	identity(s, &c.Identity)
	s.Group("Links")
	s.Bind(&c.publish, "publish-bind", "tcp://127.0.0.1:5556", "where parts publish (XSUB)")
	s.Bind(&c.subscribe, "subscribe-bind", "tcp://127.0.0.1:5555", "where parts and operators subscribe (XPUB)")
	c.declare(s, "info")
	return s
}

func (c *coordinator) Validate() error { return nil }

func (c *coordinator) Run(ctx context.Context, std config.Stdio) error {
	c.Publish, c.Subscribe = []string{c.publish}, []string{c.subscribe}
	return node.Run(ctx, c.Coordinator, c.process(std))
}
