package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
)

// acting is what commands have in common that change something.
type acting struct {
	target
	json    bool
	yes     bool
	waitFor time.Duration
}

func (a *acting) declareActing(s *config.Set, waitFor time.Duration) {
	s.Bool(&a.yes, "yes", false, "do not ask first")
	s.Duration(&a.waitFor, "wait-for", waitFor, 100*time.Millisecond, 24*time.Hour, "how long to wait until it is done")
	s.Bool(&a.json, "json", false, "print JSON for programs, when all is over")
	a.declare(s)
}

// deed is one thing that is done to one part of the system.
type deed struct {
	name string // of the part
	do   func(ctx context.Context, tell func(operator.Progress)) error
}

// outcome is what came of a deed, for programs.
type outcome struct {
	Name   string  `json:"name"`
	Stage  string  `json:"stage"` // the last that was reached; "" none
	Text   string  `json:"text"`
	Millis float64 `json:"ms"` // until then
	Error  string  `json:"error,omitempty"`
}

// sideBySide is how many deeds are done at a time.
const sideBySide = 64

// carryOut does all deeds side by side, prints the stages that each reaches,
// and fails if one has failed.
func (a *acting) carryOut(ctx context.Context, std config.Stdio, deeds []deed) error {
	waiting, cancel := context.WithTimeoutCause(ctx, a.waitFor, fmt.Errorf("not within %s", a.waitFor))
	defer cancel()
	width := 0
	for _, d := range deeds {
		width = max(width, len(d.name))
	}
	outcomes := make([]outcome, len(deeds))
	var mu sync.Mutex // guards outcomes and std
	line := func(name, stage, text string, took time.Duration) {
		if !a.json {
			fmt.Fprintf(std.Out, "%-*s  %-12s  %6s  %s\n", width, config.Printable(name), stage, rounded(took), config.Printable(text))
		}
	}
	var all sync.WaitGroup
	room := make(chan struct{}, sideBySide)
	for i, d := range deeds {
		outcomes[i].Name = d.name
		all.Go(func() {
			select {
			case room <- struct{}{}:
				defer func() { <-room }()
			case <-waiting.Done(): // do says that it was not asked
			}
			began := time.Now()
			err := d.do(waiting, func(p operator.Progress) {
				mu.Lock()
				defer mu.Unlock()
				outcomes[i].Stage, outcomes[i].Text, outcomes[i].Millis = string(p.Stage), p.Text, milliseconds(p.Took)
				line(d.name, string(p.Stage), p.Text, p.Took)
			})
			if err != nil && ctx.Err() == nil { // after Ctrl-C nobody reads it
				mu.Lock()
				defer mu.Unlock()
				outcomes[i].Error, outcomes[i].Millis = err.Error(), milliseconds(time.Since(began))
				line(d.name, "FAILED", err.Error(), time.Since(began))
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.json {
		if err := printJSON(std.Out, outcomes); err != nil {
			return err
		}
	}
	failed := 0
	for _, o := range outcomes {
		if o.Error != "" {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d failed: %s", failed, len(deeds), firstError(outcomes))
	}
	return nil
}

func firstError(outcomes []outcome) string {
	i := slices.IndexFunc(outcomes, func(o outcome) bool { return o.Error != "" })
	return config.Printable(outcomes[i].Error)
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// rounded shows a time in at most some six characters.
func rounded(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

// errDeclined says that somebody said no.
var errDeclined = &config.ExitError{Code: config.ExitFailed, Err: errors.New("nothing was done")}

// confirm asks the user a question, unless they have said yes before.
func (a *acting) confirm(ctx context.Context, std config.Stdio, question string) error {
	if a.yes {
		return nil
	}
	return confirm(ctx, std, question)
}

// confirm asks the user a question.
func confirm(ctx context.Context, std config.Stdio, question string) error {
	question = config.Printable(question) // names in it come from others
	if !isTerminal(std.In) {
		return config.Usagef("%s; this is asked first, and standard input is not a terminal: write --yes to go on", question)
	}
	fmt.Fprintf(std.Err, "%s. Go on? [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(std.In).ReadString('\n')
		if err != nil { // Ctrl-D leaves the cursor behind the question
			fmt.Fprintln(std.Err)
		}
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-answer:
		if line == "y" || line == "yes" {
			return nil
		}
		return errDeclined
	case <-ctx.Done():
		fmt.Fprintln(std.Err)
		return ctx.Err()
	}
}
