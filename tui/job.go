package tui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"faasd/internal/operator"
)

// jobView is the view of one job: what each part that knows it says, and what
// happened to it.
type jobView struct {
	id     string
	events *pane
	zone   *time.Location

	told    []operator.JobAt // as of the last answer
	err     error
	asking  bool
	answers int
}

func newJob(id string, zone *time.Location) *jobView {
	return &jobView{id: id, zone: zone, events: &pane{
		table: newTable("no event names it", eventColumns...), kind: ofEvents, title: "Events", follow: true,
	}}
}

func (v *jobView) crumb() string { return "job " + tail(v.id) }

func (v *jobView) show(s *Snapshot) {
	v.events.set(eventRows(s, v.zone, func(e *operator.Event) bool { return e.Job == v.id || strings.Contains(e.Text, v.id) }))
}

func (v *jobView) panes() []*pane { return []*pane{v.events} }

func (v *jobView) place(w, h int, _ *pane) { v.events.place(h - len(v.above(w, h, &theme{}))) }

func (v *jobView) draw(w, h int, focus *pane, th *theme) []string {
	return append(v.above(w, h, th), v.events.draw(w, focus == v.events, th)...)
}

// above is what is known of the job: as many lines as leave room for its events.
func (v *jobView) above(w, h int, th *theme) []string {
	room := max(h-leastPane, 0)
	lines := flow([]string{"job " + th.say(title, clean(v.id)), "came " + came(v.id, v.zone)}, w, 2)
	way := v.way(w, th)
	if r := v.request(); r != nil {
		items := request(r)
		whole := flow(items, w, 2)
		if len(lines)+len(whole)+len(way) > room {
			whole = []string{fit(strings.Join(items, "  "), w, false)}
		}
		lines = append(lines, whole...)
	}
	lines = append(lines, way...)
	return lines[:min(len(lines), room)]
}

// request is what is told of it, nil if nobody who answered has it.
func (v *jobView) request() *operator.Preview {
	for i := range v.told {
		if r := v.told[i].Request; r != nil {
			return r
		}
	}
	return nil
}

// way is what brokers and queues say of the job.
func (v *jobView) way(w int, th *theme) (lines []string) {
	if v.answers == 0 {
		return []string{th.say(faint, "asking every broker and queue …")}
	}
	if len(v.told) == 0 {
		lines = append(lines, flow([]string{"no broker or queue knows it: it was answered some time ago, cancelled, or never came"}, w, 2)...)
	}
	for _, a := range v.told {
		j := a.Job
		items := []string{naming(a.Role, a.Name, th), state(&a)}
		if a.Role != "broker" {
			items = append(items, clean(j.Function), fmt.Sprintf("attempt %d/%d", j.Attempt, j.AttemptLimit), fmt.Sprintf("moved %d×", j.Moves))
		}
		if j.AgeMillis > 0 {
			items = append(items, "accepted "+millis(j.AgeMillis)+" ago")
		}
		if j.LeftMillis > 0 && a.Role != "broker" {
			items = append(items, millis(j.LeftMillis)+" left")
		}
		lines = append(lines, flow(items, w, 9)...)
	}
	if v.err != nil {
		lines = append(lines, th.say(caution, fit(clean(v.err.Error()), w, false)))
	}
	return lines
}

// naming names a part, whose name may begin with its role.
func naming(role, name string, th *theme) string {
	said := th.say(title, clean(name))
	if strings.HasPrefix(name, role) {
		return said
	}
	return clean(role) + " " + said
}

// state is what a part says of a job: a broker, where it has gone; a queue, how it
// is there.
func state(a *operator.JobAt) string {
	switch j := a.Job; {
	case a.Role != "queue":
		return clean(a.Text)
	case j.RunMillis > 0:
		return fmt.Sprintf("%s on %s for %s", clean(j.State), clean(j.Worker), millis(j.RunMillis))
	default:
		return clean(j.State)
	}
}

// request shows how long a request's body is, of what kind, and how it begins,
// with what a terminal would obey written out: "24 bytes", `{"n":1}\n`.
func request(p *operator.Preview) []string {
	items := []string{"request " + plural(p.Bytes, "byte")}
	if p.ContentType != "" {
		items = append(items, clean(p.ContentType))
	}
	start := p.Start
	for n := 1; n < utf8.UTFMax && len(start) < p.Bytes && n <= len(start); n++ { // the last letter may be cut
		if last := start[len(start)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				start = start[:len(start)-n]
			}
			break
		}
	}
	quoted := strconv.Quote(string(start))
	s := strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	if len(start) < p.Bytes {
		s += "…"
	}
	return append(items, s)
}
