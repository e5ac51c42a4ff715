package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

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
