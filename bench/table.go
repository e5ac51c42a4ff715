package main

import (
	"fmt"
	"slices"
	"strings"
)

// A table is one part of a report, as people read it.
type table struct {
	name    string // of its place in a document
	heading string
	columns []string
	left    []int // columns of text; the others are numbers
	rows    [][]string
	notes   []string // what the numbers lack, a line each
}

// top is what stands above the rows.
func (t table) top() string {
	return strings.Join(append([]string{t.heading}, t.notes...), "\n") + "\n"
}

// text is the table for a terminal.
func (t table) text() string {
	if len(t.rows) == 0 {
		return t.top()
	}
	rows := append([][]string{t.columns}, t.rows...)
	widths := make([]int, len(t.columns))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	grouped := false // several rows begin alike, and stand together
	for n := 1; n < len(t.rows); n++ {
		grouped = grouped || t.rows[n][0] == t.rows[n-1][0]
	}
	b.WriteString(t.top() + "\n")
	for n, row := range rows {
		if grouped && n > 1 && row[0] != rows[n-1][0] {
			b.WriteString("\n")
		}
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if slices.Contains(t.left, i) {
				line += cell + pad + "  "
			} else {
				line += pad + cell + "  "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func (t table) markdown() string {
	if len(t.rows) == 0 {
		return t.top()
	}
	var b strings.Builder
	b.WriteString(t.top() + "\n")
	b.WriteString("| " + strings.Join(t.columns, " | ") + " |\n|")
	for i := range t.columns {
		if slices.Contains(t.left, i) {
			b.WriteString("---|")
		} else {
			b.WriteString("---:|")
		}
	}
	b.WriteString("\n")
	for _, row := range t.rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

// replace puts a content between the lines of a document that mark its place, such as <!-- numbers: begin -->.
func replace(document, name, content string) (string, error) {
	begin, end := "<!-- "+name+": begin -->", "<!-- "+name+": end -->"
	before, rest, begun := strings.Cut(document, begin)
	_, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		return "", fmt.Errorf("it has no lines %s and %s", begin, end)
	}
	return before + begin + "\n" + content + end + after, nil
}
