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
	ring  []string // lines among which Tab goes round; nil: it completes
	at    int      // in ring
}

func newPrompt(kind, value string) *prompt {
	in := textinput.New()
	in.Prompt = ""
	in.CharLimit = 200
	p := &prompt{kind: kind, input: in}
	p.set(value)
	p.input.Focus()
	return p
}

func (p *prompt) set(line string) {
	p.input.SetValue(line)
	p.input.CursorEnd()
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
			m.complete(p)
		}
		return nil
	}
	p.ring = nil
	p.input, _ = p.input.Update(msg)
	if p.kind == "/" {
		m.filter(p.input.Value())
	}
	return nil
}

// complete adds what all candidates have in common. Where that is nothing more, it
// puts one after another of them there.
func (m *model) complete(p *prompt) {
	line := p.input.Value()
	if p.ring != nil {
		p.at = (p.at + 1) % len(p.ring)
		p.set(p.ring[p.at])
		return
	}
	if more := m.completed(line); more != line {
		p.set(more)
		return
	}
	begin := line[:strings.LastIndexByte(line, ' ')+1]
	for _, c := range m.candidates(line) {
		p.ring = append(p.ring, begin+c)
	}
	if p.at = 0; len(p.ring) > 0 {
		p.set(p.ring[0])
	}
}

func (m *model) filter(s string) {
	p := m.pane()
	p.filter = s
	p.arrange()
}

// words are the commands of the palette.
var words = []string{
	"drain", "events", "functions", "help", "jobs", "kill", "overview", "parts", "pause", "quit", "scale", "sort", "tests",
	"theme", "undrain", "workers", "write", "wrong",
}

// dangerous are those of words that do something to the system.
var dangerous = []string{"drain", "kill", "scale", "undrain"}

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
		case "scale":
			all = []string{"worker="}
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
		if strings.HasPrefix(w, begin) && (follows || !m.opt.ReadOnly || !slices.Contains(dangerous, w)) {
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
	if len(list) == 1 && !strings.HasSuffix(common, "=") {
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
	if m.opt.ReadOnly && slices.Contains(dangerous, word) {
		m.say(bad, "this screen was started with --read-only")
		return nil
	}
	switch word {
	case "help":
		m.help = 0
	case "scale":
		return m.scale(rest)
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
	for _, d := range m.destinations() {
		if d.word == word {
			cmd := m.home(d.view())
			m.filter(rest)
			return cmd
		}
	}
	m.say(bad, "no command %q: there are %s", word, strings.Join(words, ", "))
	return nil
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
