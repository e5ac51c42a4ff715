package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"
)

// Command is one command of a program: a struct whose fields are its settings.
type Command interface {
	// Settings declares the command's settings, bound to its fields.
	Settings() *Set
	// Validate checks, after the settings are parsed, what they cannot check
	// one by one. It starts nothing.
	Validate() error
	// Run does the work and returns when it is done, has failed, or ctx was
	// cancelled and everything is cleaned up.
	Run(ctx context.Context, std Stdio) error
}

// Program is faasd or faasctl.
type Program struct {
	Name      string
	Summary   string // one line, without a full stop
	Commands  []Command
	Guide     []Chapter
	Codes     []Code // with which it exits
	Libraries []Library
}

// Chapter is a part of the program's own help: common tasks under a heading.
type Chapter struct {
	Heading string // "Call a function"
	Tasks   []Task
}

// Task is a command line that works as it stands, and what it does in a few
// words.
type Task struct{ Line, Meaning string }

// Code is what an exit code of the program means, in a few words.
type Code struct {
	Number  int
	Meaning string
}

// Stdio is what a command has of the world around it.
type Stdio struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	Env func(string) string // never nil; "" if unset
}

// OS returns the process's own streams and environment.
func OS() Stdio {
	return Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv}
}

// Main runs the command that args (without the program's name) ask for and
// returns the exit code; a program's main is
//
//	os.Exit(config.Main(program, os.Args[1:], config.OS()))
//
// The first SIGINT, SIGTERM or SIGHUP cancels the command's context, a second one ends
// the process at once with [ExitInterrupted]. An error is printed as one line
// on std.Err. Its exit code is [ExitUsage] for [ErrUsage] and [ValueError], that
// of an [ExitError], [ExitInterrupted] for [context.Canceled] after a signal, and
// else [ExitFailed].
//
// Output that could not be written makes the command fail, whatever it wrote it
// for; without a word if its reader has gone.
func Main(p Program, args []string, std Stdio) int {
	out := &checked{w: std.Out}
	std.Out = out
	code := p.main(args, std)
	switch err := out.failure(); {
	case err == nil || code != ExitOK:
	case errors.Is(err, syscall.EPIPE):
		code = ExitFailed
	default:
		code = report(std.Err, p.Name, fmt.Errorf("cannot write to standard output: %w", err))
	}
	return code
}

// checked remembers the first error of writing.
type checked struct {
	w   io.Writer
	mu  sync.Mutex
	err error // guarded by mu
}

func (c *checked) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// failure returns the first error of writing, nil if there was none.
func (c *checked) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Fd lets a command ask whether its output is a terminal.
func (c *checked) Fd() uintptr {
	if f, ok := c.w.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

func (p Program) main(args []string, std Stdio) int {
	if err := WatchLifeline(std.Env, func() { os.Exit(ExitFailed) }); err != nil {
		return report(std.Err, p.Name, err)
	}
	if len(args) == 0 {
		p.usage(std.Err)
		return ExitUsage
	}
	switch first := args[0]; {
	case first == completeWord:
		return p.completeWords(args[1:], std)
	case first == "--version":
		args = slices.Concat([]string{"version"}, args[1:])
	case first == "--help" || first == "-h":
		p.usage(std.Out)
		return ExitOK
	case first == "help":
		return p.help(args[1:], std)
	case strings.HasPrefix(first, "-"):
		return report(std.Err, p.Name, Usagef("unknown flag %s: a command comes first (see %s --help)", first, p.Name))
	}
	command, set, err := p.find(args[0])
	if err != nil {
		return report(std.Err, p.Name, err)
	}
	err = run(command, set, args[1:], std)
	if errors.Is(err, ErrHelp) {
		_ = set.Usage(std.Out)
		return ExitOK
	}
	return report(std.Err, set.title(), err)
}

func run(command Command, set *Set, args []string, std Stdio) error {
	if err := set.Parse(args, std.Env); err != nil {
		return err
	}
	if err := command.Validate(); err != nil {
		return err
	}
	ctx, stop := untilSignal()
	defer stop()
	err := command.Run(ctx, std)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return &ExitError{Code: ExitInterrupted}
	}
	return err
}

// sameSignal is the time within which a second signal is the first once more:
// a process and its group can both be sent one.
const sameSignal = 300 * time.Millisecond

// untilSignal returns a context that the first SIGINT, SIGTERM or SIGHUP cancels. A
// second one, for the user who will not wait, ends the process. The stop
// function gives the signals back.
func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE) // a reader that has gone is an error of writing
	stopped := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			cancel(fmt.Errorf("%w: %s", context.Canceled, s))
		case <-stopped:
			return
		}
		for first := time.Now(); ; {
			select {
			case <-signals:
				if time.Since(first) >= sameSignal {
					os.Exit(ExitInterrupted)
				}
			case <-stopped:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		cancel(nil)
	}
}

// report prints the error as one line and returns its exit code.
func report(w io.Writer, title string, err error) int {
	if err == nil {
		return ExitOK
	}
	code := ExitFailed
	var (
		exit  *ExitError
		value *ValueError
	)
	switch {
	case errors.Is(err, syscall.EPIPE): // nobody reads any more
		return code
	case errors.As(err, &exit):
		code = exit.Code
		if exit.Err == nil {
			return code
		}
	case errors.Is(err, ErrUsage), errors.As(err, &value):
		code = ExitUsage
	}
	line := Printable(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	fmt.Fprintf(w, "%s: %s\n", title, line)
	return code
}

// commands are the program's own and those that every program has.
func (p Program) commands() []Command {
	return append(slices.Clone(p.Commands), &completionCommand{program: p}, &versionCommand{program: p})
}

func (p Program) find(name string) (Command, *Set, error) {
	var names []string
	for _, c := range p.commands() {
		set := c.Settings()
		set.program = p.Name
		if set.doc.Name == name {
			return c, set, nil
		}
		names = append(names, set.doc.Name)
	}
	if meant := closest(name, append(names, "help")); meant != "" {
		return nil, nil, Usagef("unknown command %q: did you mean %s? (see %s --help)", name, meant, p.Name)
	}
	return nil, nil, Usagef("unknown command %q (see %s --help)", name, p.Name)
}

func (p Program) help(args []string, std Stdio) int {
	if len(args) == 0 {
		p.usage(std.Out)
		return ExitOK
	}
	_, set, err := p.find(args[0])
	if err != nil {
		return report(std.Err, p.Name, err)
	}
	_ = set.Usage(std.Out)
	return ExitOK
}

func (p Program) usage(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nUsage:\n  %[1]s COMMAND [flags]\n\nCommands:\n", p.Name, p.Summary)
	var rows [][2]string
	for _, c := range p.commandSummaries() {
		rows = append(rows, [2]string{c.Value, c.Summary})
	}
	writeRows(&b, rows, columnOf(rows))
	var tasks [][2]string
	for _, c := range p.Guide {
		for _, t := range c.Tasks {
			tasks = append(tasks, [2]string{t.Line, t.Meaning})
		}
	}
	column := columnOf(tasks)
	for _, c := range p.Guide {
		fmt.Fprintf(&b, "\n%s:\n", c.Heading)
		writeRows(&b, tasks[:len(c.Tasks)], column)
		tasks = tasks[len(c.Tasks):]
	}
	if len(p.Codes) > 0 {
		b.WriteString("\nExit codes:\n")
	}
	for _, c := range p.Codes {
		fmt.Fprintf(&b, "  %-3d  %s\n", c.Number, c.Meaning)
	}
	fmt.Fprintf(&b, "\n%s COMMAND --help says what a command's flags are.\n", p.Name)
	_, _ = io.WriteString(w, b.String())
}

// commandSummaries lists the commands with what each is for.
func (p Program) commandSummaries() []Candidate {
	var all []Candidate
	for _, c := range p.commands() {
		doc := c.Settings().doc
		all = append(all, Candidate{doc.Name, doc.Summary})
	}
	return append(all, Candidate{"help", "help on a command"})
}

// columnOf is how wide the first of two columns is.
func columnOf(rows [][2]string) int {
	width := 0
	for _, row := range rows {
		width = max(width, utf8.RuneCountInString(row[0]))
	}
	return width
}

func writeRows(b *strings.Builder, rows [][2]string, width int) {
	for _, row := range rows {
		fmt.Fprintf(b, "  %-*s  %s\n", width, row[0], row[1])
	}
}
