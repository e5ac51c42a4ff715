package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

type kill struct {
	acting
	operands []string
}

// rolesToKill are what can be killed besides workers, by the first operand.
var rolesToKill = []string{"queue", "broker", "coordinator"}

func (c *kill) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:    "kill",
		Summary: "kill workers, or a queue, a broker or a coordinator, as a crash would",
		Description: "A worker dies as by SIGKILL; its jobs go to others. A name's beginning is enough if no other worker has it. A worker that speaks REQ or Majordomo is not ours to kill: it is disconnected.\n\n" +
			"A queue, broker or coordinator dies with all it holds, to show what the others make of it. In `faasd up`, where they are no processes, the role comes back by itself; elsewhere whoever started it may start it again.\n\n" +
			"Several at once, or the last of their kind, are asked about first.",
		Examples: []string{"faasctl kill w-2c10", "faasctl kill --yes w-2c10 w-7f3b", "faasctl kill queue queueA"},
	})
	s.Operands(&c.operands, "WORKER... | queue NAME | broker NAME | coordinator NAME", 1, -1).Complete(c.first, c.further)
	c.declareActing(s, 10*time.Second)
	return s
}

// first and further complete operands: workers, or a role and then one of its parts.
func (c *kill) first(ctx context.Context) []config.Candidate {
	return append(c.target.workers(ctx), config.Fixed(rolesToKill...)(ctx)...)
}

func (c *kill) further(ctx context.Context) []config.Candidate {
	if c.role() == "" {
		return c.target.workers(ctx)
	}
	if len(c.operands) > 1 {
		return nil
	}
	return c.parts(ctx, c.role())
}

func (c *kill) Validate() error {
	if first := c.operands[0]; len(c.operands) > 1 && slices.Contains([]string{"frontend", "supervisor", "worker"}, first) {
		return config.Usagef("kill %s: write the names of workers alone, or queue, broker or coordinator before a name; nothing else can be killed", first)
	}
	if c.role() != "" && len(c.operands) != 2 {
		return config.Usagef("kill %s takes one name", c.role())
	}
	return nil
}

// role is what is to be killed; "" are workers.
func (c *kill) role() string {
	if slices.Contains(rolesToKill, c.operands[0]) {
		return c.operands[0]
	}
	return ""
}

func (c *kill) Run(ctx context.Context, std config.Stdio) error {
	o, picture, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	if c.role() != "" {
		return c.killPart(ctx, std, o, picture)
	}
	picked, err := pickWorkers(picture, c.operands)
	if err != nil {
		return err
	}
	if question := why(picture, "Kill", picked); question != "" {
		if err := c.confirm(ctx, std, question); err != nil {
			return err
		}
	}
	var deeds []deed
	for _, w := range picked {
		deeds = append(deeds, deed{w.Name, func(ctx context.Context, tell func(operator.Progress)) error { return o.Kill(ctx, w, tell) }})
	}
	return c.carryOut(ctx, std, deeds)
}

func (c *kill) killPart(ctx context.Context, std config.Stdio, o *operator.Operator, p operator.Picture) error {
	parts := partsOf(p, c.role())
	part, err := pickOne(parts, c.role(), c.operands[1], func(p operator.Part) []string { return []string{p.Name, p.Incarnation.String()} })
	if err != nil {
		return err
	}
	if len(parts) == 1 {
		if err := c.confirm(ctx, std, fmt.Sprintf("Kill %s %s: it is the only %[1]s", c.role(), part.Name)); err != nil {
			return err
		}
	}
	return c.carryOut(ctx, std, []deed{{part.Name, func(ctx context.Context, tell func(operator.Progress)) error { return o.Crash(ctx, part, tell) }}})
}

// partsOf are the live parts of one of the roles that can be killed.
func partsOf(p operator.Picture, role string) []operator.Part {
	var parts []operator.Part
	switch role {
	case "queue":
		parts = p.QueueParts()
	case "broker":
		parts = p.Brokers
	case "coordinator":
		parts = p.Coordinators
	}
	return slices.DeleteFunc(slices.Clone(parts), func(p operator.Part) bool { return p.State == operator.StateLost })
}
