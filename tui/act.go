package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"faasd/internal/operator"
)

// deed is something that is done to the system.
type deed struct {
	verb verb
	of   string // to what: a worker's workerID, or a supervisor's incarnation
	name string
}

// workerPane is the pane of the present view whose rows are workers, and its
// focus: keys that act on workers act there. Nil: none is seen.
func (m *model) workerPane() *pane {
	panes := m.view().panes()
	if p := m.pane(); p.kind == ofWorkers {
		return p
	}
	if i := slices.IndexFunc(panes, func(p *pane) bool { return p.kind == ofWorkers && p.seen() }); i >= 0 {
		return panes[i]
	}
	return nil
}

// targets are the workers that a key acts on: those that are marked, else the
// one under the cursor.
func (m *model) targets() (targets []operator.Worker) {
	if m.shown == nil {
		return nil
	}
	if v, ok := m.view().(*tabbed); ok && v.worker != "" {
		if w := workerOf(m.shown, v.worker); w != nil {
			return []operator.Worker{*w}
		}
		return nil
	}
	p := m.workerPane()
	if p == nil {
		return nil
	}
	for _, id := range p.chosen() {
		if w := workerOf(m.shown, id); w != nil && w.State != operator.StateLost {
			targets = append(targets, *w)
		}
	}
	return targets
}

// hindrance is why nothing can be done to the system now; "" if it can.
func (m *model) hindrance() string {
	switch {
	case m.shown == nil || m.latest.Stale():
		return "nothing can be done while the system is not heard"
	case m.paused:
		return "the display is paused: p goes on; what is shown may be over"
	}
	return ""
}

// usable reports whether something can be done to the system now, and says why
// not.
func (m *model) usable() bool {
	why := m.hindrance()
	if why != "" {
		m.say(caution, "%s", why)
	}
	return why == ""
}

func draining(w operator.Worker) bool { return w.State == operator.WorkerDraining }

// ask opens the dialog for the workers that are meant.
func (m *model) ask(v verb) {
	if !m.usable() {
		return
	}
	targets := m.targets()
	if len(targets) == 0 {
		if p := m.workerPane(); p != nil && p.cursor != "" {
			m.say(caution, "%s is lost already", p.rows[p.at].cells[0].text)
			return
		}
		m.say(caution, "no worker is under the cursor of a list of workers: a lists all")
		return
	}
	m.dialog = newDialog(v, targets, &m.shown.Picture)
	m.dialog.opened = m.opt.Now()
}

func (m *model) undrain() tea.Cmd {
	if !m.usable() {
		return nil
	}
	targets := slices.DeleteFunc(m.targets(), func(w operator.Worker) bool { return !draining(w) })
	if len(targets) == 0 {
		m.say(caution, "no draining worker is under the cursor")
		return nil
	}
	return m.act(verbUndrain, targets)
}

// decide does what was decided in the dialog, if it is still what was asked: the
// system may have changed meanwhile, and with it what must be typed.
func (m *model) decide(v verb) tea.Cmd {
	d := m.dialog
	if v == "" {
		m.dialog = nil
		m.say(faint, "%s: nothing was done", d.verb)
		return nil
	}
	if !m.usable() {
		m.dialog = nil
		return nil
	}
	if !slices.ContainsFunc(d.targets, m.there) { // by another's hand, or its own
		m.dialog = nil
		m.say(caution, "%s: gone already, nothing was done", named(d.targets))
		return nil
	}
	if d.renew(&m.latest.Picture); !d.allowed() {
		return nil
	}
	m.dialog = nil
	return m.act(v, d.targets)
}

// there reports whether a worker is not lost, by what was heard last.
func (m *model) there(w operator.Worker) bool {
	return slices.ContainsFunc(m.latest.Picture.Workers, func(o operator.Worker) bool {
		return o.Key() == w.Key() && o.State != operator.StateLost
	})
}

// act begins to do something to workers. Whoever takes a drain back waits for its
// end no longer.
func (m *model) act(v verb, targets []operator.Worker) tea.Cmd {
	var all []tea.Cmd
	for _, w := range targets {
		d := deed{v, workerID(&w), w.Name}
		if v == verbUndrain {
			if end := m.deeds[deed{verbDrain, d.of, d.name}]; end != nil {
				end()
			}
		}
		if cmd := m.begin(d, m.opt.work(v, w)); cmd != nil {
			all = append(all, cmd)
		}
	}
	m.asked(v, named(targets), len(all) > 0)
	if p := m.workerPane(); p != nil && len(all) > 0 {
		clear(p.marks)
	}
	return tea.Batch(all...)
}

// begin begins a deed; nil: it is under way.
func (m *model) begin(d deed, work work) tea.Cmd {
	if m.deeds[d] != nil {
		return nil
	}
	ctx, end := context.WithCancel(m.opt.ctx)
	m.deeds[d] = end
	return m.opt.carryOut(ctx, d, work)
}

// asked says that something was asked for, if it has begun.
func (m *model) asked(v verb, what string, begun bool) {
	m.failed = ""
	if begun {
		m.report(plain, "%s %s: asked", v, what)
	} else {
		m.say(caution, "%s %s was asked already, and is not over yet", v, what)
	}
}

func named(targets []operator.Worker) string {
	if len(targets) == 1 {
		return targets[0].Name
	}
	return plural(len(targets), "worker")
}

// done says how far a command has come.
func (m *model) done(msg deedMsg) {
	if msg.over {
		if end := m.deeds[msg.deed]; end != nil {
			end()
		}
		delete(m.deeds, msg.deed)
	}
	switch {
	case errors.Is(msg.err, context.Canceled): // taken back
	case msg.err != nil:
		m.failed += fmt.Sprintf("%s %s failed: %v  ", msg.deed.verb, msg.deed.name, msg.err)
		m.report(bad, "%s", m.failed)
	case !msg.over && m.failed == "": // a failure stays until something else is asked
		m.report(plain, "%s %s %s: %s", msg.deed.verb, msg.deed.name, msg.stage, msg.text)
	}
}
