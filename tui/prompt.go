package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"faasd/internal/operator"
)

// prompt is a line that is being typed: a filter behind "/", a command behind ":".
type prompt struct {
	kind  string
	input textinput.Model
}

func newPrompt(kind, value string) *prompt {
	in := textinput.New()
	in.Prompt = ""
	in.CharLimit = 200
	in.SetValue(value)
	in.CursorEnd()
	in.Focus()
	return &prompt{kind, in}
}

// typeKey takes a key of the line that is typed.
func (m *model) typeKey(msg tea.KeyMsg) tea.Cmd {
	p := m.prompt
	switch msg.String() {
	case "esc", "alt+esc", "ctrl+c":
		m.prompt = nil
		if p.kind == "/" {
			m.filter("")
		}
		return nil
	case "enter":
		m.prompt = nil
		if p.kind == ":" {
			return m.command(p.input.Value())
		}
		return nil
	case "tab":
		if p.kind == ":" {
			p.input.SetValue(m.completed(p.input.Value()))
			p.input.CursorEnd()
		}
		return nil
	}
	p.input, _ = p.input.Update(msg)
	if p.kind == "/" {
		m.filter(p.input.Value())
	}
	return nil
}

func (m *model) filter(s string) {
	p := m.pane()
	p.filter = s
	p.arrange()
}

// words are the commands of the palette.
var words = []string{
	"drain", "events", "functions", "jobs", "kill", "overview", "parts", "pause", "quit", "sort", "tests",
	"theme", "undrain", "workers", "write",
}

// candidates are the words that may stand where the line ends: commands that begin
// so, or what may follow one.
func (m *model) candidates(line string) (list []string) {
	word, rest, follows := strings.Cut(line, " ")
	all, begin := words, word
	if follows {
		all, begin = nil, rest
		switch word {
		case "theme":
			all = Themes
		case "sort":
			for _, c := range m.pane().columns {
				all = append(all, strings.ToLower(c.title))
			}
		case "kill", "drain", "undrain":
			for i := range m.workers() {
				all = append(all, m.workers()[i].Name)
			}
		}
	}
	for _, w := range all {
		dangerous := !follows && (w == "kill" || w == "drain" || w == "undrain")
		if strings.HasPrefix(w, begin) && !(dangerous && m.opt.ReadOnly) {
			list = append(list, w)
		}
	}
	return list
}

func (m *model) workers() []operator.Worker {
	if m.shown == nil {
		return nil
	}
	return m.shown.Picture.Workers
}

// completed is the line with as much as all candidates have in common.
func (m *model) completed(line string) string {
	list := m.candidates(line)
	if len(list) == 0 {
		return line
	}
	common := list[0]
	for _, w := range list[1:] {
		for !strings.HasPrefix(w, common) {
			common = common[:len(common)-1]
		}
	}
	if len(list) == 1 {
		common += " "
	}
	if i := strings.LastIndexByte(line, ' '); i >= 0 {
		return line[:i+1] + common
	}
	return common
}

// command does what was typed behind ":".
func (m *model) command(line string) tea.Cmd {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	if word == "" {
		return nil
	}
	if full := strings.TrimSpace(m.completed(word)); slices.Contains(words, full) {
		word = full
	}
	switch word {
	case "quit":
		return tea.Quit
	case "pause":
		m.pause()
	case "write":
		return m.write()
	case "theme":
		th, err := newTheme(rest, m.opt.Colour)
		if err != nil {
			m.say(bad, "%v", err)
			return nil
		}
		m.theme = th
	case "sort":
		m.sortBy(rest)
	case "kill", "drain", "undrain":
		return m.actOn(verb(word), rest)
	default:
		return m.goTo(word, rest)
	}
	return nil
}

// goTo shows the view with that name, filtered by what stands behind it.
func (m *model) goTo(word, rest string) tea.Cmd {
	var v view
	switch word {
	case "overview":
	case "workers":
		v = newWorkers()
	case "jobs":
		v = newJobs()
	case "functions":
		v = newFunctions()
	case "parts":
		v = newParts()
	case "events":
		v = newEvents(m.opt.Zone)
	case "tests":
		v = m.tests
	default:
		m.say(bad, "no command %q: there are %s", word, strings.Join(words, ", "))
		return nil
	}
	cmd := m.home(v)
	m.filter(rest)
	return cmd
}

// sortBy sorts the pane that has the focus by the column with that title.
func (m *model) sortBy(name string) {
	p := m.pane()
	var titles []string
	for i, c := range p.columns {
		if strings.EqualFold(c.title, name) {
			p.sortBy, p.desc = i, c.right
			p.arrange()
			return
		}
		titles = append(titles, c.title)
	}
	m.say(bad, "no column %q here: there are %s", name, strings.Join(titles, ", "))
}

// actOn does something to the worker of that name.
func (m *model) actOn(v verb, name string) tea.Cmd {
	if m.opt.ReadOnly {
		m.say(bad, "this screen was started with --read-only")
		return nil
	}
	if !m.usable() {
		return nil
	}
	if name != "" {
		found := 0
		for i := range m.shown.Picture.Workers {
			if w := &m.shown.Picture.Workers[i]; w.State != operator.StateLost && strings.HasPrefix(w.Name, name) {
				found++
			}
		}
		if found != 1 {
			m.say(bad, "%s whose name begins with %q", plural(found, "worker"), name)
			return nil
		}
		list := newWorkers()
		m.home(list)
		for _, r := range list.list.rows {
			if strings.HasPrefix(r.cells[0].text, name) && r.cells[4].text != wordLost {
				list.list.find(r.id)
			}
		}
	}
	if v == verbUndrain {
		return m.undrain()
	}
	m.ask(v)
	return nil
}
