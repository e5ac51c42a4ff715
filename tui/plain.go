package tui

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"faasd/internal/operator"
)

// Once writes one snapshot as text, whole: nothing is cut, whatever the width.
func Once(out io.Writer, o Options, s *Snapshot) error {
	var b strings.Builder
	th := &theme{}
	t := &s.Picture.Totals
	fmt.Fprintf(&b, "faasctl top  %s  up %s  %s\n", clean(o.Target), span(uptime(s)), s.Taken.In(o.Zone).Format(time.DateTime))
	fmt.Fprintf(&b, "in %s/s  done %s/s  err %s/s (%s so far)  refused %s/s (%s so far)  waiting %s  in-flight %s\n", perSecond(t.Rates.In),
		perSecond(t.Rates.Out), perSecond(t.Rates.Failed), count(t.Failed), perSecond(t.RefusedRate), count(t.Refused), count(t.Waiting), count(t.Running))
	fmt.Fprintf(&b, "latency/60s  p50 %s  p95 %s  p99 %s  max %s  workers %d: %d up, %d draining, %d lost, %d killed\n", millis(t.Latency.P50),
		millis(t.Latency.P95), millis(t.Latency.P99), millis(t.Latency.Max), t.Workers+t.WorkersDraining+t.WorkersLost+t.WorkersKilled, t.Workers,
		t.WorkersDraining, t.WorkersLost, t.WorkersKilled)
	if len(s.wrong) == 0 {
		b.WriteString("all is well\n")
	}
	for _, t := range s.wrong {
		fmt.Fprintf(&b, "! %s\n", t.whole)
	}
	for _, list := range []*pane{
		{table: newTable("none", queueColumns...), title: "Queues"},
		{table: newTable("none", workerColumns...), title: "Workers"},
		{table: newTable("none", functionColumns...), title: "Functions"},
		{table: newTable("none", partColumns...), title: "Parts"},
	} {
		switch list.title {
		case "Queues":
			list.set(queueRows(s))
		case "Workers":
			list.set(workerRows(s, anyWorker))
		case "Functions":
			list.set(functionRows(s))
		default:
			list.set(partRows(s))
		}
		fmt.Fprintf(&b, "\n%s %s\n", list.title, count(len(list.rows)))
		for _, line := range list.whole(th) {
			b.WriteString(line + "\n")
		}
	}
	text := b.String()
	if o.ASCII {
		text = toASCII(text)
	}
	_, err := io.WriteString(out, text)
	return err
}

// whole are the table's lines with every column as wide as it must be.
func (t *table) whole(th *theme) (lines []string) {
	w := gutter
	columns := append([]column(nil), t.columns...)
	for i := range columns {
		columns[i].rank = 0
		for _, r := range t.rows {
			columns[i].width = max(columns[i].width, len([]rune(r.cells[i].text)))
		}
		w += columns[i].width + 1
	}
	all := table{columns: columns, empty: t.empty, rows: t.rows, at: -1}
	shown := all.shown(w)
	widths := all.widths(shown, w)
	lines = append(lines, "  "+all.line(shown, widths, w, func(i int) cell { return cell{text: columns[i].title} }, nil))
	for n := range t.rows {
		lines = append(lines, all.rowView(n, shown, widths, w, false, th))
	}
	return lines
}

// Record is a snapshot as JSON.
type Record struct {
	Taken     time.Time        `json:"taken"`
	AgeMillis int64            `json:"age_ms"` // of the newest word of any part
	Stale     bool             `json:"stale"`  // nobody was heard for a while: the picture is old
	Troubles  []string         `json:"troubles"`
	Picture   operator.Picture `json:"picture"`
	Events    []operator.Event `json:"events"`
}

// troubles are all that is wrong, each whole.
func (s *Snapshot) troubles() []string {
	list := make([]string, len(s.wrong))
	for i, t := range s.wrong {
		list[i] = t.whole
	}
	return list
}

func (s *Snapshot) forPrograms() Record {
	return Record{s.Taken, s.Age.Milliseconds(), s.Stale(), s.troubles(), s.Picture, s.Events}
}

// JSON writes one snapshot as JSON, on one line if compact.
func JSON(out io.Writer, s *Snapshot, compact bool) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if !compact {
		e.SetIndent("", "  ")
	}
	return e.Encode(s.forPrograms())
}

// Watch writes a snapshot each interval, as a line of JSON, until ctx ends.
func Watch(ctx context.Context, o Options) error {
	var failed error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := 0 // each event is told once
	feed(ctx, NewFeed(o.System, o.Now), o.Interval, func(s *Snapshot) {
		told := *s
		told.Events = s.Events[min(max(next-s.Begun, 0), len(s.Events)):]
		next = s.Begun + len(s.Events)
		if failed = JSON(o.Out, &told, true); failed != nil {
			cancel()
		}
	})
	return failed
}

// sayEvery is how often Plain says how much is done, if nothing else happens.
const sayEvery = 10 * time.Second

// Plain writes lines as things happen, and never takes one back: for screen
// readers, and for terminals that cannot move the cursor.
func Plain(ctx context.Context, o Options) error {
	var failed error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &teller{o: o}
	feed(ctx, NewFeed(o.System, o.Now), o.Interval, func(s *Snapshot) {
		text := p.news(s)
		if o.ASCII {
			text = toASCII(text)
		}
		if _, failed = io.WriteString(o.Out, text); failed != nil {
			cancel()
		}
	})
	return failed
}

// teller says what has changed since it was last asked.
type teller struct {
	o        Options
	events   int // told so far
	said     time.Time
	troubles string
	stale    bool
	began    bool
}

func (p *teller) news(s *Snapshot) string {
	var b strings.Builder
	say := func(format string, args ...any) {
		fmt.Fprintf(&b, "%s  %s\n", s.Taken.In(p.o.Zone).Format(time.TimeOnly), clean(fmt.Sprintf(format, args...)))
	}
	if !p.began {
		p.events = s.Begun + len(s.Events) // what was before is faasctl events' matter
	}
	for _, r := range eventRows(s, p.o.Zone, func(*operator.Event) bool { return true })[min(max(p.events-s.Begun, 0), len(s.Events)):] {
		fmt.Fprintf(&b, "%s  %s %s: %s\n", r.cells[0].text, r.cells[1].text, r.cells[2].text, r.cells[4].text)
	}
	p.events = s.Begun + len(s.Events)
	if s.Stale() != p.stale {
		p.stale = s.Stale()
		if p.stale {
			say("STALE: nobody is heard for %s; what is said from here on is old", span(s.Age))
		} else {
			say("LIVE: heard again")
		}
	}
	list := strings.Join(s.troubles(), "; ")
	due := s.Taken.Sub(p.said) >= sayEvery
	if !p.stale && (!p.began || due || withoutNumbers(list) != withoutNumbers(p.troubles)) {
		t := &s.Picture.Totals
		verdict := "all is well"
		if list != "" {
			verdict = "! " + list
		}
		say("%s. in %s/s, done %s/s, err %s/s, waiting %s, in-flight %s, p99 %s, workers %d", verdict, perSecond(t.Rates.In), perSecond(t.Rates.Out),
			perSecond(t.Rates.Failed), count(t.Waiting), count(t.Running), millis(t.Latency.P99), t.Workers)
		p.said, p.troubles, p.began = s.Taken, list, true
	}
	return b.String()
}

// withoutNumbers leaves the numbers out of what is wrong: that they change is no news.
func withoutNumbers(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' || r == ',' {
			return -1
		}
		return r
	}, s)
}
