package main

import (
	"context"
	"strings"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
	"faasd/tui"
)

type top struct {
	target
	interval time.Duration
	readOnly bool
	theme    string
	mouse    bool
	once     bool
	json     bool
	watch    bool
	plain    bool
}

func (c *top) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:    "top",
		Summary: "watch queues, workers and jobs live, on a screen; kill and drain workers there",
		Description: "Shows what is there, how much is done and what is wrong, until q. ? lists the keys. Where standard output is no terminal, one snapshot is printed as text.\n\n" +
			"Once the first picture is there the screen does not end by itself: it says how old its data is, and goes on when the system is heard again.\n\n" +
			"A single snapshot takes 2 to 4 s, in which rates become known. It says how many requests have failed since their frontends started; those of the last minute are told by the screen, --watch and --plain, from when they were begun.",
		Examples: []string{"faasctl top", "faasctl top --read-only", "faasctl top --once", "faasctl top --watch --interval 5s"},
	})
	s.Duration(&c.interval, "interval", time.Second, 250*time.Millisecond, time.Minute, "how often the screen is brought up to date")
	s.Bool(&c.readOnly, "read-only", false, "bind no key that does something to the system")
	s.Enum(&c.theme, "theme", "auto", tui.Themes, "colours; auto suits any background, NO_COLOR means mono")
	s.Bool(&c.mouse, "mouse", false, "scroll with the wheel; selecting text then needs Shift")
	s.Bool(&c.once, "once", false, "print one snapshot as text, and end")
	s.Bool(&c.json, "json", false, "print one snapshot as JSON, and end")
	s.Bool(&c.watch, "watch", false, "print a snapshot each interval, a line of JSON each, until Ctrl-C")
	s.Bool(&c.plain, "plain", false, "print lines as things happen, until Ctrl-C: for screen readers and terminals without a cursor")
	c.declare(s)
	return s
}

func (c *top) Validate() error {
	chosen := 0
	for _, on := range []bool{c.once, c.json, c.watch, c.plain} {
		if on {
			chosen++
		}
	}
	if chosen > 1 {
		return config.Usagef("--once, --json, --watch and --plain are different outputs: write one of them")
	}
	return nil
}

func (c *top) Run(ctx context.Context, std config.Stdio) error {
	o, _, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	opt := tui.Options{
		System: o, Target: c.name(), Up: c.up > 0, Interval: c.interval, ReadOnly: c.readOnly, Theme: c.theme, Mouse: c.mouse,
		Colour: std.Env("NO_COLOR") == "", ASCII: !unicode(std.Env), In: std.In, Out: std.Out, Now: time.Now, Zone: time.Local,
	}
	dumb := std.Env("TERM") == "dumb" || std.Env("TERM") == ""
	switch screen := isTerminal(std.Out) && isTerminal(std.In); {
	case c.json:
		return tui.JSON(std.Out, c.first(ctx, o), false)
	case c.watch:
		return tui.Watch(ctx, opt)
	case c.plain, screen && dumb && !c.once:
		return tui.Plain(ctx, opt)
	case c.once, !screen:
		return tui.Once(std.Out, opt, c.first(ctx, o))
	}
	return tui.Run(ctx, opt)
}

// name is what the system is called.
func (c *top) name() string {
	if c.up > 0 {
		return c.data
	}
	return strings.Join(c.coordinators, ",")
}

// ratesWithin is how long is waited at most until rates are known, which takes two
// words of each part, of which there is one a second.
const ratesWithin = 4 * time.Second

// first is a snapshot in which rates are known.
func (c *top) first(ctx context.Context, o *operator.Operator) *tui.Snapshot {
	ctx, cancel := context.WithTimeout(ctx, ratesWithin)
	defer cancel()
	_, _ = o.Until(ctx, ratesKnown) // else without
	return tui.NewFeed(o, time.Now).Snapshot()
}

// ratesKnown reports whether all have been heard for long enough that can be.
func ratesKnown(p operator.Picture) bool {
	if !p.Totals.Rates.Known {
		return false
	}
	for i := range p.Queues {
		if q := &p.Queues[i]; q.State != operator.StateLost && q.State != operator.StateOther && !q.Rates.Known {
			return false
		}
	}
	for i := range p.Workers {
		if w := &p.Workers[i]; w.State == operator.WorkerUp && !w.Rates.Known {
			return false
		}
	}
	return true
}

// unicode reports whether the terminal has more than ASCII, as its locale says.
func unicode(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := env(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}
