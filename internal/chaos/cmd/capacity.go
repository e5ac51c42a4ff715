package main

import (
	"context"
	"time"

	"faasd/internal/chaos"
	"faasd/internal/config"
)

// capacity declares what system is tried.
func capacity(s *config.Set, c *chaos.Capacity) {
	s.Group("The system")
	s.String(&c.Worker, "worker", "", "FILE", "the worker program, internal/chaos/timed").DefaultText("timed beside this program")
	s.Int(&c.Workers, "workers", 5, 3, 100, "workers; each of three queues has one")
	s.Int(&c.Slots, "slots", 4, 1, 1024, "jobs that a worker runs at a time, each for 20 ms")
	s.Int(&c.WindowJobs, "window-jobs", 4096, 1, 1<<20, "jobs that a part may have outstanding at the next")
}

type overload struct {
	common
	chaos.Overload
}

func (c *overload) Settings() *config.Set {
	s := config.NewSet(config.Doc{Name: "overload", Summary: "send a function more than it can do, and a second one little"})
	s.Int(&c.Times, "times", 4, 2, 100, "the capacity is sent in the flood")
	s.Duration(&c.Duration, "duration", 30*time.Second, time.Second, time.Hour, "how long the flood lasts")
	s.Duration(&c.Quiet, "quiet", 10*time.Second, time.Second, time.Hour, "how long each function is sent little before")
	s.Duration(&c.After, "after", 10*time.Second, 3*time.Second, time.Hour, "how long it is watched after")
	capacity(s, &c.Capacity)
	c.declare(s)
	return s
}

func (c *overload) Validate() error { return nil }

func (c *overload) Run(ctx context.Context, std config.Stdio) error {
	return c.run(std, func() (report, error) {
		c.Overload.Setup = c.setup
		found, err := c.Overload.Run(ctx)
		return none(found, found != nil, err)
	})
}

type soak struct {
	common
	chaos.Soak
	sample *config.Setting
}

func (c *soak) Settings() *config.Set {
	s := config.NewSet(config.Doc{Name: "soak", Summary: "leave a system at work for long and see whether anything grows"})
	s.Duration(&c.Duration, "duration", time.Hour, 4*time.Second, 7*24*time.Hour, "how long load is sent")
	c.sample = s.Duration(&c.Sample, "sample", 10*time.Second, 100*time.Millisecond, time.Hour, "time from one look at the processes to the next").
		DefaultText("10s, or an eighth of --duration if that is less")
	capacity(s, &c.Capacity)
	c.declare(s)
	return s
}

func (c *soak) Validate() error {
	most := c.Duration / 8
	switch {
	case !c.sample.Given():
		c.Sample = min(c.Sample, most)
	case c.Sample > most:
		return config.Usagef("--sample %s: too few looks in %s: give at most %s, an eighth of --duration", c.Sample, c.Duration, most)
	}
	return nil
}

func (c *soak) Run(ctx context.Context, std config.Stdio) error {
	return c.run(std, func() (report, error) {
		c.Soak.Setup = c.setup
		found, err := c.Soak.Run(ctx)
		return none(found, found != nil, err)
	})
}
