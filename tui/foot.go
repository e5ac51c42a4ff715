package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/x/ansi"
)

// foot is what was done last, and the keys that matter here.
func (m *model) foot() []string {
	th := &m.theme
	if m.prompt != nil {
		return m.prompting()
	}
	note := m.crumbs()
	if m.note != "" {
		note += "  " + th.say(m.noteIs, m.note)
	}
	return []string{fitStyled(note, m.w), m.keyBar()}
}

// prompting is the line that is typed, and below it what may stand there.
func (m *model) prompting() []string {
	line := fit(m.prompt.kind+clean(m.prompt.input.Value())+"_", m.w, false)
	hints := []string{"Enter keeps the filter, Esc takes it away"}
	if m.prompt.kind == ":" {
		hints = m.offers()
	}
	for i, hint := range hints {
		hints[i] = m.theme.say(faint, fit(hint, m.w, false))
	}
	return append([]string{line}, hints...)
}

// maxOffers is how many lines of candidates are offered.
const maxOffers = 3

// offers are the candidates for what is typed, and what the keys do.
func (m *model) offers() []string {
	list := m.candidates(m.prompt.input.Value())
	items := []string{"Enter does it, Tab completes, Esc leaves:"}
	for _, c := range list[:min(len(list), m.w*maxOffers/2)] { // there is no room for more
		items = append(items, clean(c))
	}
	lines := flow(items, m.w, 0)
	if len(lines) > maxOffers {
		lines = lines[:maxOffers]
		lines[maxOffers-1] = fit(lines[maxOffers-1], m.w-2, false) + " …"
	}
	return lines
}

// crumbs are the views that are stacked.
func (m *model) crumbs() string {
	var names []string
	for _, v := range m.views {
		names = append(names, v.crumb())
	}
	return m.theme.say(faint, strings.Join(names, " › "))
}

// keyBar lists the keys that do something where the focus is. Where there is no
// room for all, the last of hints go first, and the way to help and out never.
func (m *model) keyBar() string {
	k := &m.keys
	hint := func(b key.Binding, name string) string {
		if !b.Enabled() {
			return ""
		}
		return m.theme.say(keyName, b.Help().Key) + " " + name + "  "
	}
	last := hint(k.Help, "keys") + strings.TrimSpace(hint(k.Quit, "quit"))
	var hints []string
	add := func(b key.Binding, name string) { hints = append(hints, hint(b, name)) }
	if len(m.views) > 1 {
		add(k.Back, "back")
	}
	p := m.pane()
	if m.hindrance() == "" && (m.workerPane() != nil || len(m.targets()) > 0) {
		add(k.Kill, "kill")
		add(k.Drain, "drain")
		if slices.ContainsFunc(m.targets(), draining) {
			add(k.Undrain, "undrain")
		}
	}
	if p.kind == ofWorkers {
		add(k.Mark, "mark")
	}
	switch p.kind {
	case ofTests, ofSteps:
		add(k.Open, "run, or stop")
	case ofQueues, ofWorkers, ofJobs, ofFunctions, ofEvents:
		add(k.Open, "open")
	}
	if len(m.view().panes()) > 1 {
		add(k.NextPane, "pane")
	} else if v, ok := m.view().(*tabbed); ok && len(v.tabs.list) > 1 {
		add(k.NextPane, "next tab")
	}
	if !p.kind.prose() {
		add(k.Filter, "filter")
		add(k.Sort, "sort")
	}
	if p.kind == ofEvents {
		add(k.Follow, "follow")
	}
	if m.view() != view(m.tests) {
		add(k.Tests, "tests")
	}
	add(k.Pause, "pause")
	add(k.Palette, "command")
	for len(hints) > 0 && ansi.StringWidth(strings.Join(hints, "")+last) > m.w {
		hints = hints[:len(hints)-1]
	}
	return fitStyled(strings.Join(hints, "")+last, m.w)
}
