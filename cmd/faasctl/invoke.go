package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

type invoke struct {
	target
	function    []string
	body        string
	bodySetting *config.Setting
	contentType string
	timeout     time.Duration
	url         string
	log         bool
	json        bool
}

func (c *invoke) Settings() *config.Set {
	s := config.NewSet(config.Doc{
		Name:        "invoke",
		Summary:     "call a function and print its answer",
		Description: "The answer goes to standard output as it is; who served it, and in what time, to standard error. An answer that is not 2xx is exit code 1.",
		Examples: []string{
			"faasctl invoke echo --body hello", `faasctl invoke echo --body '{"hola":"mundo"}' --content-type application/json`,
			"faasctl invoke echo --body @picture.png > copy.png", "date | faasctl invoke echo", "faasctl invoke echo --body hello --json",
			"faasctl invoke echo --body hello --url http://10.0.0.5:3000", "faasctl invoke hello --body Ada --log",
		},
	})
	s.Operands(&c.function, "FUNCTION", 1, 1).Complete(c.functions)
	c.bodySetting = s.String(&c.body, "body", "", "TEXT|@FILE|-", "what to send: this text, what is in a file, or standard input").
		DefaultText("standard input, nothing if that is a terminal").CompleteFiles("@")
	s.String(&c.contentType, "content-type", "", "TYPE", "what the body is, for the function").DefaultText("not said")
	s.Duration(&c.timeout, "timeout", 0, 0, 24*time.Hour, "time until it is answered 504, if less than the frontend's own; 0 leaves that")
	s.Bool(&c.log, "log", false, "print to standard error what the function has printed for this call, too")
	s.Bool(&c.json, "json", false, "print JSON for programs")
	c.declare(s)
	s.String(&c.url, "url", "", "URL", "the frontend to call, without looking for one").DefaultText("one of the system's")
	return s
}

func (c *invoke) Validate() error {
	if err := config.ValidName(c.function[0]); err != nil {
		return &config.ValueError{Source: "FUNCTION", Value: c.function[0], Err: err}
	}
	if c.url == "" {
		return nil
	}
	if u, err := url.Parse(c.url); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return &config.ValueError{Source: "--url", Value: c.url, Err: errors.New("not where HTTP is served: write http://HOST:PORT")}
	}
	return nil
}

func (c *invoke) Run(ctx context.Context, std config.Stdio) error {
	body, err := c.readBody(ctx, std.In)
	if err != nil {
		return err
	}
	frontends, err := c.frontends(ctx)
	if err != nil {
		return err
	}
	a, err := c.call(ctx, frontends, body)
	if err != nil {
		return err
	}
	if c.log {
		a.Log = c.printed(ctx, std, a)
	}
	if c.json {
		err = a.printJSON(std.Out)
	} else {
		err = a.print(std)
	}
	return errors.Join(err, a.failure())
}

// printed is what the function has printed for the call. What cannot be had is
// said, and is no reason to fail: the answer is there.
func (c *invoke) printed(ctx context.Context, std config.Stdio, a *answer) []operator.Line {
	if a.Attempt == 0 {
		return nil // it did not run
	}
	filter := operator.LogFilter{Function: c.function[0], Job: a.Job}
	if a.Worker != noWorker { // else any may have begun with it
		filter.Worker = a.Worker
	}
	o, picture, err := c.open(ctx)
	if err == nil {
		defer o.Close()
		var news operator.LogNews
		news, err = o.Tail(filter).Next(ctx, c.within)
		switch {
		case errors.Is(err, operator.ErrNoWorker):
			err = nobodyPrints(picture, filter.Function, filter.Worker)
		case len(news.Late) > 0:
			err = fmt.Errorf("no answer from %s within %s", strings.Join(news.Late, ", "), c.within)
		case err == nil:
			return news.Lines
		}
	}
	fmt.Fprintf(std.Err, "faasctl invoke: --log: %s\n", config.Printable(err.Error()))
	return nil
}

// maxBody is more than any frontend takes.
const maxBody = 1 << 30

// readBody returns the body to send. Reading ends when ctx does.
func (c *invoke) readBody(ctx context.Context, in io.Reader) ([]byte, error) {
	name, isFile := strings.CutPrefix(c.body, "@")
	switch {
	case isFile:
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--body: %w; name a file behind the @", err)
		}
		defer file.Close()
		in = file
	case c.bodySetting.Given() && c.body != "-":
		return []byte(c.body), nil
	case in == nil || !c.bodySetting.Given() && isTerminal(in):
		return nil, nil
	default:
		name = "standard input"
	}
	type read struct {
		body []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		body, err := io.ReadAll(io.LimitReader(in, maxBody+1))
		done <- read{body, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-done:
		if r.err != nil {
			return nil, fmt.Errorf("--body: cannot read %s: %w", name, r.err)
		}
		if len(r.body) > maxBody {
			return nil, fmt.Errorf("--body: %s has more than %s, which no frontend takes", name, config.FormatBytes(maxBody))
		}
		return r.body, nil
	}
}
