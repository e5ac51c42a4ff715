package process

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
)

// call is one run of an Exec's program.
type call struct {
	*Exec
	in      function.Invocation
	scratch string // its own folder
	stdout  *head
	stderr  *tail
	lines   *logs.Writer // where stderr goes too
}

func newCall(e *Exec, in function.Invocation, scratch string) *call {
	lines := e.Logs.Writer(logs.Stderr, func() string { return in.Job })
	return &call{
		Exec: e, in: in, scratch: scratch, lines: lines,
		stdout: newHead(e.MaxOutput), stderr: newTail(tailSize, lines),
	}
}

func (c *call) run(ctx context.Context, program string) (function.Result, error) {
	body, feed, err := os.Pipe()
	if err != nil {
		c.removeScratch()
		return function.Result{}, function.NotStarted("make a pipe for a call of %s: %v", c.Name, err)
	}
	p, err := c.Guard.Start(Spec{
		Path: program, Args: c.Command[1:], Env: c.environment(ctx), Dir: c.scratch, Memory: c.Memory,
		Stdin: body, Stdout: c.stdout, Stderr: c.stderr,
	})
	_ = body.Close()
	if err != nil {
		_ = feed.Close()
		c.removeScratch()
		return function.Result{}, function.NotStarted("%s cannot be run: %v", c.Name, err)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = feed.Write(c.in.Body) // who does not want all of it need not read it
		_ = feed.Close()
	}()
	err = c.wait(ctx, p)
	_ = feed.Close()
	<-fed
	var res function.Result
	if err == nil {
		res, err = c.outcome(p)
	}
	c.finish(p)
	c.say(err, p)
	return res, err
}

// say puts into the function's log why a call has failed. That its time was up is
// said by who has set it.
func (c *call) say(err error, p *Process) {
	var (
		failure *function.Failure
		own     *function.Error
	)
	switch {
	case errors.As(err, &failure):
		c.Logs.Add(logs.System, c.in.Job, failure.Message)
	case errors.As(err, &own):
		c.Logs.Add(logs.System, c.in.Job, p.Ended())
	}
}

// wait waits until the program has ended and what it wrote is there. If it must
// not go on, wait kills it and says why.
func (c *call) wait(ctx context.Context, p *Process) error {
	ended := p.Exited()
	var late <-chan time.Time // runs once the program has ended
	for {
		select {
		case <-ended:
			if late != nil {
				return c.tooLong()
			}
			// The guard kills whoever keeps the output open after Linger.
			ended, late = p.Drained(), time.After(5*Linger)
		case <-late:
			return nil // what is out of its reach has it open: what is there is the answer
		case <-c.stdout.full:
			p.Kill()
			return c.tooLong()
		case <-ctx.Done():
			p.Kill()
			return ctx.Err()
		case <-c.closing.Done():
			p.Kill()
			return function.Failed(function.TypeExit, "%s was still running when its worker stopped, and was killed", c.Name)
		}
	}
}

// tooLong is the failure of a call that has answered too much, else nil.
func (c *call) tooLong() error {
	select {
	case <-c.stdout.full:
		return function.Failed(function.TypeTooLong,
			"%s wrote more than %d bytes to standard output and was killed: answer less, or raise the limit", c.Name, c.MaxOutput)
	default:
		return nil
	}
}

// finish puts away what the call has used, now or when the program has ended.
func (c *call) finish(p *Process) {
	if isClosed(p.Exited()) && isClosed(p.Drained()) {
		c.putAway()
		c.calls.Go(c.removeScratch)
		return
	}
	c.calls.Go(func() {
		<-p.Exited()
		<-p.Drained()
		c.putAway()
		c.removeScratch()
	})
}

// putAway is for when nothing is written any more.
func (c *call) putAway() {
	_ = c.lines.Close()
	c.stdout.release()
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// removeScratch removes the call's folder, although what is left of its tree may
// write there for a moment, and although the program may have made folders that
// forbid it.
func (c *call) removeScratch() {
	var err error
	for range 5 {
		if err = os.RemoveAll(c.scratch); err == nil {
			return
		}
		_ = filepath.WalkDir(c.scratch, func(path string, d fs.DirEntry, err error) error {
			if d != nil && d.IsDir() {
				_ = os.Chmod(path, 0o700) // before it is read
			}
			return nil
		})
		time.Sleep(Linger)
	}
	c.Log.Warn("the folder of a call stays behind", "folder", c.scratch, "error", err)
}

// outcome says what a call came to whose program has ended.
func (c *call) outcome(p *Process) (function.Result, error) {
	code := p.ExitCode()
	switch {
	case p.OutOfMemory():
		return function.Result{}, function.Failed(function.TypeMemory,
			"%s used more than its %d MiB of memory and was killed: make it use less, or give it more", c.Name, c.Memory>>20)
	case code < 0:
		return function.Result{}, function.Failed(function.TypeExit, "%s did not end by itself: %s", c.Name, p.Ended())
	case code > 0:
		text := c.stderr.String()
		if text == "" {
			text = p.Ended() + "\n"
		}
		return function.Result{}, &function.Error{Result: function.Result{ContentType: "text/plain; charset=utf-8", Body: []byte(text)}}
	}
	body := c.stdout.Bytes()
	return function.Result{ContentType: c.typeOf(body), Body: body}, nil
}

// typeOf finds the content type of an answer.
func (c *call) typeOf(body []byte) string {
	if c.ContentType != "" {
		return c.ContentType
	}
	return function.ContentType(body)
}
