package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// The least screen on which something can be shown.
const (
	leastWidth  = 60
	leastHeight = 15
)

// View draws the whole screen: exactly as many lines as it has, none wider.
func (m *model) View() string {
	lines := m.lines()
	lines = lines[:min(len(lines), m.h)]
	s := strings.Join(lines, "\n")
	if m.opt.ASCII {
		s = toASCII(s)
	}
	return s
}

func (m *model) lines() []string {
	if m.small() {
		return m.smallLines()
	}
	if m.help >= 0 {
		return m.helpLines()
	}
	head, foot, h := m.head(), m.foot(), m.bodyHeight()
	var body []string
	if m.shown == nil {
		body = []string{"", "  waiting for the first word of the system …"}
	} else {
		body = m.view().draw(m.w, h, m.pane(), &m.theme)
	}
	if m.latest != nil && m.latest.Stale() {
		for i, l := range body {
			body[i] = m.theme.say(faint, ansi.Strip(l))
		}
	}
	for len(body) < h {
		body = append(body, "")
	}
	body = body[:h]
	if m.dialog != nil {
		over(body, m.dialog.draw(m.w, h, &m.theme), m.w)
	}
	return append(append(head, body...), foot...)
}

// bodyHeight is how many lines the view has, between the head and the foot.
func (m *model) bodyHeight() int { return max(m.h-len(m.head())-len(m.foot()), 0) }

// place gives what is shown its room, after anything has changed: what View
// draws depends on where each list was before, and View changes nothing.
func (m *model) place() {
	if m.help >= 0 {
		m.help = max(min(m.help, len(m.helpText())-m.helpRoom()), 0)
	}
	if m.shown != nil && !m.small() {
		m.view().place(m.w, m.bodyHeight(), m.pane())
	}
}

// small reports whether the screen is too small to show anything.
func (m *model) small() bool { return m.w < leastWidth || m.h < leastHeight }

// smallLines are what is shown on a screen that is too small.
func (m *model) smallLines() []string {
	text := fmt.Sprintf("%d×%d is too small: %d×%d at least. q quits", m.w, m.h, leastWidth, leastHeight)
	if m.latest != nil {
		if wrong := m.latest.wrong; len(wrong) > 0 {
			text = "! " + wrong[0].whole + " — " + text
		}
	}
	lines := strings.Split(ansi.Wrap(text, max(m.w, 1), ""), "\n")
	return lines[:min(len(lines), m.h)]
}

// over puts a box into the middle of the body.
func over(body, box []string, w int) {
	top := max((len(body)-len(box))/2, 0)
	for i, l := range box {
		if top+i < len(body) {
			body[top+i] = strings.Repeat(" ", max((w-ansi.StringWidth(l))/2, 0)) + l
		}
	}
}
