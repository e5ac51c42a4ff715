package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

type logs struct {
	target
	operands []string
	follow   bool
	job      string
	worker   string
	json     bool
}

// Workers are asked again this often, and waited for so long at a time.
const (
	linesEvery = 300 * time.Millisecond
	linesWait  = time.Second
)

func (c *logs) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:    "logs",
		Summary: "show what a function has printed, each line with its worker and job",
		Description: "Each worker keeps the last 256 KiB of each function, standard output (out), standard error (err), and what it has to say itself (sys): that a call timed out, that a process was killed. Calls that failed are there too. What a worker keeps goes with it.\n\n" +
			"Other programs' workers keep their output to themselves. --json prints one object a line.",
		Examples: []string{"faasctl logs hello", "faasctl logs hello --follow", "faasctl logs hello --job 01JQXM7C2N8RZ5V0T4W6Y3HGKE"},
	})
	s.Operands(&c.operands, "FUNCTION", 1, 1).Complete(c.functions)
	s.Bool(&c.follow, "follow", false, "go on with what is printed from now on, until Ctrl-C")
	s.String(&c.job, "job", "", "ID", "only lines of this job: the X-Faasd-Job of its answer, or the end of it")
	s.Name(&c.worker, "worker", "", "only lines of this worker").Complete(c.target.workers)
	s.Bool(&c.json, "json", false, "print JSON for programs, a line for each line")
	c.declare(s)
	return s
}

func (c *logs) Validate() (err error) {
	if err := config.ValidName(c.operands[0]); err != nil {
		return &config.ValueError{Source: "FUNCTION", Value: c.operands[0], Err: err}
	}
	c.job, err = jobID("--job", c.job)
	return err
}

func (c *logs) Run(ctx context.Context, std config.Stdio) error {
	o, picture, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	name := c.operands[0]
	if c.worker != "" {
		w, err := pickWorkers(picture, []string{c.worker})
		if err != nil {
			return err
		}
		c.worker = w[0].Name
	}
	if failed(picture, name) {
		fmt.Fprintf(std.Err, "faasctl logs: no version of %s has come up; why: faasctl functions %s\n", name, name)
	}
	return c.tell(ctx, std, o)
}

// tell prints the lines there are, and follows those to come.
func (c *logs) tell(ctx context.Context, std config.Stdio, o *operator.Operator) error {
	name := c.operands[0]
	tail := o.Tail(operator.LogFilter{Function: name, Job: c.job, Worker: c.worker})
	tick := time.NewTicker(linesEvery)
	defer tick.Stop()
	wait := linesWait
	if !c.follow {
		wait = max(linesWait, c.within)
	}
	silent := make(map[string]bool) // workers that were said to be late
	begun := time.Now()
	heard, alone := false, false // a worker was; none is any more, which was said
	for {
		news, err := tail.Next(ctx, wait)
		none := errors.Is(err, operator.ErrNoWorker)
		switch {
		case ctx.Err() != nil && c.follow:
			return nil // Ctrl-C is how it ends
		case none && !heard && time.Since(begun) < linesWait && served(o, name):
			// Queues say that a function is served a moment before they say by whom.
			if !next(ctx, tick) {
				return context.Cause(ctx)
			}
			continue
		case none && heard && c.worker != "":
			return fmt.Errorf("worker %s is gone, and what it has not told with it", c.worker)
		case none && !heard:
			return nobodyPrints(o.Picture(), name, c.worker)
		case none && !alone:
			fmt.Fprintf(std.Err, "faasctl logs: no worker of %s is heard any more; it goes on when one is (Ctrl-C ends it)\n", name)
		case err != nil && !none:
			return err
		}
		alone, heard = none, true
		for _, l := range news.Lines {
			if err := c.print(std.Out, l); err != nil {
				return err
			}
		}
		c.remark(std, news, silent)
		if !c.follow {
			if c.job != "" && len(news.Lines) == 0 {
				fmt.Fprintf(std.Err, "faasctl logs: no worker of %s has a line of a job %s: it is not known there, printed nothing, or newer lines have taken its place\n", name, c.job)
			}
			return nil
		}
		if !next(ctx, tick) {
			return nil
		}
	}
}

// next waits for a tick, and reports false if ctx ends first.
func next(ctx context.Context, tick *time.Ticker) bool {
	select {
	case <-tick.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// served reports whether a function has workers now.
func served(o *operator.Operator, name string) bool {
	p := o.Picture()
	return p.Served(name)
}

// failed reports whether no version of a function has come up.
func failed(p operator.Picture, name string) bool {
	return slices.ContainsFunc(p.Functions, func(f operator.Function) bool { return f.Name == name && f.State == operator.StateFailed })
}

// remark says what is not among the lines.
func (c *logs) remark(std config.Stdio, news operator.LogNews, silent map[string]bool) {
	var late []string
	for _, w := range news.Late {
		if !silent[w] {
			late = append(late, w)
		}
	}
	clear(silent)
	for _, w := range news.Late {
		silent[w] = true
	}
	if len(late) > 0 {
		fmt.Fprintf(std.Err, "faasctl logs: no answer yet, and so no lines, of %s\n", config.Printable(strings.Join(late, ", ")))
	}
	if len(news.Gone) > 0 {
		fmt.Fprintf(std.Err, "faasctl logs: gone, and with it what was not told yet: %s\n", config.Printable(strings.Join(news.Gone, ", ")))
	}
	if news.Lost > 0 {
		fmt.Fprintf(std.Err, "faasctl logs: %s came too fast and were dropped\n", operator.Plural(news.Lost, "line"))
	}
}

// nobodyPrints says why there are no lines of a function.
func nobodyPrints(p operator.Picture, name, worker string) error {
	i := slices.IndexFunc(p.Functions, func(f operator.Function) bool { return f.Name == name })
	switch {
	case i < 0:
		return noFunction(name)
	case worker != "":
		return fmt.Errorf("worker %s has no lines of %s to tell: it does not serve it, or is another's program, and keeps its output to itself", worker, name)
	case p.Functions[i].Workers > 0:
		return fmt.Errorf("%s is served by other programs' workers, which keep their output to themselves", name)
	}
	return fmt.Errorf("no worker has %s: what was printed went with those that had it", name)
}

// streams are how a line's stream is marked.
var streams = map[string]string{"stdout": "out", "stderr": "err", "system": "sys"}

func (c *logs) print(out io.Writer, l operator.Line) error {
	if c.json {
		return json.NewEncoder(out).Encode(l)
	}
	return printLine(out, l, time.Local)
}

// printLine writes a line of a function as one line.
func printLine(out io.Writer, l operator.Line, zone *time.Location) error {
	stream := streams[l.Stream]
	if stream == "" {
		stream = "???"
	}
	_, err := fmt.Fprintf(out, "%s  %s  %-7s  %s  %s\n", time.UnixMilli(l.Millis).In(zone).Format("15:04:05.000"),
		config.Printable(l.Worker), shortJob(l.Job), stream, readable(l.Text))
	return err
}

// shownOfJob is how much of a job's id a line has: the end, which differs.
const shownOfJob = 6

func shortJob(id string) string {
	id = config.Printable(id)
	switch {
	case id == "":
		return "-"
	case len(id) > shownOfJob:
		return "…" + id[len(id)-shownOfJob:]
	}
	return id
}
