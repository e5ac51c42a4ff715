package tui

import (
	"fmt"
	"strings"
	"time"

	"faasd/internal/operator"
)

// tabbed is a view of one thing: what is known of it, and tabs.
type tabbed struct {
	name   string
	worker string // its row's id, if the one thing is a worker: keys act on it
	tabs   tabs
	rows   []func(*Snapshot) []row               // of each tab
	about  func(s *Snapshot, th *theme) []string // what is said above
	last   *Snapshot
}

func (v *tabbed) crumb() string { return v.name }

func (v *tabbed) show(s *Snapshot) {
	v.last = s
	for i, p := range v.tabs.list {
		p.set(v.rows[i](s))
	}
}

func (v *tabbed) panes() []*pane { return []*pane{v.tabs.pane()} }

func (v *tabbed) place(w, h int, _ *pane) { v.tabs.pane().place(h - len(v.above(w, h, &theme{}))) }

// above is what is known, and the tabs: as many lines as leave room for the pane.
func (v *tabbed) above(w, h int, th *theme) []string {
	lines := flow(v.about(v.last, th), w, 2)
	return append(lines[:min(len(lines), max(h-tabPane-1, 0))], v.tabs.bar(w, th))
}

// How many lines a pane below other lines has at least: its title, the names of
// the columns, and some rows.
const (
	leastPane = 3
	tabPane   = 5
)

func (v *tabbed) draw(w, h int, focus *pane, th *theme) []string {
	return append(v.above(w, h, th), v.tabs.pane().draw(w, focus == v.tabs.pane(), th)...)
}

// newQueue is the view of one queue: its workers, jobs, latency and events.
func newQueue(id, name string, zone *time.Location) *tabbed {
	v := &tabbed{name: clean(name)}
	v.tabs.list = []*pane{
		{table: newTable("this queue has no worker", withoutQueue(workerColumns)...), kind: ofWorkers, title: "Workers"},
		{table: newTable("no job waits or runs here", withoutQueue(jobColumns)...), kind: ofJobs, title: "Jobs"},
		{table: newTable("nothing was answered in the last minute", latencyColumns...), kind: ofLatencies, title: "Latency"},
		{table: newTable("nothing has happened here yet", eventColumns...), kind: ofEvents, title: "Events", follow: true},
	}
	v.rows = []func(*Snapshot) []row{
		func(s *Snapshot) []row { return workerRows(s, workerAt(id)) },
		func(s *Snapshot) []row { return jobRows(s, func(j *operator.Job) bool { return j.Queue == name }) },
		func(s *Snapshot) []row {
			if q := queueOf(s, id); q != nil {
				return latencyRows(q.Spread)
			}
			return nil
		},
		func(s *Snapshot) []row {
			return eventRows(s, zone, func(e *operator.Event) bool { return e.Name == name })
		},
	}
	v.about = func(s *Snapshot, th *theme) []string {
		q := queueOf(s, id)
		if q == nil {
			return []string{th.say(bad, fmt.Sprintf("queue %s is gone; Esc goes back", v.name))}
		}
		word, m := queueWord(q, &s.Picture)
		items := []string{
			"queue " + th.say(title, v.name), th.say(m, word), "waiting " + count(q.Waiting), "in-flight " + count(q.Running),
			fmt.Sprintf("slots %d/%d free", q.Free, q.Slots), "in " + perSecond(q.Rates.In) + "/s", "out " + perSecond(q.Rates.Out) + "/s",
			"failed " + count(q.Failed), fmt.Sprintf("handed +%s/-%s", count(q.Taken), count(q.Moved)), clean(place(q.Host, q.PID)),
			"up " + span(since(s, &q.Part)), "heard " + millis(max(q.AgeMillis, 1)) + " ago", "incarnation " + q.Incarnation.String(),
		}
		if note := sampled(len(v.tabs.list[1].all), q.JobsTotal); note != "" && v.tabs.at == 1 {
			items = append(items, note)
		}
		return items
	}
	return v
}

var latencyColumns = []column{
	{title: "UP TO", width: 8, right: true},
	{title: "JOBS", width: 9, right: true},
	{title: "SHARE", width: 6, right: true, rank: 2},
	{title: "BELOW", width: 6, right: true, rank: 3},
	{title: "", width: 10, grow: true},
}

// latencyRows draws the distribution of the last minute's latencies.
func latencyRows(spread []operator.Bin) (rows []row) {
	most, sum := 0.0, 0.0
	for _, b := range spread {
		most = max(most, float64(b.Count))
		sum += float64(b.Count)
	}
	below := 0.0
	for _, b := range spread {
		n := float64(b.Count)
		below += n
		rows = append(rows, row{fmt.Sprint(b.Below), []cell{
			timed(b.Below), counted(b.Count), number(fmt.Sprintf("%.1f%%", 100*n/sum), n), number(fmt.Sprintf("%.1f%%", 100*below/sum), below),
			number(strings.Repeat("█", int(40*n/most+0.5)), n),
		}})
	}
	return rows
}

// lastHeard says when a worker was heard, and why not since.
func lastHeard(w *operator.Worker) string {
	said := "heard " + millis(max(w.HeardMillis, 1)) + " ago"
	if busySilent(w) {
		said += ", busy since"
	}
	return said
}

// newWorker is the view of one worker: its jobs, and its events.
func newWorker(w operator.Worker, zone *time.Location) *tabbed {
	id := workerID(&w)
	v := &tabbed{name: clean(w.Name), worker: id}
	v.tabs.list = []*pane{
		{table: newTable("it runs nothing", jobColumns...), kind: ofJobs, title: "Jobs"},
		{table: newTable("nothing has happened to it yet", eventColumns...), kind: ofEvents, title: "Events", follow: true},
	}
	v.rows = []func(*Snapshot) []row{
		func(s *Snapshot) []row {
			return jobRows(s, func(j *operator.Job) bool { return j.Worker == w.Name && j.Queue == w.Queue })
		},
		func(s *Snapshot) []row {
			return eventRows(s, zone, func(e *operator.Event) bool { return e.Worker == w.Name || strings.Contains(e.Text, w.Name) })
		},
	}
	v.about = func(s *Snapshot, th *theme) []string {
		now := workerOf(s, id)
		if now == nil {
			return []string{th.say(bad, fmt.Sprintf("worker %s is no longer at %s; Esc goes back", v.name, clean(w.Queue)))}
		}
		word, m := workerWord(now)
		state := th.say(m, word)
		if now.Reason != "" {
			state += " (" + clean(now.Reason) + ")"
		}
		return []string{
			"worker " + th.say(title, v.name) + " of " + clean(now.Queue), state, fmt.Sprintf("in-flight %d/%d", now.Running, now.Slots),
			"done " + count(now.Done), perSecond(now.Rates.Out) + "/s", "failed " + count(now.Failed), "p99 " + millis(now.P99),
			"functions " + clean(strings.Join(now.Functions, ",")), clean(now.Kind), clean(place(now.Host, now.PID)),
			lastHeard(now), "id " + clean(now.ID),
		}
	}
	return v
}
