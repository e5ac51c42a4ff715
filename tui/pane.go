package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// kind is what the rows of a pane are; keys act by it.
type kind uint8

const (
	ofQueues kind = iota
	ofWorkers
	ofJobs
	ofFunctions
	ofParts
	ofEvents
	ofTests
	ofSteps
	ofTroubles
	ofLatencies
)

// prose reports whether the rows are lines of a text: there is nothing to sort or
// filter.
func (k kind) prose() bool { return k == ofSteps || k == ofTroubles }

// pane is a table under a title.
type pane struct {
	*table
	kind   kind
	title  string
	follow bool // the cursor stays at the end as rows come
	lines  int  // that it has on the screen, the title included
}

// set replaces the rows; a pane that follows goes to the last.
func (p *pane) set(rows []row) {
	p.table.set(rows)
	if p.follow {
		p.move(len(p.rows))
	}
}

// place gives the pane that many lines.
func (p *pane) place(lines int) {
	p.lines = lines
	p.scroll(max(lines-2, 0)) // below the title and the names of the columns
}

// wants is how many lines it would have with all its rows, or the word that there
// are none.
func (p *pane) wants() int { return max(len(p.rows), 1) + 2 }

// seen reports whether the pane has any lines.
func (p *pane) seen() bool { return p.lines > 0 }

// draw draws the pane in its lines.
func (p *pane) draw(w int, focused bool, th *theme) []string {
	if !p.seen() {
		return nil
	}
	body := p.view(w, p.lines-1, focused, th)
	return append([]string{p.heading(w, focused, th)}, body...)
}

// heading is the title's line. A double line says that keys act here.
func (p *pane) heading(w int, focused bool, th *theme) string {
	dash, m := "─", faint
	if focused {
		dash, m = "═", title
	}
	name := p.title + " " + count(len(p.rows))
	switch {
	case p.kind.prose(), p.kind == ofLatencies: // their number says nothing
		name = p.title
	case p.filter != "":
		name += " of " + count(len(p.all))
	}
	notes := []string{}
	for _, note := range []string{p.table.more(), p.sorting()} {
		if note != "" {
			notes = append(notes, note)
		}
	}
	if p.filter != "" {
		notes = append(notes, "filter /"+p.filter)
	}
	if p.kind == ofEvents && p.follow {
		notes = append(notes, "following")
	}
	if len(p.marks) > 0 {
		notes = append(notes, count(len(p.marks))+" marked")
	}
	return rule(name, strings.Join(notes, "  "), dash, m, w, th)
}

// rule is a line across the screen with a title in it and notes at its end.
func rule(name, notes, dash string, m mood, w int, th *theme) string {
	left := strings.Repeat(dash, 2) + " " + name + " "
	right := ""
	if notes != "" {
		right = " " + notes + " " + strings.Repeat(dash, 2)
	}
	gap := w - ansi.StringWidth(left) - ansi.StringWidth(right)
	if gap < 1 {
		right, gap = "", w-ansi.StringWidth(left)
	}
	return th.say(m, fit(left+strings.Repeat(dash, max(gap, 0))+right, w, false))
}
