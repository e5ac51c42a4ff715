package main

import (
	"context"

	"faasd/internal/config"
	"faasd/internal/function"
	"faasd/internal/node"
)

type worker struct {
	common
	node.Worker
}

func (c *worker) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "worker",
		Summary:     "run functions",
		Description: "Asks a broker which queue to join, joins it and runs the jobs it is given; finds another queue when its own is lost.",
		Examples:    []string{"faasd worker", "faasd worker --slots 32 --broker tcp://10.0.0.5:8558,tcp://10.0.0.6:8558"},
	})
	s.Name(&c.Name, "name", "", "name of this part, shown everywhere").DefaultText("made up")
	slots(s, &c.Slots, "slots")
	s.Group("Links")
	s.Endpoints(&c.Brokers, "broker", []string{"tcp://127.0.0.1:8558"}, "where brokers tell workers which queue to join")
	s.Group("Limits")
	maxBody(s, &c.MaxBody, "largest body of a result")
	c.declare(s, "info")
	return s
}

func (c *worker) Validate() error { return nil }

func (c *worker) Run(ctx context.Context, std config.Stdio) error {
	c.Functions = map[string]function.Function{function.EchoName: function.Echo{}}
	return node.Run(ctx, c.Worker, c.grace, c.logger(std), announcer(std))
}
