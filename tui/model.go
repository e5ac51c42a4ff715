package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"faasd/internal/acceptance"
	"faasd/internal/operator"
)

// model is the whole screen: a tea.Model. It does nothing itself that takes
// time; commands do, and tell of it by messages.
type model struct {
	opt   Options
	keys  keyMap
	theme theme

	w, h   int
	latest *Snapshot // nil until the first has come
	shown  *Snapshot // what is on the screen: the latest, unless paused
	paused bool

	views  []view                      // the last is seen
	focus  map[view]int                // which of its panes has the focus
	dialog *dialog                     // asks; nil if nothing is asked
	prompt *prompt                     // a filter or a command is typed; nil if not
	help   int                         // the first line of the help that is seen; -1: no help
	tests  *testsView                  // keeps its runs while it is not seen
	deeds  map[deed]context.CancelFunc // under way
	failed string                      // what did not work of what was asked last
	note   string                      // what was said last; "" is nothing
	noteIs mood
	noted  time.Time // when it was said
	keeps  bool      // it tells of a deed, and stays though keys are pressed
}

// The messages.
type (
	// deedMsg is how far a command for a worker has come.
	deedMsg struct {
		deed  deed
		stage operator.Stage
		text  string
		err   error
		over  bool
	}
	jobMsg struct {
		id   string
		told []operator.JobAt
		err  error
	}
	stepMsg struct {
		number int
		step   acceptance.Step
	}
	resultMsg struct {
		result acceptance.Result
		err    error
	}
	noteMsg struct {
		text string
		mood mood
	}
)

func newModel(o Options) (*model, error) {
	th, err := newTheme(o.Theme, o.Colour)
	if err != nil {
		return nil, err
	}
	m := &model{
		opt: o, keys: newKeys(o.ReadOnly), theme: th, w: 80, h: 24, help: -1,
		focus: make(map[view]int), deeds: make(map[deed]context.CancelFunc), tests: newTests(),
	}
	m.views = []view{newOverview(o.Zone)}
	return m, nil
}

// Init has nothing to begin: the feed sends by itself.
func (m *model) Init() tea.Cmd { return nil }

// Update takes a message, and gives all that is then shown its place.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.receive(msg)
	m.place()
	return m, cmd
}

// heed takes a key. What was said last goes with it, and marks do not go unsaid.
func (m *model) heed(msg tea.KeyMsg) tea.Cmd {
	if !m.keeps {
		m.note = ""
	}
	before := m.marked()
	cmd := m.pressAll(msg)
	m.place()
	if gone := before - m.marked(); gone > 0 && m.note == "" && !key.Matches(msg, m.keys.Mark) {
		m.say(caution, "%s went with the list of workers", plural(gone, "mark"))
	}
	return cmd
}

// marked counts the marks in all views.
func (m *model) marked() (n int) {
	for _, v := range m.views {
		panes := v.panes()
		if v, ok := v.(*tabbed); ok {
			panes = v.tabs.list
		}
		for _, p := range panes {
			n += len(p.marks)
		}
	}
	return n
}

func (m *model) receive(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		if m.w, m.h = msg.Width, msg.Height; m.w <= 0 || m.h <= 0 { // it does not say
			m.w, m.h = 80, 24
		}
	case *Snapshot:
		return m.take(msg)
	case tea.KeyMsg:
		return m.heed(msg)
	case tea.MouseMsg:
		return m.click(msg)
	case deedMsg:
		m.done(msg)
	case jobMsg:
		for _, v := range m.views {
			if v, ok := v.(*jobView); ok && v.id == msg.id {
				v.told, v.err, v.asking = msg.told, msg.err, false
				v.answers++
			}
		}
	case stepMsg:
		m.tests.step(msg)
	case resultMsg:
		m.tests.end(msg)
	case noteMsg:
		m.say(msg.mood, "%s", msg.text)
	}
	return nil
}

// take takes a new snapshot.
func (m *model) take(s *Snapshot) tea.Cmd {
	m.latest = s
	if s.Taken.Sub(m.noted) >= noteFor {
		m.note = ""
	}
	if m.paused && m.shown != nil {
		return nil
	}
	m.shown = s
	m.view().show(s)
	return m.askJob()
}

// askJob asks again about the job that is looked at, one question at a time.
func (m *model) askJob() tea.Cmd {
	v, ok := m.view().(*jobView)
	if !ok || v.asking || m.latest == nil || m.latest.Stale() {
		return nil
	}
	v.asking = true
	return m.opt.lookUp(v.id)
}

func (m *model) view() view { return m.views[len(m.views)-1] }

// pane is the one that has the focus.
func (m *model) pane() *pane {
	v := m.view()
	panes := v.panes()
	return panes[min(m.focus[v], len(panes)-1)]
}

// say says something until the next key is pressed.
func (m *model) say(in mood, format string, args ...any) {
	m.note, m.noteIs, m.noted, m.keeps = clean(fmt.Sprintf(format, args...)), in, m.opt.Now(), false
}

// report says how far something has come that was asked for.
func (m *model) report(in mood, format string, args ...any) {
	m.say(in, format, args...)
	m.keeps = true
}

// noteFor is how long what was said last is shown at most.
const noteFor = 15 * time.Second

// open shows one more view.
func (m *model) open(v view) tea.Cmd {
	m.views = append(m.views, v)
	if m.shown != nil {
		v.show(m.shown)
	}
	return m.askJob()
}

// home shows a view from the overview on.
func (m *model) home(v view) tea.Cmd {
	m.views = m.views[:1]
	if v == nil {
		m.refresh()
		return nil
	}
	return m.open(v)
}

// refresh shows the present snapshot in a view that is seen again.
func (m *model) refresh() {
	if m.shown != nil {
		m.view().show(m.shown)
	}
}

// back leaves the view, or takes its filter away first.
func (m *model) back() {
	if p := m.pane(); p.filter != "" {
		p.filter = ""
		p.arrange()
		return
	}
	if len(m.views) > 1 {
		delete(m.focus, m.view())
		m.views = m.views[:len(m.views)-1]
		m.refresh()
	}
}

func (m *model) pause() {
	m.paused = !m.paused
	if !m.paused && m.latest != nil {
		m.shown = m.latest
		m.refresh()
	}
}

// copy puts what is under the cursor on the terminal's clipboard.
func (m *model) copy(p *pane) tea.Cmd {
	if m.shown == nil || p.cursor == "" {
		return nil
	}
	text := p.cursor
	switch p.kind {
	case ofQueues:
		if q := queueOf(m.shown, p.cursor); q != nil {
			text = q.Name
		}
	case ofWorkers:
		if w := workerOf(m.shown, p.cursor); w != nil {
			text = w.Name
		}
	case ofEvents, ofParts, ofTests, ofTroubles:
		var cells []string
		for _, c := range p.rows[p.at].cells {
			cells = append(cells, c.text)
		}
		text = strings.Join(cells, " ")
	}
	return m.opt.clip(text)
}

// write saves what is known.
func (m *model) write() tea.Cmd {
	if m.shown == nil {
		return nil
	}
	return m.opt.save(m.shown)
}

// click scrolls by the wheel.
func (m *model) click(msg tea.MouseMsg) tea.Cmd {
	if m.dialog != nil || m.prompt != nil {
		return nil
	}
	switch msg.Button {
	case tea.MouseButtonWheelUp:
		m.move(m.pane(), -3)
	case tea.MouseButtonWheelDown:
		m.move(m.pane(), 3)
	}
	return nil
}

// uptime is how long the part that has been up longest has been.
func uptime(s *Snapshot) (longest time.Duration) {
	p := &s.Picture
	for _, parts := range [][]operator.Part{p.QueueParts(), p.Frontends, p.Brokers, p.Coordinators} {
		for i := range parts {
			longest = max(longest, since(s, &parts[i]))
		}
	}
	return longest
}
