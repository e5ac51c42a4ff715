package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"faasd/internal/acceptance"
	"faasd/internal/config"
	"faasd/internal/operator"
)

// runLive runs the tests on a system that is there already.
func (c *test) runLive(ctx context.Context, std config.Stdio) error {
	o, picture, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	here, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("cannot find out this machine's name, by which to tell its frontends: %w", err)
	}
	urls, err := choose(picture.Frontends, here)
	if err != nil {
		return err
	}
	agreed, err := c.warn(ctx, std, picture)
	if err != nil {
		return err
	}
	system := acceptance.NewLive(o, urls[0], agreed)
	return c.runAll(ctx, std, func(t acceptance.Test, observe func(acceptance.Step)) (acceptance.Result, func() error) {
		return t.RunOn(ctx, system, observe), func() error { return nil }
	})
}

// warn says whom test 3 will kill, asks, and returns them.
func (c *test) warn(ctx context.Context, std config.Stdio, p operator.Picture) ([]operator.Worker, error) {
	kills := false
	for _, t := range c.tests {
		kills = kills || t.Kills
	}
	if !kills {
		return nil, nil
	}
	queue, victims := acceptance.Victims(p)
	if len(victims) == 0 {
		return nil, errors.New("test 3 needs workers for echo at two queues or more; faasctl workers lists those that are")
	}
	names := ""
	running := 0
	for _, w := range victims {
		names += fmt.Sprintf(" %s (%s)", w.Name, at(w.Host, w.PID))
		running += w.Running
	}
	question := fmt.Sprintf("Test 3 kills the workers of %s:%s; what they run (%s) goes to others", queue, names, operator.Plural(running, "job"))
	if c.yes {
		fmt.Fprintln(std.Err, question)
		return victims, nil
	}
	return victims, confirm(ctx, std, question)
}
