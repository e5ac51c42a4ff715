package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

type events struct {
	target
	json   bool
	follow bool
	since  time.Duration
}

// followEvery is how often new events are looked for.
const followEvery = 50 * time.Millisecond

func (c *events) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "events",
		Summary:     "show what has happened: workers that came and went, jobs given up, commands",
		Description: "A coordinator keeps the last 1000 events (512 KiB at most) since it started. --json prints one object a line.",
		Examples:    []string{"faasctl events", "faasctl events --since 10m", "faasctl events --follow"},
	})
	s.Bool(&c.follow, "follow", false, "go on with what happens from now on, until Ctrl-C")
	s.Duration(&c.since, "since", 0, 0, 10*365*24*time.Hour, "only what happened within this time").DefaultText("all that is known")
	s.Bool(&c.json, "json", false, "print JSON for programs, a line for each event")
	c.declare(s)
	return s
}

func (c *events) Validate() error { return nil }

func (c *events) Run(ctx context.Context, std config.Stdio) error {
	o, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	var oldest int64
	if c.since > 0 {
		oldest = time.Now().Add(-c.since).UnixMilli()
	}
	if !o.PastKnown() {
		fmt.Fprintln(std.Err, "faasctl events: no coordinator has told of the past yet; what follows is from now on")
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	begun := o.Begun()
	for next := 0; ; {
		if n := o.Begun(); n > begun {
			begun = n
			fmt.Fprintln(std.Err, "faasctl events: a coordinator is heard again; what happened in between may be missing")
		}
		var list []operator.Event
		list, next = o.Events(next)
		for _, e := range since(list, oldest) {
			if err := c.print(std.Out, e); err != nil {
				return err
			}
		}
		if !c.follow {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil // Ctrl-C is how it ends
		}
	}
}

// since leaves out what happened before a Unix time in ms.
func since(list []operator.Event, oldest int64) []operator.Event {
	return slices.DeleteFunc(list, func(e operator.Event) bool { return e.Millis < oldest })
}

func (c *events) print(out io.Writer, e operator.Event) error {
	if c.json {
		return json.NewEncoder(out).Encode(e)
	}
	return printEvent(out, e, time.Local)
}

// kindWidth is how long the kind of an event is at most.
const kindWidth = 20

// printEvent writes an event as one line.
func printEvent(out io.Writer, e operator.Event, zone *time.Location) error {
	level := "INFO"
	if e.Level == "warn" {
		level = "WARN"
	}
	who := e.Name
	if e.Worker != "" {
		who += " " + e.Worker
	}
	if e.Job != "" {
		who += " " + e.Job
	}
	_, err := fmt.Fprintf(out, "%s  %s  %-*s  %s  %s\n", time.UnixMilli(e.Millis).In(zone).Format("2006-01-02 15:04:05.000"), level, kindWidth, config.Printable(e.Kind), config.Printable(who), config.Printable(e.Text))
	return err
}
