package main

import (
	"context"
	"time"

	"faasd/internal/chaos"
	"faasd/internal/config"
)

type harm struct {
	common
	chaos.Harm
}

func (c *harm) Settings() *config.Set {
	s := config.NewSet(config.Doc{Name: "harm", Summary: "deploy functions that behave badly beside one that does not"})
	s.Int(&c.Rate, "rate", 50, 1, 1e5, "requests a second to the one that behaves well")
	s.Duration(&c.Quiet, "quiet", 5*time.Second, 100*time.Millisecond, time.Hour, "how long nothing bad is done, before each")
	s.Duration(&c.Duration, "duration", 10*time.Second, 100*time.Millisecond, time.Hour, "how long each goes on")
	s.Bytes(&c.Output, "output", 1<<30, 1<<20, 64<<30, "what those write who print without end")
	s.Strings(&c.Only, "only", nil, "NAME[,…]", "the offenders that are wanted").DefaultText("all")
	s.String(&c.Guest, "guest", "", "FILE", "the program that is deployed, internal/chaos/guest").DefaultText("guest beside this program")
	c.declare(s)
	return s
}

func (c *harm) Validate() error { return nil }

func (c *harm) Run(ctx context.Context, std config.Stdio) error {
	return c.run(std, func() (report, error) {
		c.Harm.Setup = c.setup
		found, err := c.Harm.Run(ctx)
		return none(found, found != nil, err)
	})
}
