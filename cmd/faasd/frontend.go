package main

import (
	"context"

	"faasd/internal/config"
	"faasd/internal/node"
)

type frontend struct {
	common
	node.Frontend

	ofStore []*config.Setting // what makes sense with --store alone
}

func (c *frontend) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "frontend",
		Summary:     "take HTTP requests and answer them",
		Description: "Gives each request to a broker that has room for it and answers when the result is back; nothing hangs longer than --timeout.",
		Examples:    []string{"faasd frontend", "faasd frontend --http :3000 --broker tcp://10.0.0.5:8009,tcp://10.0.0.6:8009"},
	})
	identity(s, &c.Identity)
	s.HTTPAddr(&c.HTTP, "http", "127.0.0.1:3000", "where clients are served")
	requests(s, &c.Requests)
	s.Group("Links")
	s.Bind(&c.Replies, "reply-bind", "tcp://127.0.0.1:8008", "where brokers send results (PULL)")
	s.Endpoints(&c.Brokers, "broker", []string{"tcp://127.0.0.1:8009"}, "where brokers take requests")
	s.Endpoints(&c.Coordinators, "coordinator", []string{"tcp://127.0.0.1:5555"}, "where coordinators let others subscribe")
	s.Group("Deploying functions")
	s.String(&c.Registrar.Store, "store", "", "DIR", "folder of what is deployed; frontends may share it").DefaultText("nothing is deployed through this frontend")
	byAdmin := s.String(&c.Registrar.Admin, "admin", "127.0.0.1:3001", "ADDR|unix:PATH", "with --store: where faasctl deploy is served; whoever reaches it runs code on every worker")
	byPackages := s.Bind(&c.Registrar.Packages, "package-bind", "tcp://127.0.0.1:8010", "with --store: where workers fetch packages (ROUTER)")
	c.ofStore = []*config.Setting{byAdmin, byPackages}
	limits(s, &c.Limits, "a broker")
	c.declare(s, "info")
	return s
}

func (c *frontend) Validate() error {
	for _, s := range c.ofStore { // a variable may be meant for other frontends, or for faasctl
		if c.Registrar.Store == "" && s.Typed() {
			return config.Usagef("%s does nothing without --store: write --store DIR, the folder of what is deployed", s.Flag())
		}
	}
	return fits(c.Limits)
}

func (c *frontend) Run(ctx context.Context, std config.Stdio) error {
	return node.RunFrontend(ctx, c.Frontend, c.process(std), listener(std))
}
