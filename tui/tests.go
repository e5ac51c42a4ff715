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
	steps   *pane                      // of the one under the cursor; follows
	of      int                        // number of the test of steps
	width   int                        // of the screen, as placed
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

var stepColumns = []column{
	{title: "", width: 1},
	{title: "TOOK", width: 6, right: true},
	{title: "STEP", width: 20, grow: true},
}

// stepMargin is how far from the left the text of a step begins.
const stepMargin = gutter + 1 + 1 + 6 + 1

func newTests() *testsView {
	v := &testsView{
		list:    &pane{table: newTable("", testColumns...), kind: ofTests, title: "Acceptance tests"},
		steps:   &pane{table: newTable("no test is under the cursor", stepColumns...), kind: ofSteps, follow: true},
		results: make(map[int]*acceptance.Result),
	}
	v.show(nil)
	return v
}

func (v *testsView) crumb() string { return "tests" }

func (v *testsView) panes() []*pane { return []*pane{v.list, v.steps} }

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
	v.showSteps()
}

// place leaves the list half of a low screen, or just its test while the steps
// have the focus.
func (v *testsView) place(w, h int, focus *pane) {
	if v.of != v.chosen() || v.width != w {
		v.width = w
		v.showSteps()
	}
	list := min(v.list.wants(), max(h/2, leastPane))
	if focus == v.steps {
		list = min(list, max(h/3, leastPane))
	}
	v.list.place(list)
	v.steps.place(h - list)
}

func (v *testsView) draw(w, _ int, focus *pane, th *theme) (lines []string) {
	for _, p := range v.panes() {
		lines = append(lines, p.draw(w, focus == p, th)...)
	}
	return lines
}

// chosen is the number of the test under the cursor, 0 if none is.
func (v *testsView) chosen() int {
	n, _ := strconv.Atoi(v.list.cursor)
	return n
}

// showSteps lists what is to be shown, and has been, of the test under the cursor.
func (v *testsView) showSteps() {
	n := v.chosen()
	if n != v.of {
		v.of, v.steps.follow = n, v.results[n] != nil
		v.steps.find("")
		v.steps.move(-len(v.steps.rows))
	}
	v.steps.title = "Steps"
	if n == 0 {
		v.steps.set(nil)
		return
	}
	v.steps.title = fmt.Sprintf("Test %d, on a system of its own", n)
	t, r := acceptance.Tests()[n-1], v.results[n]
	l := stepLines{width: max(v.width, leastWidth) - stepMargin}
	l.add(plain, t.Promise)
	if r == nil {
		l.add(faint, "Enter runs it: it starts separate faasd processes on free ports, and ends them")
	} else {
		for i := range r.Steps {
			l.step(&r.Steps[i])
		}
		if r.Logs != "" && r.State == acceptance.Failed {
			l.add(plain, "the logs are in "+r.Logs)
		}
	}
	if v.err != nil {
		l.add(bad, v.err.Error())
	}
	v.steps.set(l.rows)
}

// stepLines are the rows of steps: one a line, broken to a width.
type stepLines struct {
	width int
	rows  []row
}

// add adds text without a sign, as far to the right as its leading spaces say.
func (l *stepLines) add(m mood, text string) { l.put(cell{}, "", m, text) }

func (l *stepLines) put(sign cell, took string, m mood, text string) {
	margin := text[:len(text)-len(strings.TrimLeft(text, " "))]
	for _, line := range indented(clean(strings.TrimLeft(text, " ")), len(margin), l.width) {
		l.rows = append(l.rows, row{fmt.Sprint(len(l.rows)), []cell{sign, {text: took}, mooded(line, m)}})
		sign, took = cell{}, ""
	}
}

// step adds a step, what was seen in it, and what was expected if it failed.
func (l *stepLines) step(s *acceptance.Step) {
	sign := map[string]cell{
		acceptance.Running: mooded("…", caution), acceptance.Passed: mooded("✓", good),
		acceptance.Failed: mooded("✗", bad), acceptance.Stopped: mooded("–", bad),
	}[s.State]
	took := ""
	if s.State != acceptance.Running {
		took = millis(max(s.TookMillis, 1))
	}
	l.put(sign, took, plain, s.Text)
	for _, e := range s.Evidence {
		l.add(faint, "  "+e)
	}
	if s.State == acceptance.Failed {
		l.add(bad, "  expected: "+s.Expected)
		l.add(bad, "  seen: "+s.Seen)
	}
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
	v.begin(n, stop)
	m.opt.runTest(ctx, n)
}

// begin takes a test that is under way until stop is called or it ends.
func (v *testsView) begin(n int, stop context.CancelFunc) {
	v.running, v.stop, v.err, v.steps.follow = n, stop, nil, true
	v.results[n] = &acceptance.Result{Number: n, State: acceptance.Running}
	v.show(nil)
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
	v.showSteps()
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
