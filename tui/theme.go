package tui

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// Themes are the names that Options.Theme may have.
var Themes = []string{"auto", "dark", "light", "mono"}

// mood is what a piece of text is about; the theme says how that looks. What
// matters is said in words too.
type mood uint8

const (
	plain mood = iota
	title
	faint
	good
	bad // wrong, or dangerous
	caution
	selected // the row under the cursor of the pane that has the focus
	picked   // the row under the cursor of another pane
	keyName
	moods
)

// theme is the look of each mood, in the terminal's own colours 0 to 15.
type theme struct{ styles [moods]lipgloss.Style }

// newTheme makes a theme by name. Without colour, because of mono or because
// the user wants none, nothing is styled at all.
func newTheme(name string, colour bool) (theme, error) {
	// The renderer only turns styles into escape codes; out is never written to.
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.ANSI) // by itself it has none: it is no terminal
	r.SetHasDarkBackground(name != "light")
	var t theme
	for i := range t.styles {
		t.styles[i] = r.NewStyle()
	}
	if !slices.Contains(Themes, name) {
		return t, fmt.Errorf("no theme %q: there are %s", name, strings.Join(Themes, ", "))
	}
	if name == "mono" || !colour {
		return t, nil
	}
	set := func(m mood, colour string) { t.styles[m] = t.styles[m].Foreground(lipgloss.Color(colour)) }
	t.styles[title] = t.styles[title].Bold(true)
	t.styles[keyName] = t.styles[keyName].Bold(true)
	switch name {
	case "auto":
		// Readable on any background: the default colour, bright and dim.
		t.styles[faint] = t.styles[faint].Faint(true)
		set(good, "2")
		set(bad, "1")
		set(caution, "3")
		t.styles[selected] = t.styles[selected].Reverse(true)
		t.styles[picked] = t.styles[picked].Bold(true)
	case "dark":
		set(title, "14")
		set(faint, "8")
		set(good, "10")
		set(bad, "9")
		set(caution, "11")
		set(keyName, "14")
		t.styles[selected] = t.styles[selected].Background(lipgloss.Color("4")).Foreground(lipgloss.Color("15"))
		t.styles[picked] = t.styles[picked].Foreground(lipgloss.Color("15")).Bold(true)
	case "light":
		set(title, "4")
		set(faint, "8")
		set(good, "2")
		set(bad, "1")
		set(caution, "5")
		set(keyName, "4")
		t.styles[selected] = t.styles[selected].Background(lipgloss.Color("6")).Foreground(lipgloss.Color("0"))
		t.styles[picked] = t.styles[picked].Foreground(lipgloss.Color("0")).Bold(true)
	}
	t.styles[bad] = t.styles[bad].Bold(true)
	return t, nil
}

// say writes a text in a mood.
func (t *theme) say(m mood, s string) string {
	if s == "" {
		return ""
	}
	return t.styles[m].Render(s)
}
