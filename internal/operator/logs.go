package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// Line is a line that a function has printed at a worker.
type Line struct {
	Worker string `json:"worker"`
	wire.LogLine
}

// LogFilter says whose lines are wanted.
type LogFilter struct {
	Function string
	Job      string // id, or the end of one; "" all
	Worker   string // by name; "" all
}

// LogNews is what a Tail has to tell.
type LogNews struct {
	Lines []Line   // by time
	Gone  []string // workers that served the function and are not there any more, and their lines with them
	Late  []string // workers that have not told their lines yet
	Lost  int      // lines that were printed and dropped before they could be told
}

// Tail follows what a function prints at all of faasd's own workers that have it.
type Tail struct {
	o       *Operator
	filter  LogFilter
	at      map[string]*printer // by the worker's id
	answers chan printed
	waiting int // questions without an answer
}

// printer is a worker of which lines are told.
type printer struct {
	worker Worker
	since  uint64 // the last line that is known
	asking bool
}

// printed is a worker's answer.
type printed struct {
	id    string
	lines *wire.LogLines
	err   error
}

// ErrNoWorker: none of faasd's own workers has the function.
var ErrNoWorker = errors.New("none of faasd's own workers has the function")

// logsWithin is how long a worker is waited for; its queue waits for 3 s.
const logsWithin = 4 * time.Second

// Tail begins to follow a function.
func (o *Operator) Tail(f LogFilter) *Tail {
	return &Tail{o: o, filter: f, at: make(map[string]*printer), answers: make(chan printed)}
}

// Next asks all workers that have the function for what they have printed since,
// and waits for as long as that for those who are slow. The error is that of
// ctx, or ErrNoWorker where there was no worker yet.
func (t *Tail) Next(ctx context.Context, wait time.Duration) (LogNews, error) {
	var news LogNews
	t.look(t.o.Picture(), &news)
	if len(t.at) == 0 && len(news.Gone) == 0 {
		return news, ErrNoWorker
	}
	for id, p := range role.InOrder(t.at) {
		if p.asking {
			continue
		}
		p.asking = true
		t.waiting++
		go func(w Worker, since uint64) {
			lines, err := t.ask(ctx, w, since)
			select {
			case t.answers <- printed{id, lines, err}:
			case <-ctx.Done():
			}
		}(p.worker, p.since)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for late := false; t.waiting > 0 && !late; {
		select {
		case a := <-t.answers:
			t.waiting--
			t.take(a, &news)
		case <-timer.C:
			late = true
		case <-ctx.Done():
			return news, context.Cause(ctx)
		}
	}
	for _, p := range role.InOrder(t.at) {
		if p.asking {
			news.Late = append(news.Late, p.worker.Name)
		}
	}
	slices.SortStableFunc(news.Lines, func(a, b Line) int { return cmp.Compare(a.Millis, b.Millis) })
	return news, nil
}

// look finds the workers that have the function now. Of one of which no version
// has come up, any may have tried.
func (t *Tail) look(p Picture, news *LogNews) {
	there := make(map[string]bool)
	failed := slices.ContainsFunc(p.Functions, func(f Function) bool { return f.Name == t.filter.Function && f.State == StateFailed })
	for _, w := range p.Workers {
		_, known := t.at[w.ID]
		has := known || failed || slices.Contains(w.Functions, t.filter.Function)
		if !w.Native() || w.State == StateLost || !has || t.filter.Worker != "" && w.Name != t.filter.Worker {
			continue
		}
		there[w.ID] = true
		if !known {
			t.at[w.ID] = &printer{}
		}
		t.at[w.ID].worker = w
	}
	for id, p := range role.InOrder(t.at) {
		if !there[id] && !p.asking {
			news.Gone = append(news.Gone, p.worker.Name)
			delete(t.at, id)
		}
	}
}

// ask asks a worker's queue for its lines.
func (t *Tail) ask(ctx context.Context, w Worker, since uint64) (*wire.LogLines, error) {
	ctx, cancel := context.WithTimeout(ctx, logsWithin)
	defer cancel()
	c := wire.Command{Verb: wire.VerbLogs, Worker: w.ID, Function: t.filter.Function, Since: since}
	if _, err := wire.ParseJobID(t.filter.Job); err == nil {
		c.Job = t.filter.Job
	}
	r, err := t.o.ask(ctx, w.Queue, w.QueueIncarnation, c)
	if err == nil && r.Logs == nil {
		err = fmt.Errorf("%w by %s: a reply without lines; it is of another version", ErrRefused, w.Queue)
	}
	return r.Logs, err
}

// take takes what a worker has told. Of one that did not, it is asked again: it
// may be at another queue, or gone.
func (t *Tail) take(a printed, news *LogNews) {
	p := t.at[a.id]
	p.asking = false
	switch {
	case a.err != nil:
		news.Late = append(news.Late, p.worker.Name)
		return
	case a.lines.Last < p.since: // the function was removed and deployed anew: it counts from 1 again
		p.since = 0
		return
	}
	next := p.since
	for _, l := range a.lines.Lines {
		if t.filter.Job == "" && l.Number > next+1 && next > 0 {
			news.Lost += int(l.Number - next - 1)
		}
		next = max(next, l.Number)
		if strings.HasSuffix(l.Job, t.filter.Job) {
			news.Lines = append(news.Lines, Line{p.worker.Name, l})
		}
	}
	p.since = max(next, a.lines.Last)
}
