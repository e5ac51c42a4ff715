package tui

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"faasd/internal/acceptance"
)

// testsView lists the acceptance tests and shows the steps of the one under the
// cursor, while they are done.
type testsView struct {
	list    *pane
	results map[int]*acceptance.Result // by number; those under way too
	running int                        // number of the one under way; 0 none
	stop    context.CancelFunc
	err     error
}

var testColumns = []column{
	{title: "TEST", width: 4, right: true},
	{title: "STATE", width: 8},
	{title: "TOOK", width: 6, right: true},
	{title: "WHAT", width: 20, grow: true},
}

func newTests() *testsView {
	v := &testsView{
		list: &pane{table: newTable("", testColumns...), kind: ofTests, title: "Acceptance tests"}, results: make(map[int]*acceptance.Result),
	}
	v.show(nil)
	return v
}

func (v *testsView) crumb() string { return "tests" }

func (v *testsView) panes() []*pane { return []*pane{v.list} }

// show lists the tests; a snapshot says nothing of them.
func (v *testsView) show(*Snapshot) {
	var rows []row
	for _, t := range acceptance.Tests() {
		state, m, took := none, plain, none
		if r := v.results[t.Number]; r != nil {
			state = r.State
			switch r.State {
			case acceptance.Passed:
				m = good
			case acceptance.Failed:
				m = bad
			default:
				m = caution
			}
			if r.TookMillis > 0 {
				took = millis(r.TookMillis)
			}
		}
		rows = append(rows, row{fmt.Sprint(t.Number), []cell{
			counted(t.Number), mooded(state, m), text(took), text(t.Name),
		}})
	}
	v.list.set(rows)
}

func (v *testsView) place(_, h int, _ *pane) {
	v.list.place(min(len(v.list.rows)+2, max(h/2, leastPane)))
}

func (v *testsView) draw(w, h int, focus *pane, th *theme) []string {
	lines := v.list.draw(w, focus == v.list, th)
	n := v.chosen()
	if n == 0 {
		return fill(lines, h)
	}
	t, r := acceptance.Tests()[n-1], v.results[n]
	lines = append(lines, rule(fmt.Sprintf("Test %d", n), "on a system of its own", "─", faint, w, th))
	if r == nil || h >= roomyTests {
		lines = append(lines, indented(t.Promise, 2, w)...)
	}
	if r == nil {
		lines = append(lines, indented("Enter runs it: it starts separate faasd processes on free ports, and ends them", 2, w)...)
	} else {
		lines = append(lines, v.steps(r, w, max(h-len(lines), 0), th)...)
	}
	if v.err != nil {
		lines = append(lines, saidOver(bad, indented(clean(v.err.Error()), 2, w), th)...)
	}
	return fill(lines, h)
}

// roomyTests is the height from which on a test's promise stands above its steps.
const roomyTests = 16

// chosen is the number of the test under the cursor, 0 if none is.
func (v *testsView) chosen() int {
	n, _ := strconv.Atoi(v.list.cursor)
	return n
}

// fill makes lines as many as there is room for.
func fill(lines []string, h int) []string {
	for len(lines) < h {
		lines = append(lines, "")
	}
	return lines[:h]
}

// steps are the steps of a test, the last ones if there is no room for all.
func (v *testsView) steps(r *acceptance.Result, w, room int, th *theme) (lines []string) {
	for _, s := range r.Steps {
		sign, m := "…", caution
		switch s.State {
		case acceptance.Passed:
			sign, m = "✓", good
		case acceptance.Failed:
			sign, m = "✗", bad
		case acceptance.Stopped:
			sign, m = "–", bad
		}
		took := ""
		if s.State != acceptance.Running {
			took = millis(max(s.TookMillis, 1))
		}
		text := indented(clean(s.Text), stepMargin, w)
		text[0] = fmt.Sprintf("  %s %6s  %s", th.say(m, sign), took, strings.TrimSpace(text[0]))
		lines = append(lines, text...)
		for _, e := range s.Evidence {
			lines = append(lines, saidOver(faint, indented(clean(e), stepMargin+2, w), th)...)
		}
		if s.State == acceptance.Failed {
			lines = append(lines, saidOver(bad, indented("expected: "+clean(s.Expected), stepMargin+2, w), th)...)
			lines = append(lines, saidOver(bad, indented("seen: "+clean(s.Seen), stepMargin+2, w), th)...)
		}
	}
	if r.Logs != "" && r.State == acceptance.Failed {
		lines = append(lines, indented("the logs are in "+clean(r.Logs), 2, w)...)
	}
	return lines[max(len(lines)-room, 0):]
}

// stepMargin is how far from the left the text of a step begins.
const stepMargin = 12

// saidOver says lines in a mood.
func saidOver(m mood, lines []string, th *theme) []string {
	for i, l := range lines {
		lines[i] = th.say(m, l)
	}
	return lines
}

// runTest begins the test under the cursor, or stops it.
func (m *model) runTest() {
	v, n := m.tests, m.tests.chosen()
	if v.running != 0 {
		if v.running == n {
			v.stop()
			m.say(caution, "test %d is being stopped", n)
			return
		}
		m.say(caution, "test %d runs; one at a time", v.running)
		return
	}
	ctx, stop := context.WithCancel(m.opt.ctx)
	v.running, v.stop, v.err = n, stop, nil
	v.results[n] = &acceptance.Result{Number: n, State: acceptance.Running}
	v.show(nil)
	m.opt.runTest(ctx, n)
}

// step takes a step that begins, or ends.
func (v *testsView) step(msg stepMsg) {
	r := v.results[msg.number]
	if r == nil {
		return
	}
	if n := len(r.Steps); n > 0 && r.Steps[n-1].State == acceptance.Running {
		r.Steps = r.Steps[:n-1]
	}
	r.Steps = append(r.Steps, msg.step)
}

// end takes what came of the test under way.
func (v *testsView) end(msg resultMsg) {
	v.stop()
	n := v.running
	v.running, v.err = 0, msg.err
	if msg.result.Number == 0 { // it has not begun
		delete(v.results, n)
	} else {
		v.results[n] = &msg.result
	}
	v.show(nil)
}
