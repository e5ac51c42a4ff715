// Package tui is the screen of `faasctl top`. One goroutine, the feed, looks at
// the system and makes a Snapshot of all that is shown once an interval; a
// bubbletea model, of which Update never waits for anything, draws the latest.
// What takes time, such as a kill, is done by bubbletea's commands, which tell
// of it by messages.
package tui

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"faasd/internal/acceptance"
	"faasd/internal/operator"
	_ "faasd/tui/quiet" // before bubbletea
)

// Options are what a screen shows, and where.
type Options struct {
	System   System
	Target   string        // what the system is called
	Up       bool          // it is a `faasd up` of this machine, which its user has started
	Interval time.Duration // from one snapshot to the next
	ReadOnly bool          // nothing can be done to the system
	Theme    string        // one of Themes
	Colour   bool          // whether the terminal and its user want colours
	ASCII    bool          // whether the terminal has no Unicode
	Mouse    bool          // the wheel scrolls; text can no longer be selected with the mouse alone

	In   io.Reader
	Out  io.Writer
	Now  func() time.Time
	Zone *time.Location

	ctx   context.Context
	send  func(tea.Msg)
	tests *sync.WaitGroup // the acceptance tests that run
}

const (
	// framesPerSecond is how often the screen is drawn at most: a key is to be
	// answered within 50 ms, also on a machine that is busy, and waits for up to a
	// frame. docs/ARCHITECTURE.md has what looking so often costs.
	framesPerSecond = 30
	// deedWithin is how long a command may take. A drain takes as long as what
	// the worker runs.
	deedWithin  = 30 * time.Second
	drainWithin = time.Hour
	// lookUpWithin is how long parts have to tell of a job.
	lookUpWithin = 2 * time.Second
)

// Run shows the screen until its user quits, the terminal goes or ctx ends. It does
// not end for any other reason.
func Run(outer context.Context, o Options) error {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	o.ctx, o.tests = ctx, &sync.WaitGroup{}
	var program *tea.Program
	o.send = func(msg tea.Msg) { program.Send(msg) }
	m, err := newModel(o)
	if err != nil {
		return err
	}
	options := []tea.ProgramOption{
		tea.WithAltScreen(), tea.WithInput(o.In), tea.WithOutput(device(o.Out, cancel)), tea.WithFPS(framesPerSecond), tea.WithContext(ctx),
		tea.WithoutSignalHandler(),
	}
	if o.Mouse {
		options = append(options, tea.WithMouseCellMotion())
	}
	program = tea.NewProgram(m, options...)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		feed(ctx, NewFeed(o.System, o.Now), o.Interval, func(s *Snapshot) { program.Send(s) })
	}()
	obeyed := make(chan struct{})
	go func() { defer close(obeyed); obeySignals(ctx, program, o.Mouse) }()
	_, err = program.Run()
	gone := context.Cause(ctx)
	cancel(nil)
	<-fed
	<-obeyed
	o.tests.Wait()          // until the systems that they have started are gone
	if outer.Err() != nil { // ended from outside, which bubbletea calls killed
		return nil
	}
	return cmp.Or(gone, err)
}

// terminal is a writer with a descriptor, as bubbletea wants it to be: a file.
type terminal struct {
	io.Writer
	descriptor
	gone func(error) // is told when there is no terminal any more, of which bubbletea takes no notice
}

func (t terminal) Write(b []byte) (int, error) {
	n, err := t.Writer.Write(b)
	if errors.Is(err, syscall.EIO) {
		t.gone(fmt.Errorf("the terminal is gone: %w", err))
	}
	return n, err
}

type descriptor interface{ Fd() uintptr }

func (terminal) Read([]byte) (int, error) { return 0, io.EOF }
func (terminal) Close() error             { return nil }

// device lets bubbletea find out how large the terminal behind a writer is, and
// tells gone when it is gone.
func device(w io.Writer, gone func(error)) io.Writer {
	if d, ok := w.(descriptor); ok {
		return terminal{w, d, gone}
	}
	return w
}

// lookEvery is how often it is looked whether anybody is heard, whatever the interval.
const lookEvery = time.Second

// feed shows a snapshot now, and another each interval, or sooner if nobody is
// heard any more or somebody again, until ctx ends.
func feed(ctx context.Context, f *Feed, every time.Duration, show func(*Snapshot)) {
	tick := time.NewTicker(min(every, lookEvery))
	defer tick.Stop()
	var last *Snapshot
	for {
		s := f.Snapshot()
		if last == nil || s.Taken.Sub(last.Taken) >= every-lookEvery/2 || s.Stale() || last.Stale() {
			show(s)
			last = s
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// work does something to the system, and tells how far it has come.
type work func(ctx context.Context, tell func(operator.Progress)) error

// work is what is done to a worker.
func (o *Options) work(v verb, w operator.Worker) work {
	return func(ctx context.Context, tell func(operator.Progress)) error {
		switch v {
		case verbKill:
			return o.System.Kill(ctx, w, tell)
		case verbDrain:
			return o.System.Drain(ctx, w, true, tell)
		}
		return o.System.Undrain(ctx, w, tell)
	}
}

// carryOut does what a deed is.
func (o *Options) carryOut(ctx context.Context, d deed, do work) tea.Cmd {
	return func() tea.Msg {
		within := deedWithin
		if d.verb == verbDrain {
			within = drainWithin
		}
		ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not within %s", within))
		defer cancel()
		tell := func(p operator.Progress) { o.send(deedMsg{deed: d, stage: p.Stage, text: p.Text}) }
		return deedMsg{deed: d, err: do(ctx, tell), over: true}
	}
}

// lookUp asks all who may know a job.
func (o *Options) lookUp(id string) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeoutCause(o.ctx, lookUpWithin, fmt.Errorf("not within %s", lookUpWithin))
		defer cancel()
		told, err := o.System.Job(ctx, id)
		return jobMsg{id, told, err}
	}
}

// runTest begins one acceptance test on a system of its own. It is no command of
// bubbletea's, which would not wait for its end.
func (o *Options) runTest(ctx context.Context, number int) {
	o.tests.Go(func() {
		bin, err := acceptance.Binary()
		if err != nil {
			o.send(resultMsg{err: err})
			return
		}
		result, end := acceptance.Tests()[number-1].Run(ctx, acceptance.Options{
			Bin: bin, Observe: func(s acceptance.Step) { o.send(stepMsg{number, s}) },
		})
		o.send(resultMsg{result, end()})
	})
}

// clip puts text on the clipboard of the terminal, by OSC 52.
func (o *Options) clip(text string) tea.Cmd {
	return func() tea.Msg {
		if _, err := io.WriteString(o.Out, ansi.SetSystemClipboard(text)); err != nil {
			return noteMsg{"not copied: " + err.Error(), bad}
		}
		return noteMsg{"copied, if this terminal allows it (OSC 52): " + text, plain}
	}
}

// save writes a snapshot to a new file in the present folder.
func (o *Options) save(s *Snapshot) tea.Cmd {
	return func() tea.Msg {
		name := "faasd-" + s.Taken.In(o.Zone).Format("20060102-150405.000") + ".json"
		b, err := json.MarshalIndent(s.forPrograms(), "", "  ")
		if err == nil {
			err = os.WriteFile(name, append(b, '\n'), 0o600)
		}
		if err != nil {
			return noteMsg{"not written: " + err.Error(), bad}
		}
		return noteMsg{"written to " + name, plain}
	}
}
