package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

type scale struct {
	acting
	operands []string
	count    int
}

func (c *scale) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "scale",
		Summary:     "have `faasd up` keep more or fewer workers",
		Description: "Those too many finish what they run and end. Elsewhere workers are scaled by whoever starts them. 0 workers are asked about first: jobs wait until there is one",
		Examples:    []string{"faasctl scale worker=8"},
	})
	s.Operands(&c.operands, "worker=N", 1, 1)
	c.declareActing(s, 30*time.Second)
	return s
}

func (c *scale) Validate() error {
	role, text, ok := strings.Cut(c.operands[0], "=")
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < 0 || n > maxScale {
		return config.Usagef("%q: write worker=N, with a whole number N that is not negative", c.operands[0])
	}
	if role != "worker" {
		return config.Usagef("%q: only workers can be scaled; write worker=%d", c.operands[0], n)
	}
	c.count = n
	return nil
}

// maxScale is how many workers can be asked for; a supervisor has its own limit.
const maxScale = 1_000_000

func (c *scale) Run(ctx context.Context, std config.Stdio) error {
	o, picture, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	supervisors := slices.DeleteFunc(slices.Clone(picture.Supervisors), func(p operator.Part) bool { return p.State != operator.StateOK })
	switch len(supervisors) {
	case 0:
		return errors.New("nothing here scales workers: they were started one by one, not by `faasd up`; start or stop `faasd worker` processes, or with docker-compose write docker-compose up --scale worker=N")
	case 1:
	default:
		var at []string
		for _, s := range supervisors {
			at = append(at, fmt.Sprintf("%s of %s/%d", s.Name, s.Host, s.PID))
		}
		return fmt.Errorf("%d `faasd up` are in sight (%s); name the one to scale with --data", len(supervisors), config.Printable(strings.Join(at, ", ")))
	}
	if c.count == 0 {
		if err := c.confirm(ctx, std, "Scale to no worker at all: jobs wait until there is one"); err != nil {
			return err
		}
	}
	s := supervisors[0]
	return c.carryOut(ctx, std, []deed{{s.Name, func(ctx context.Context, tell func(operator.Progress)) error { return o.Scale(ctx, s, c.count, tell) }}})
}
