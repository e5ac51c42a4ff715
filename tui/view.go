package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"faasd/internal/operator"
)

// view is what fills the screen between the head and the key bar. Views are
// stacked: Enter opens one, Esc goes back.
type view interface {
	// crumb is its place in the breadcrumbs.
	crumb() string
	// show takes a new snapshot.
	show(s *Snapshot)
	// panes can have the focus, in the order of Tab.
	panes() []*pane
	// place divides h lines among the panes and scrolls each to its cursor, after
	// whatever may have changed.
	place(w, h int, focus *pane)
	// draw fills h lines as they were placed. It changes nothing.
	draw(w, h int, focus *pane, th *theme) []string
}

// overview is the first view: queues, the workers of the one under the cursor,
// and what happens.
type overview struct {
	queues, workers, events *pane
	last                    *Snapshot
	of                      string // the queue's row of which workers are listed; "" of all
	zone                    *time.Location
}

func newOverview(zone *time.Location) *overview {
	return &overview{
		queues:  &pane{table: newTable("no queue is heard yet", queueColumns...), kind: ofQueues, title: "Queues"},
		workers: &pane{table: newTable("this queue has no worker", withoutQueue(workerColumns)...), kind: ofWorkers, title: "Workers"},
		events:  &pane{table: newTable("nothing has happened yet", eventColumns...), kind: ofEvents, title: "Events", follow: true},
		zone:    zone,
	}
}

// withoutQueue hides the column that says the same in every row.
func withoutQueue(columns []column) []column {
	hidden := append([]column(nil), columns...)
	for i := range hidden {
		if hidden[i].title == "QUEUE" {
			hidden[i].rank = hide
		}
	}
	return hidden
}

func (v *overview) crumb() string { return "overview" }

func (v *overview) show(s *Snapshot) {
	v.last = s
	v.queues.set(queueRows(s))
	v.workersOf()
	v.events.set(eventRows(s, v.zone, func(*operator.Event) bool { return true }))
}

// workersOf lists the workers of the queue under the cursor, if there is one.
func (v *overview) workersOf() {
	v.of, v.workers.title = "", "Workers"
	keep := anyWorker
	if q := queueOf(v.last, v.queues.cursor); q != nil {
		v.of, v.workers.title, keep = v.queues.cursor, "Workers of "+clean(q.Name), workerAt(v.queues.cursor)
	}
	v.workers.set(workerRows(v.last, keep))
}

func (v *overview) panes() []*pane { return []*pane{v.queues, v.workers, v.events} }

func (v *overview) place(_, h int, focus *pane) {
	if v.queues.cursor != v.of {
		v.workersOf()
	}
	queues, workers, events := v.divide(h, focus)
	v.queues.place(queues)
	v.workers.place(workers)
	v.events.place(events)
}

// divide gives each pane its lines. On a low screen the events are seen only
// while they have the focus, and then no workers are.
func (v *overview) divide(h int, focus *pane) (queues, workers, events int) {
	const low = 14
	switch {
	case focus == v.events:
		events = max(min(h/4, 8), min(6, h/2))
	case h >= low:
		events = min(h/4, 8)
	}
	left := h - events
	queues = min(v.queues.wants(), left-min(left/2, v.workers.wants()))
	if queues = max(queues, min(4, left)); left-queues < leastPane {
		queues = left
	}
	return queues, left - queues, events
}

func (v *overview) draw(w, _ int, focus *pane, th *theme) (lines []string) {
	for _, p := range v.panes() {
		lines = append(lines, p.draw(w, focus == p, th)...)
	}
	return lines
}

func queueOf(s *Snapshot, id string) *operator.Queue {
	for i := range s.Picture.Queues {
		if s.Picture.Queues[i].Incarnation.String() == id {
			return &s.Picture.Queues[i]
		}
	}
	return nil
}

func workerOf(s *Snapshot, id string) *operator.Worker {
	if s == nil {
		return nil
	}
	for i := range s.Picture.Workers {
		if workerID(&s.Picture.Workers[i]) == id {
			return &s.Picture.Workers[i]
		}
	}
	return nil
}

// listing is a view of one table over the whole screen. Below it stands what of
// the row under the cursor has no room in it.
type listing struct {
	name  string
	list  *pane
	rows  func(*Snapshot) []row
	note  func(*Snapshot) string // a line above; nil for none
	last  *Snapshot
	width int // of the screen, as placed
}

func (v *listing) crumb() string { return v.name }

func (v *listing) show(s *Snapshot) {
	v.last = s
	v.list.set(v.rows(s))
}

func (v *listing) panes() []*pane { return []*pane{v.list} }

func (v *listing) place(w, h int, _ *pane) {
	if v.width != w {
		v.width = w
		v.show(v.last)
	}
	h -= len(v.above())
	v.list.place(h - len(v.below(w, h)))
}

// above is the note, if there is one.
func (v *listing) above() []string {
	if v.note == nil {
		return nil
	}
	if note := v.note(v.last); note != "" {
		return []string{note}
	}
	return nil
}

// below is the rest of the row under the cursor, in a third of h lines at most.
func (v *listing) below(w, h int) []string {
	items := v.list.rest(w)
	if len(items) == 0 {
		return nil
	}
	lines := flow(items, w, 2)
	return lines[:min(len(lines), h/3)]
}

func (v *listing) draw(w, h int, focus *pane, th *theme) (lines []string) {
	above := v.above()
	for _, note := range above {
		lines = append(lines, th.say(faint, fit(note, w, false)))
	}
	lines = append(lines, v.list.draw(w, focus == v.list, th)...)
	for _, rest := range v.below(w, h-len(above)) {
		lines = append(lines, th.say(faint, rest))
	}
	return lines
}

func newWorkers() *listing {
	return &listing{
		name: "workers", list: &pane{table: newTable("no worker has joined", workerColumns...), kind: ofWorkers, title: "Workers"},
		rows: func(s *Snapshot) []row { return workerRows(s, anyWorker) },
	}
}

func newJobs() *listing {
	return &listing{
		name: "jobs", list: &pane{table: newTable("no job waits or runs", jobColumns...), kind: ofJobs, title: "Jobs"},
		rows: func(s *Snapshot) []row { return jobRows(s, func(*operator.Job) bool { return true }) },
		note: func(s *Snapshot) string { return sampled(len(s.Picture.Jobs), s.Picture.Totals.JobsTotal) },
	}
}

// sampled says that there are more jobs than are listed.
func sampled(listed, all int) string {
	if all <= listed {
		return ""
	}
	return fmt.Sprintf("%s of %s jobs, as of up to a second ago: each queue tells of its 200 oldest", count(listed), count(all))
}

func newFunctions() *listing {
	return &listing{
		name: "functions", list: &pane{table: newTable("no function is served", functionColumns...), kind: ofFunctions, title: "Functions"},
		rows: functionRows,
	}
}

func newParts() *listing {
	return &listing{
		name: "parts", list: &pane{table: newTable("nobody is heard", partColumns...), kind: ofParts, title: "Frontends, brokers, coordinators"},
		rows: partRows,
	}
}

// newWrong lists all that is wrong, whole.
func newWrong() *listing {
	v := &listing{name: "what is wrong", list: &pane{table: newTable("all is well", column{title: "WHAT", width: 20, grow: true}), kind: ofTroubles, title: "What is wrong"}}
	v.rows = func(s *Snapshot) (rows []row) {
		for i, t := range s.wrong {
			for j, line := range strings.Split(ansi.Wrap(t.whole, max(v.width, leastWidth)-gutter-2, ""), "\n") {
				if j > 0 {
					line = "  " + line
				}
				rows = append(rows, row{fmt.Sprint(i, " ", j), []cell{text(line)}})
			}
		}
		return rows
	}
	return v
}

func newEvents(zone *time.Location) *listing {
	return &listing{
		name: "events", list: &pane{table: newTable("nothing has happened yet", eventColumns...), kind: ofEvents, title: "Events", follow: true},
		rows: func(s *Snapshot) []row { return eventRows(s, zone, func(*operator.Event) bool { return true }) },
	}
}

// tabs are the panes of a view of which one is seen at a time.
type tabs struct {
	list []*pane
	at   int
}

func (t *tabs) pane() *pane { return t.list[t.at] }

// bar lists the tabs by their keys.
func (t *tabs) bar(w int, th *theme) string {
	var names []string
	for i, p := range t.list {
		name := fmt.Sprintf("%d %s", i+1, p.title)
		if i == t.at {
			name = th.say(title, "["+name+"]")
		} else {
			name = " " + name + " "
		}
		names = append(names, name)
	}
	return fitStyled(strings.Join(names, " "), w)
}
