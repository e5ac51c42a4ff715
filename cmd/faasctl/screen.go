package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"faasd/internal/acceptance"
)

const (
	spinEvery = 100 * time.Millisecond
	spinner   = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

	green = "\x1b[32m"
	red   = "\x1b[31m"
	faint = "\x1b[2m"
	reset = "\x1b[0m"
	// restart goes to the beginning of the line and empties it.
	restart = "\r\x1b[K"
)

// marks are the states as a terminal shows them.
var marks = map[string]string{
	acceptance.Passed: green + "✓" + reset, acceptance.Failed: red + "✗" + reset, acceptance.Stopped: red + "–" + reset,
}

// screen shows a test on a terminal: the step under way with a spinner, each
// that has ended with a tick or a cross.
type screen struct {
	out   io.Writer
	width func() int // of the terminal, in columns, at least 1

	stop func() // ends the spinner; nil while there is none
}

func (s *screen) begin(t acceptance.Test) {
	fmt.Fprintf(s.out, "%d %s\n", t.Number, t.Name)
	s.text("  ", "  ", t.Promise, faint)
}

func (s *screen) step(step acceptance.Step) {
	if step.State == acceptance.Running {
		s.spin(step.Text)
		return
	}
	s.stopSpinner()
	head := fmt.Sprintf("%8s  ", millis(step.TookMillis))
	rows := wrap(step.Text, s.width()-4-len(head))
	fmt.Fprintf(s.out, "%s  %s %s%s\n", restart, marks[step.State], head, rows[0])
	indent := strings.Repeat(" ", 4+len(head))
	for _, row := range rows[1:] {
		fmt.Fprintf(s.out, "%s%s\n", indent, row)
	}
	style := faint
	if step.State == acceptance.Failed {
		style = "" // now it matters
	}
	for _, line := range said(step) {
		s.text(indent, indent+"  ", line, style)
	}
}

func (s *screen) end(r acceptance.Result) {
	s.stopSpinner()
	printEnd(s.out, r)
	fmt.Fprintln(s.out)
}

// text prints text within the terminal's width.
func (s *screen) text(first, further, text, style string) {
	indent := first
	for _, row := range wrap(text, s.width()-len(further)) {
		fmt.Fprintf(s.out, "%s%s%s%s\n", indent, style, row, reset)
		indent = further
	}
}

// spin shows the step under way until stopSpinner.
func (s *screen) spin(text string) {
	quit, ended := make(chan struct{}), make(chan struct{})
	s.stop = func() { close(quit); <-ended }
	go func() {
		defer close(ended)
		tick := time.NewTicker(spinEvery)
		defer tick.Stop()
		frames := []rune(spinner)
		for i, began := 0, time.Now(); ; i++ {
			line := fmt.Sprintf("  %c %8s  %s", frames[i%len(frames)], seconds(time.Since(began)), text)
			fmt.Fprint(s.out, restart+cut(line, s.width()-1))
			select {
			case <-tick.C:
			case <-quit:
				return
			}
		}
	}()
}

func (s *screen) stopSpinner() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// cut shortens a line to a width in columns.
func cut(line string, width int) string {
	if r := []rune(line); len(r) > max(width, 0) {
		return string(r[:max(width, 0)])
	}
	return line
}

// wrap breaks text into rows of at most width columns, between words where it
// can. There is at least one row.
func wrap(text string, width int) []string {
	width = max(width, 10)
	rows := []string{""}
	for _, word := range strings.Fields(text) {
		last := &rows[len(rows)-1]
		n := utf8.RuneCountInString(word)
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+n <= width:
			*last += " " + word
		default:
			rows = append(rows, word)
		}
		for { // a word longer than a row
			r := []rune(rows[len(rows)-1])
			if len(r) <= width {
				break
			}
			rows[len(rows)-1] = string(r[:width])
			rows = append(rows, string(r[width:]))
		}
	}
	return rows
}
