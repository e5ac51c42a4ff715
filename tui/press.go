package tui

import (
	"fmt"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"faasd/internal/operator"
)

// pressAll takes what has come at once. Several letters are keys that were held or
// typed faster than the line brings them, or a text that was pasted: that must not
// kill anything.
func (m *model) pressAll(msg tea.KeyMsg) tea.Cmd {
	if msg.Alt && m.prompt == nil { // Esc, and a key right behind it: no key here is pressed with Alt
		msg.Alt = false
		return tea.Batch(m.press(tea.KeyMsg{Type: tea.KeyEsc}), m.pressAll(msg))
	}
	if msg.Type != tea.KeyRunes || len(msg.Runes) < 2 || m.prompt != nil || m.dialog != nil {
		return m.press(msg)
	}
	if msg.Paste {
		return nil
	}
	var all []tea.Cmd
	for _, r := range msg.Runes {
		one := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}}
		if key.Matches(one, m.keys.Kill, m.keys.Drain, m.keys.Undrain) {
			m.say(caution, "%c and what followed came together with other keys and was left out: press it by itself", r)
			break
		}
		all = append(all, m.press(one))
	}
	return tea.Batch(all...)
}

// press takes a key: what is asked comes first, then what is typed.
func (m *model) press(msg tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.Suspend):
		return suspend
	case m.small():
		if key.Matches(msg, m.keys.Quit) {
			return tea.Quit
		}
		return nil // nothing is done that is not seen
	case m.dialog != nil:
		if msg.Type == tea.KeyEnter && m.opt.Now().Sub(m.dialog.opened) < readFor {
			return nil
		}
		if v, done := m.dialog.press(msg); done {
			return m.decide(v)
		}
		if msg.Type == tea.KeyRunes && m.dialog.need == "" { // meant for something else: what follows may be too
			m.dialog.opened = m.opt.Now()
		}
		return nil
	case m.prompt != nil:
		return m.typeKey(msg)
	case m.help >= 0:
		m.scrollHelp(msg)
		return nil
	}
	k := &m.keys
	is := func(b key.Binding) bool { return key.Matches(msg, b) }
	p := m.pane()
	switch {
	case is(k.Quit):
		return tea.Quit
	case is(k.Help):
		m.help = 0
	case is(k.Up):
		m.move(p, -1)
	case is(k.Down):
		m.move(p, 1)
	case is(k.PageUp):
		m.move(p, -p.page())
	case is(k.PageDown):
		m.move(p, p.page())
	case is(k.Top):
		m.move(p, -len(p.rows))
	case is(k.Bottom):
		m.move(p, len(p.rows))
	case is(k.NextPane):
		m.turn(1)
	case is(k.PrevPane):
		m.turn(-1)
	case is(k.Tab):
		m.tab(int(msg.String()[0] - '1'))
	case is(k.Open):
		return m.enter(p)
	case is(k.Back):
		m.back()
	case p.kind.prose() && (is(k.Filter) || is(k.Sort) || is(k.Reverse)):
		m.say(faint, "there is nothing to filter or sort here")
	case is(k.Filter):
		m.prompt = newPrompt("/", p.filter)
	case is(k.Palette):
		m.prompt = newPrompt(":", "")
	case is(k.Sort):
		p.sortNext(m.w)
	case is(k.Reverse):
		p.desc = !p.desc
		p.arrange()
	case is(k.Mark):
		m.mark(p)
	case is(k.Follow):
		if p.kind == ofEvents {
			p.follow = !p.follow
			p.set(p.all)
		}
	case is(k.Kill):
		m.ask(verbKill)
	case is(k.Drain):
		m.ask(verbDrain)
	case is(k.Undrain):
		return m.undrain()
	case is(k.Pause):
		m.pause()
	case is(k.Copy):
		return m.copy(p)
	case is(k.Write):
		return m.write()
	default:
		return m.visit(msg)
	}
	return nil
}

// visit shows the view that a key is for.
func (m *model) visit(msg tea.KeyMsg) tea.Cmd {
	for _, d := range m.destinations() {
		if key.Matches(msg, d.key) {
			return m.home(d.view())
		}
	}
	return nil
}

// move moves a pane's cursor. Who goes back in what has happened stops following.
func (m *model) move(p *pane, n int) {
	p.move(n)
	if p.kind == ofEvents || p.kind == ofSteps {
		p.follow = p.at == len(p.rows)-1
	}
}

// turn gives the focus to another pane, or shows another tab.
func (m *model) turn(by int) {
	v := m.view()
	if v, ok := v.(*tabbed); ok {
		v.tabs.at = (v.tabs.at + by + len(v.tabs.list)) % len(v.tabs.list)
		return
	}
	n := len(v.panes())
	m.focus[v] = (m.focus[v] + by + n) % n
}

func (m *model) tab(n int) {
	if v, ok := m.view().(*tabbed); ok && n < len(v.tabs.list) {
		v.tabs.at = n
	}
}

// enter opens what is under the cursor.
func (m *model) enter(p *pane) tea.Cmd {
	if m.shown == nil || p.cursor == "" {
		m.say(faint, "nothing is under the cursor")
		return nil
	}
	switch p.kind {
	case ofQueues:
		if q := queueOf(m.shown, p.cursor); q != nil {
			return m.open(newQueue(p.cursor, q.Name, m.opt.Zone))
		}
	case ofWorkers:
		if w := workerOf(m.shown, p.cursor); w != nil {
			return m.open(newWorker(*w, m.opt.Zone))
		}
	case ofJobs:
		return m.openJob(p.cursor)
	case ofEvents:
		return m.openEvent(p.cursor)
	case ofFunctions:
		return m.open(newFunction(p.cursor))
	case ofTests, ofSteps:
		m.runTest()
	default:
		m.say(faint, "there is nothing more to show of it")
	}
	return nil
}

// mark marks the worker under the cursor. Others cannot be acted on.
func (m *model) mark(p *pane) {
	switch w := workerOf(m.shown, p.cursor); {
	case p.kind != ofWorkers || w == nil:
		m.say(faint, "only workers can be marked")
	case w.State == operator.StateLost:
		m.say(faint, "%s is lost already", w.Name)
	default:
		p.mark()
	}
}

// openJob shows a job, unless it is the one that is seen.
func (m *model) openJob(id string) tea.Cmd {
	if v, ok := m.view().(*jobView); ok && v.id == id {
		return nil
	}
	return m.open(newJob(id, m.opt.Zone))
}

// openEvent shows the job or the worker that an event names.
func (m *model) openEvent(id string) tea.Cmd {
	for i := range m.shown.Events {
		e := &m.shown.Events[i]
		if fmt.Sprint(m.shown.Begun+i) != id {
			continue
		}
		if e.Job != "" {
			return m.openJob(e.Job)
		}
		for j := range m.shown.Picture.Workers {
			if w := m.shown.Picture.Workers[j]; e.Worker != "" && w.Name == e.Worker {
				return m.open(newWorker(w, m.opt.Zone))
			}
		}
	}
	return nil
}
