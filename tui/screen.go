package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/x/ansi"
)

// The least screen on which something can be shown.
const (
	leastWidth  = 60
	leastHeight = 15
)

// View draws the whole screen: exactly as many lines as it has, none wider.
func (m *model) View() string {
	lines := m.lines()
	lines = lines[:min(len(lines), m.h)]
	s := strings.Join(lines, "\n")
	if m.opt.ASCII {
		s = toASCII(s)
	}
	return s
}

func (m *model) lines() []string {
	if m.small() {
		return m.smallLines()
	}
	if m.help >= 0 {
		return m.helpLines()
	}
	head, foot, h := m.head(), m.foot(), m.bodyHeight()
	var body []string
	if m.shown == nil {
		body = []string{"", "  waiting for the first word of the system …"}
	} else {
		body = m.view().draw(m.w, h, m.pane(), &m.theme)
	}
	if m.latest != nil && m.latest.Stale() {
		for i, l := range body {
			body[i] = m.theme.say(faint, ansi.Strip(l))
		}
	}
	for len(body) < h {
		body = append(body, "")
	}
	body = body[:h]
	if m.dialog != nil {
		over(body, m.dialog.draw(m.w, h, &m.theme), m.w)
	}
	return append(append(head, body...), foot...)
}

// bodyHeight is how many lines the view has, between the head and the foot.
func (m *model) bodyHeight() int { return max(m.h-len(m.head())-len(m.foot()), 0) }

// place gives what is shown its room, after anything has changed: what View
// draws depends on where each list was before, and View changes nothing.
func (m *model) place() {
	if m.help >= 0 {
		m.help = max(min(m.help, len(m.helpText())-m.helpRoom()), 0)
	}
	if m.shown != nil && !m.small() {
		m.view().place(m.w, m.bodyHeight(), m.pane())
	}
}

// small reports whether the screen is too small to show anything.
func (m *model) small() bool { return m.w < leastWidth || m.h < leastHeight }

// smallLines are what is shown on a screen that is too small.
func (m *model) smallLines() []string {
	text := fmt.Sprintf("%d×%d is too small: %d×%d at least. q quits", m.w, m.h, leastWidth, leastHeight)
	if m.latest != nil {
		if wrong := m.latest.wrong; len(wrong) > 0 {
			text = "! " + wrong[0].whole + " — " + text
		}
	}
	lines := strings.Split(ansi.Wrap(text, max(m.w, 1), ""), "\n")
	return lines[:min(len(lines), m.h)]
}

// over puts a box into the middle of the body.
func over(body, box []string, w int) {
	top := max((len(body)-len(box))/2, 0)
	for i, l := range box {
		if top+i < len(body) {
			body[top+i] = strings.Repeat(" ", max((w-ansi.StringWidth(l))/2, 0)) + l
		}
	}
}

// head says which system this is, whether what is shown is current, how much is
// done, and what is wrong.
func (m *model) head() []string {
	lines := []string{m.headline()}
	if m.shown == nil {
		return lines
	}
	return append(append(lines, m.load(), m.latency()), m.verdict()...)
}

// load is how much is done, as shortly as it must be said.
func (m *model) load() string {
	t := &m.shown.Picture.Totals
	line := ""
	for _, l := range []struct {
		waiting, running, gap string
		trends                bool
	}{{"waiting ", "in-flight ", "   ", true}, {"waiting ", "in-flight ", "   ", false}, {"waiting ", "in-flight ", "  ", false}, {"wait ", "in-fl ", "  ", false}} {
		parts := append(m.loadRates(l.trends), l.waiting+count(t.Waiting), l.running+count(t.Running))
		if line = strings.Join(parts, l.gap); ansi.StringWidth(line) <= m.w {
			break
		}
	}
	return fitStyled(line, m.w)
}

// loadRates are what frontends do in a second.
func (m *model) loadRates(trends bool) []string {
	th, t := &m.theme, &m.shown.Picture.Totals
	rate := func(name string, r float64, trend string) string {
		s := name + " " + perSecond(r) + "/s"
		if trends {
			s += " " + sparkline(m.shown.Trends[trend], 8)
		}
		return s
	}
	failing := rate("err", t.Rates.Failed, trendFailed)
	if t.Rates.Failed >= 0.05 {
		failing = th.say(bad, failing)
	}
	parts := []string{rate("in", t.Rates.In, trendIn), rate("done", t.Rates.Out, trendOut), failing}
	if t.RefusedRate >= 0.05 {
		parts = append(parts, th.say(bad, "refused "+perSecond(t.RefusedRate)+"/s"))
	}
	return parts
}

// latency is how long jobs took in the last minute, and how many workers there
// are: as much of it as there is room for.
func (m *model) latency() string {
	th, t := &m.theme, &m.shown.Picture.Totals
	workers := "workers " + count(t.Workers) + " up"
	if t.WorkersDraining > 0 {
		workers += " " + th.say(caution, count(t.WorkersDraining)+" draining")
	}
	if t.WorkersLost > 0 {
		workers += " " + th.say(bad, count(t.WorkersLost)+" LOST")
	}
	if t.WorkersKilled > 0 {
		workers += " " + th.say(caution, count(t.WorkersKilled)+" killed")
	}
	l := &t.Latency
	p50, p95, p99, most := "p50 "+millis(l.P50), "p95 "+millis(l.P95), "p99 "+millis(l.P99), "max "+millis(l.Max)
	line := ""
	for _, parts := range [][]string{{p50, p95, p99, most}, {p50, p95, p99}, {p50, p99}, {p99}} {
		line = "latency/60s  " + strings.Join(parts, "  ") + "   " + workers
		if ansi.StringWidth(line) <= m.w {
			break
		}
	}
	return fitStyled(line, m.w)
}

// verdict says whether the system is well. The worst is said whole, with what to do
// about it, in as many lines as there is room for; where there is not, in a few words.
func (m *model) verdict() []string {
	if m.latest.Stale() {
		advice := "see that a coordinator runs and can be reached"
		if m.opt.Up {
			advice = "faasd up has stopped? start it again"
		}
		return m.judge(caution, "? ", trouble{
			whole: fmt.Sprintf("not heard for %s: what is below is old; %s", span(m.latest.Age), advice),
			brief: advice,
		}, "", "")
	}
	wrong := m.shown.wrong
	switch len(wrong) {
	case 0:
		return []string{m.theme.say(good, "all is well")}
	case 1:
		return m.judge(bad, "! ", wrong[0], "", "(all of it: !)")
	}
	more := fmt.Sprintf("(%d more: !)", len(wrong)-1)
	return m.judge(bad, "! ", wrong[0], more, more)
}

// judge says a trouble behind a sign, and after it what else there is to see, if it
// is said whole or in brief.
func (m *model) judge(in mood, sign string, t trouble, more, rest string) []string {
	w := m.w - len(sign)
	whole := strings.TrimSpace(t.whole + " " + strings.ReplaceAll(more, " ", unbroken))
	lines := strings.Split(ansi.Wrap(whole, w, ""), "\n")
	if len(lines) > m.verdictRoom() {
		if strings.HasPrefix(t.brief, "!") { // it has a sign of its own
			sign, w = "", m.w
		}
		lines = []string{fit(t.brief, min(ansi.StringWidth(t.brief), w-len(rest)-1), false) + " " + rest}
	}
	for i, l := range lines {
		lines[i] = m.theme.say(in, fit(sign+strings.ReplaceAll(l, unbroken, " "), m.w, false))
		sign = strings.Repeat(" ", len(sign))
	}
	return lines
}

// unbroken is a space at which no line ends.
const unbroken = "\u00a0"

// verdictRoom is how many lines what is wrong may take.
func (m *model) verdictRoom() int {
	switch {
	case m.h < 20:
		return 1
	case m.h < 30:
		return 2
	}
	return 3
}

// headline names the system, whose name gives way to what matters more.
func (m *model) headline() string {
	th := &m.theme
	state := "   " + m.liveness()
	if m.shown != nil && m.w >= 80 {
		state += "   up " + span(uptime(m.shown))
		if !m.latest.Stale() {
			state += "   data " + fmt.Sprintf("%.1fs", m.latest.Age.Seconds()) + " old"
		}
	}
	right := "READ-WRITE"
	if m.opt.ReadOnly {
		right = "READ-ONLY"
	}
	if m.w >= 80 {
		right += "  ? keys"
	}
	name := clean(m.opt.Target)
	room := m.w - ansi.StringWidth("faasctl top  "+state+"  "+right)
	if n := ansi.StringWidth(name); n > room { // the end of a path says more than its beginning
		name = ansi.TruncateLeft(name, n-room+1, "…")
	}
	left := th.say(title, "faasctl top") + "  " + name + state
	gap := m.w - ansi.StringWidth(left) - len(right)
	if gap < 1 {
		return fitStyled(left, m.w)
	}
	return left + strings.Repeat(" ", gap) + th.say(faint, right)
}

// liveness says whether the display is current.
func (m *model) liveness() string {
	th := &m.theme
	switch {
	case m.latest == nil:
		return th.say(caution, "CONNECTING")
	case m.paused:
		held := m.latest.Begun + len(m.latest.Events) - m.shown.Begun - len(m.shown.Events)
		return th.say(caution, fmt.Sprintf("PAUSED +%s", plural(held, "event")))
	case m.latest.Age >= lostAfter:
		return th.say(bad, "RECONNECTING "+seconds(m.latest.Age))
	case m.latest.Stale():
		return th.say(caution, "STALE "+seconds(m.latest.Age))
	}
	return th.say(good, "LIVE "+m.opt.Interval.String())
}

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
