package main

import (
	"context"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

type drain struct {
	acting
	operands []string
	wait     bool
}

func (c *drain) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "drain",
		Summary:     "have workers finish what they run, and leave",
		Description: "A draining worker is given no more jobs; when it has finished those it has, it ends. `faasd up` starts another in its place: scale to have fewer. Several at once, or the last workers of all, are asked about first.",
		Examples:    []string{"faasctl drain w-2c10", "faasctl drain --wait w-2c10"},
	})
	s.Operands(&c.operands, "WORKER...", 1, -1).Complete(c.target.workers)
	s.Bool(&c.wait, "wait", false, "wait until they have left")
	c.declareActing(s, 2*time.Minute)
	return s
}

func (c *drain) Validate() error { return nil }

func (c *drain) Run(ctx context.Context, std config.Stdio) error {
	o, picture, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	picked, err := pickWorkers(picture, c.operands)
	if err != nil {
		return err
	}
	if question := why(picture, "Drain", picked); question != "" {
		if err := c.confirm(ctx, std, question); err != nil {
			return err
		}
	}
	var deeds []deed
	for _, w := range picked {
		deeds = append(deeds, deed{w.Name, func(ctx context.Context, tell func(operator.Progress)) error { return o.Drain(ctx, w, c.wait, tell) }})
	}
	return c.carryOut(ctx, std, deeds)
}

type undrain struct {
	acting
	operands []string
}

func (c *undrain) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "undrain",
		Summary:     "give draining workers jobs again",
		Description: "Takes `faasctl drain` back for workers that have not left yet.",
		Examples:    []string{"faasctl undrain w-2c10"},
	})
	s.Operands(&c.operands, "WORKER...", 1, -1).Complete(c.target.workers)
	c.declareActing(s, 10*time.Second)
	return s
}

func (c *undrain) Validate() error { return nil }

func (c *undrain) Run(ctx context.Context, std config.Stdio) error {
	o, picture, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	picked, err := pickWorkers(picture, c.operands)
	if err != nil {
		return err
	}
	var deeds []deed
	for _, w := range picked {
		deeds = append(deeds, deed{w.Name, func(ctx context.Context, tell func(operator.Progress)) error { return o.Undrain(ctx, w, tell) }})
	}
	return c.carryOut(ctx, std, deeds)
}
