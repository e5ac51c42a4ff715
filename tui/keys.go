package tui

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
)

// keyMap are all keys. What kills or drains is left out with Options.ReadOnly.
type keyMap struct {
	Up, Down, PageUp, PageDown, Top, Bottom key.Binding
	Open, Back, NextPane, PrevPane, Tab     key.Binding
	Filter, Sort, Reverse, Mark, Follow     key.Binding
	Drain, Undrain, Kill                    key.Binding
	Overview, Workers, Jobs, Functions      key.Binding
	Parts, Events, Tests                    key.Binding
	Pause, Copy, Write, Palette, Help       key.Binding
	Wrong, Suspend, Quit                    key.Binding
}

func newKeys(readOnly bool) keyMap {
	bind := func(shown, help string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(shown, help))
	}
	k := keyMap{
		Up: bind("↑ k", "up", "up", "k"), Down: bind("↓ j", "down", "down", "j"),
		PageUp: bind("PgUp ^b", "page up", "pgup", "ctrl+b"), PageDown: bind("PgDn ^f", "page down", "pgdown", "ctrl+f"),
		Top: bind("Home g", "first", "home", "g"), Bottom: bind("End G", "last", "end", "G"),
		Open: bind("Enter", "open what is under the cursor, or run the test", "enter"), Back: bind("Esc", "back, or take the filter away; also Backspace", "esc", "backspace"),
		NextPane: bind("Tab", "next pane, or tab; also → l", "tab", "right", "l"), PrevPane: bind("S-Tab", "the one before; also ← h", "shift+tab", "left", "h"),
		Tab:    bind("1-4", "tab of a queue, a worker or a function", "1", "2", "3", "4"),
		Filter: bind("/", "filter", "/"), Sort: bind("s", "sort by the next column", "s"), Reverse: bind("S", "turn the sorting round", "S"),
		Mark: bind("Space", "mark a worker, and go down", " "), Follow: bind("F", "in events: follow the newest, or no longer", "F"),
		Drain: bind("d", "drain workers: they finish what they run and end; asks", "d"), Undrain: bind("u", "take a drain back", "u"),
		Kill: bind("K", "kill workers, as a crash would; asks", "K"),

		Overview: bind("o", "overview", "o"), Workers: bind("a", "all workers", "a"), Jobs: bind("i", "jobs that wait or run, the oldest first", "i"),
		Functions: bind("f", "functions", "f"), Parts: bind("b", "frontends, brokers, coordinators", "b"),
		Events: bind("e", "events", "e"), Tests: bind("t", "acceptance tests", "t"),

		Wrong: bind("!", "all that is wrong", "!"), Pause: bind("p", "pause the display, or go on", "p"), Copy: bind("y", "copy the name or id under the cursor", "y"),
		Write: bind("w", "write all that is known to a file, as JSON", "w"), Palette: bind(":", "a command: a view and a filter, sort COLUMN, theme NAME and others; Tab completes", ":"),
		Help: bind("?", "keys", "?"), Suspend: bind("^Z", "back to the shell; its fg returns here", "ctrl+z"), Quit: bind("q", "quit; also ^C", "q", "ctrl+c"),
	}
	if readOnly {
		for _, b := range []*key.Binding{&k.Drain, &k.Undrain, &k.Kill} {
			*b = key.NewBinding(key.WithDisabled())
		}
	}
	return k
}

// groups are the keys by what they are for, as help shows them.
func (k *keyMap) groups() []keyGroup {
	return []keyGroup{
		{"Move", []key.Binding{k.Up, k.Down, k.PageUp, k.PageDown, k.Top, k.Bottom, k.NextPane, k.PrevPane, k.Open, k.Back, k.Tab}},
		{"Lists", []key.Binding{k.Filter, k.Sort, k.Reverse, k.Mark, k.Follow, k.Copy}},
		{"Views", []key.Binding{k.Overview, k.Workers, k.Jobs, k.Functions, k.Parts, k.Events, k.Tests, k.Wrong}},
		{"Act on workers", enabled(k.Drain, k.Undrain, k.Kill)},
		{"Screen", []key.Binding{k.Pause, k.Write, k.Palette, k.Help, k.Suspend, k.Quit}},
	}
}

type keyGroup struct {
	title string
	keys  []key.Binding
}

func enabled(list ...key.Binding) []key.Binding {
	return slices.DeleteFunc(list, func(b key.Binding) bool { return !b.Enabled() })
}
