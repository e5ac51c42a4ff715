package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"faasd/internal/operator"
)

// verb is what can be done to the system.
type verb string

const (
	verbKill    verb = "kill"
	verbDrain   verb = "drain"
	verbUndrain verb = "undrain"
	verbScale   verb = "scale"
)

// dialog asks before something is done to workers. Its targets are those that
// were meant when it was opened, whatever the lists show since.
type dialog struct {
	verb    verb
	targets []operator.Worker
	lines   []string  // what will come of it
	need    string    // what must be typed first; "" nothing
	missing bool      // Enter was pressed without it
	opened  time.Time // or when a key came last that means nothing here
	typed   textinput.Model
	choices []choice
	at      int // in choices
}

type choice struct {
	label string
	verb  verb // "" is Cancel
}

// newDialog prepares the question.
func newDialog(v verb, targets []operator.Worker, p *operator.Picture) *dialog {
	d := &dialog{verb: v, targets: targets, choices: []choice{{"Cancel", ""}}, typed: textinput.New()}
	if v == verbKill {
		d.choices = append(d.choices, choice{"Drain instead", verbDrain})
	}
	d.choices = append(d.choices, choice{capital(string(v)), v})
	d.typed.Prompt, d.typed.CharLimit = "", 64
	d.typed.Focus()
	d.renew(p)
	return d
}

// renew says what will come of it as the system is now. What must be typed is
// asked for only where much depends on it: several workers, the system's last, or
// a queue's last for which jobs wait.
func (d *dialog) renew(p *operator.Picture) {
	l := without(d.targets, p)
	d.lines = nil
	for i := range d.targets[:min(len(d.targets), maxTargets)] {
		d.lines = append(d.lines, d.target(&d.targets[i], p, &l)...)
	}
	if more := len(d.targets) - maxTargets; more > 0 {
		d.lines = append(d.lines, "and "+plural(more, "more worker"))
	}
	d.lines = append(d.lines, l.lines()...)
	if len(d.targets) > 1 {
		d.need = fmt.Sprint(len(d.targets))
	} else {
		d.need = l.need(&d.targets[0])
	}
}

// readFor is how long a dialog is seen at least before Enter counts: what comes
// sooner was typed, or pasted, for something else.
const readFor = 300 * time.Millisecond

// maxTargets is how many workers a dialog describes.
const maxTargets = 3

func (d *dialog) target(w *operator.Worker, p *operator.Picture, l *leaving) []string {
	lines := []string{fmt.Sprintf("%s on %s, %s", clean(w.Name), clean(place(w.Host, w.PID)), clean(w.Queue))}
	runs := 0
	for i := range p.Jobs {
		j := &p.Jobs[i]
		if j.Worker != w.Name || j.Queue != w.Queue {
			continue
		}
		if runs++; runs == 1 {
			lines = append(lines, fmt.Sprintf("runs %s: %s", tail(j.ID), d.becomes(w, j, l)))
		}
	}
	switch {
	case w.Running == 0:
		lines = append(lines, "runs nothing")
	case runs == 0:
		lines = append(lines, fmt.Sprintf("runs %s: %s", plural(w.Running, "job"), d.becomes(w, nil, l)))
	case w.Running > 1:
		lines[len(lines)-1] += fmt.Sprintf(", and %s", plural(w.Running-1, "more job"))
	}
	return lines
}

// becomes says what will become of what a worker runs, of one job if that is known.
func (d *dialog) becomes(w *operator.Worker, j *operator.Job, l *leaving) string {
	unserved := slices.ContainsFunc(w.Functions, func(name string) bool { return slices.Contains(l.alone, name) })
	served := slices.ContainsFunc(w.Functions, func(name string) bool { return !slices.Contains(l.alone, name) })
	switch {
	case d.verb == verbDrain:
		return "finished first"
	case j != nil && slices.Contains(l.alone, j.Function):
		return "waits until another serves " + clean(j.Function)
	case j == nil && !served:
		return "waits until another serves it"
	case j == nil && unserved:
		return "given to another that serves it, or waits for one"
	case j == nil:
		return "given to another"
	}
	return fmt.Sprintf("given to another, as attempt %d", j.Attempt+1) // a kill does not count against the limit
}

// press takes a key. It returns what was decided: "" and true is that nothing
// is to be done.
func (d *dialog) press(msg tea.KeyMsg) (decided verb, done bool) {
	switch msg.String() {
	case "esc", "ctrl+c":
		return "", true
	case "tab", "right":
		d.at = (d.at + 1) % len(d.choices)
	case "shift+tab", "left":
		d.at = (d.at + len(d.choices) - 1) % len(d.choices)
	case "enter":
		if c := d.choices[d.at]; c.verb == "" || d.allowed() {
			return c.verb, true
		}
		d.missing = true
	default:
		if d.need != "" {
			d.typed, _ = d.typed.Update(msg)
		}
	}
	return "", false
}

func (d *dialog) allowed() bool { return d.need == "" || strings.TrimSpace(d.typed.Value()) == d.need }

// draw draws the box, at most w columns wide and h lines high; what must be typed
// and the buttons are always seen.
func (d *dialog) draw(w, h int, th *theme) []string {
	room := h - 3
	if d.need != "" {
		room--
	}
	lines := append([]string(nil), d.lines[:max(min(len(d.lines), room), 0)]...)
	if d.need != "" {
		first := ""
		if d.missing && !d.allowed() {
			first = "first "
		}
		lines = append(lines, fmt.Sprintf("%stype %s to %s: %s_", first, clean(d.need), d.verb, clean(d.typed.Value())))
	}
	var buttons []string
	plainButtons := 0
	for i, c := range d.choices {
		label, m := "  "+c.label+" ", plain
		if i == d.at {
			label, m = "> "+c.label+" ", selected
		}
		if c.verb != "" && !d.allowed() {
			m = faint
		}
		plainButtons += len(label) + 1
		buttons = append(buttons, th.say(m, label))
	}
	head := fmt.Sprintf(" %s %s ", strings.ToUpper(string(d.verb)), plural(len(d.targets), "worker"))
	foot := " Tab choose, Enter; Esc cancels "
	inner := max(plainButtons, len(head)+4, len(foot)+4)
	for _, l := range lines {
		inner = max(inner, ansi.StringWidth(l))
	}
	inner = max(min(inner, w-4), 10)
	edge := func(name string) string {
		return th.say(title, "+--"+fit(name, min(len(name), inner), false)+strings.Repeat("-", max(inner-len(name), 0))+"+")
	}
	box := []string{edge(head)}
	side := th.say(title, "|")
	for _, l := range lines {
		box = append(box, side+" "+fit(l, inner, false)+" "+side)
	}
	row := fitStyled(strings.Join(buttons, " "), inner)
	row += strings.Repeat(" ", max(inner-ansi.StringWidth(row), 0))
	return append(box, side+" "+row+" "+side, edge(foot))
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
