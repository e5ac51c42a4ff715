package tui

import (
	"context"
	"slices"
	"time"

	"faasd/internal/operator"
)

// System is what the screen looks at and acts on: an operator.Operator.
type System interface {
	Picture() operator.Picture
	Events(from int) (events []operator.Event, next int)
	Kill(ctx context.Context, w operator.Worker, tell func(operator.Progress)) error
	Drain(ctx context.Context, w operator.Worker, wait bool, tell func(operator.Progress)) error
	Undrain(ctx context.Context, w operator.Worker, tell func(operator.Progress)) error
	Scale(ctx context.Context, supervisor operator.Part, n int, tell func(operator.Progress)) error
	Job(ctx context.Context, id string) ([]operator.JobAt, error)
}

const (
	// staleAfter is the age of the newest data from which on it is said to be old:
	// every part says something once a second.
	staleAfter = 2500 * time.Millisecond
	// keepAfter is the age of the newest data from which on the picture is not
	// replaced: rates and parts fade in it while its connection, or all of it, is lost.
	keepAfter = 1500 * time.Millisecond
	// lostAfter is when the connection itself is doubted.
	lostAfter = 10 * time.Second
	// maxEvents is how many events the screen keeps.
	maxEvents = 5000
	// trendOver is how many samples a sparkline has at most.
	trendOver = 60
)

// Snapshot is all that the screen shows at one moment. It does not change.
type Snapshot struct {
	Taken   time.Time
	Picture operator.Picture
	Age     time.Duration    // of the newest word of any part
	Events  []operator.Event // the last ones, oldest first
	Begun   int              // number of the first of Events, counted from when the screen was opened
	Trends  map[string][]float64
	Failed  Failures  // in the last minute
	Refused uint64    // requests, likewise
	wrong   []trouble // the worst first
}

// Failures are requests that were not answered with OK, by why.
type Failures struct {
	Errors   uint64 // of the function's own: 500
	Expired  uint64 // past their deadline, or their function's own timeout: 504
	Others   uint64 // the function could not be run, crashed, or lost its workers: 502
	Function string // of which the last was, as far as that is known
	Several  bool   // others' are among them
}

// Trends of the whole system; those of queues go by incarnation.
const (
	trendIn     = "in"
	trendOut    = "out"
	trendFailed = "failed"
)

// Stale reports whether nobody has been heard for a while.
func (s *Snapshot) Stale() bool { return s.Age >= staleAfter }

// Feed makes snapshots of a system. It is owned by one goroutine.
type Feed struct {
	system System
	now    func() time.Time

	last   operator.Picture // in which somebody was heard
	heard  time.Time        // when the newest word in it was said
	next   int
	events []operator.Event
	begun  int
	trends map[string][]float64
	lately []moment
	fails  string // the function that has failed most when one was seen to fail last; "" if that is long ago
	others bool   // another than that was seen to fail, too
}

// moment is what frontends had counted at a time.
type moment struct {
	at                               time.Time
	errors, expired, others, refused uint64
}

// minute is what failures are remembered for.
const minute = time.Minute

// NewFeed begins to watch; now is the clock.
func NewFeed(system System, now func() time.Time) *Feed {
	return &Feed{system: system, now: now, trends: make(map[string][]float64)}
}

// Snapshot looks at the system. When nobody in it is heard any more, which is more
// likely to be the connection, the last picture stays, and only its age grows.
func (f *Feed) Snapshot() *Snapshot {
	now := f.now()
	p := f.system.Picture()
	if age, heard := youngest(&p); heard && age < keepAfter || f.heard.IsZero() { // parts fall silent one by one
		f.last, f.heard = p, now.Add(-age)
		f.note(&p)
	}
	f.take()
	trends := make(map[string][]float64, len(f.trends))
	for name, values := range f.trends {
		trends[name] = slices.Clone(values)
	}
	s := &Snapshot{
		Taken: now, Picture: f.last, Age: max(now.Sub(f.heard), 0), Trends: trends,
		Events: slices.Clip(f.events), Begun: f.begun,
		Failed: f.failures(), Refused: f.since(func(m moment) uint64 { return m.refused }),
	}
	s.wrong = diagnose(s)
	return s
}

// failures are those of the last minute.
func (f *Feed) failures() Failures {
	n := Failures{
		Errors:  f.since(func(m moment) uint64 { return m.errors }),
		Expired: f.since(func(m moment) uint64 { return m.expired }),
		Others:  f.since(func(m moment) uint64 { return m.others }),
	}
	if n == (Failures{}) {
		f.fails, f.others = "", false
	}
	n.Function, n.Several = f.fails, f.others
	return n
}

// since adds up what was counted in the last minute. Frontends that are lost, or
// begin anew, count less; that is no news.
func (f *Feed) since(of func(moment) uint64) (sum uint64) {
	for i := 1; i < len(f.lately); i++ {
		if before, now := of(f.lately[i-1]), of(f.lately[i]); now > before {
			sum += now - before
		}
	}
	return sum
}

// youngest is the age of the newest word in a picture; false if nobody in it is
// heard.
func youngest(p *operator.Picture) (age time.Duration, heard bool) {
	least := int64(-1)
	for _, parts := range [][]operator.Part{p.QueueParts(), p.Frontends, p.Brokers, p.Coordinators, p.Supervisors} {
		for _, part := range parts {
			if part.State != operator.StateLost && (least < 0 || part.AgeMillis < least) {
				least = part.AgeMillis
			}
		}
	}
	return time.Duration(max(least, 0)) * time.Millisecond, least >= 0
}

// take appends what has happened since.
func (f *Feed) take() {
	news, next := f.system.Events(f.next)
	f.next = next
	f.events = append(f.events, news...)
	if more := len(f.events) - maxEvents; more > 0 {
		f.events = slices.Clone(f.events[more:]) // snapshots keep the old ones
		f.begun += more
	}
}

// note adds a sample to each trend, and forgets those of queues that are gone.
func (f *Feed) note(p *operator.Picture) {
	at := f.now()
	all := &p.Totals
	f.lately = append(f.lately, moment{at, all.Errors, all.Expired, all.Failed - min(all.Failed, all.Errors+all.Expired), all.Refused})
	if name, several := failing(p); name != "" {
		f.fails, f.others = name, f.others || several || f.fails != "" && f.fails != name
	}
	for len(f.lately) > 1 && at.Sub(f.lately[0].at) > minute {
		f.lately = f.lately[1:]
	}
	t := p.Totals.Rates
	now := map[string]float64{trendIn: t.In, trendOut: t.Out, trendFailed: t.Failed}
	for _, q := range p.Queues {
		now[q.Incarnation.String()] = q.Rates.Out
	}
	for name := range f.trends {
		if _, there := now[name]; !there {
			delete(f.trends, name)
		}
	}
	for name, v := range now {
		values := append(f.trends[name], v)
		f.trends[name] = values[max(0, len(values)-trendOver):]
	}
}

// failing is the function that fails most, "" if none does, and whether it is not
// the only one.
func failing(p *operator.Picture) (name string, several bool) {
	const least = 0.05
	most := 0.0
	for i := range p.Functions {
		f := &p.Functions[i]
		if f.Rates.Failed <= least {
			continue
		}
		several = several || name != ""
		if f.Rates.Failed > most {
			most, name = f.Rates.Failed, f.Name
		}
	}
	return name, several
}
