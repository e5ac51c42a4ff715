package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"faasd/internal/config"
)

// table is text in columns.
type table struct {
	text    bytes.Buffer
	columns *tabwriter.Writer
}

func newTable() *table {
	t := &table{}
	t.columns = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	return t
}

// row adds a line; without cells an empty one, behind which columns begin anew.
func (t *table) row(cells ...any) {
	text := make([]string, len(cells))
	for i, c := range cells {
		text[i] = config.Printable(fmt.Sprint(c))
	}
	_, _ = fmt.Fprintln(t.columns, strings.Join(text, "\t")) // into memory
}

// write writes the table without spaces at the ends of lines.
func (t *table) write(out io.Writer) error {
	if err := t.columns.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(t.text.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// printJSON writes one value for programs.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func of(part, whole int) string { return fmt.Sprintf("%d/%d", part, whole) }

// word makes what is wrong stand out without colour.
func word(state string) string {
	switch state {
	case "lost":
		return "!LOST"
	case "no-workers":
		return "!NO WRK" // of a function; see queueWord
	case "failed":
		return "!FAILED"
	case "broken":
		return "!BROKEN"
	case "other-version":
		return "!VERSION"
	}
	return state
}

func age(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}

func at(host string, pid int) string {
	if host == "" && pid == 0 {
		return "-"
	}
	return fmt.Sprintf("%s/%d", host, pid)
}
