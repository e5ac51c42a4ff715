package chaos

import (
	"fmt"
	"sync"
	"time"
)

// A ledger keeps what all loads of an experiment have seen together: the
// promises that were broken, and whose each job was. Its clock is that of the
// experiment.
type ledger struct {
	began time.Time

	mu       sync.Mutex
	breaches []Breach       // guarded by mu
	broken   int            // of them, those not kept too; guarded by mu
	faults   []*event       // guarded by mu
	during   string         // what goes on; guarded by mu
	since    time.Duration  // when that began; guarded by mu
	jobs     map[string]int // job id → request, of the last ones; guarded by mu
	older    map[string]int // those before; guarded by mu
}

// A Breach is a promise that was not kept.
type Breach struct {
	Request  int       `json:"request,omitempty"` // from 1; 0: it is not about one
	Function string    `json:"function,omitempty"`
	Frontend string    `json:"frontend,omitempty"`
	Sent     time.Time `json:"sent,omitzero"`
	Seconds  float64   `json:"seconds"`          // when, since the experiment began
	Took     float64   `json:"took_s,omitempty"` // s, of a request
	During   string    `json:"during"`           // what went on when it was seen
	What     string    `json:"what"`
	Job      string    `json:"job,omitempty"`
}

const (
	// maxBreaches is how many broken promises are told in full.
	maxBreaches = 100
	// maxJobs is how many jobs are remembered at least: minutes of any load.
	maxJobs = 1 << 18
)

func newLedger() *ledger {
	return &ledger{began: time.Now(), jobs: make(map[string]int), during: "the beginning"}
}

// now is the time since the experiment began.
func (l *ledger) now() time.Duration { return time.Since(l.began) }

// breach notes a broken promise.
func (l *ledger) breach(b Breach) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if b.Request == 0 {
		b.Seconds = now.Seconds()
	}
	l.broken++
	if len(l.breaches) == maxBreaches {
		return
	}
	b.During = fmt.Sprintf("%s since %.2f s", l.during, (now - l.since).Seconds())
	l.breaches = append(l.breaches, b)
}

// answered notes whose a job is; other is whose it was before, 0 for nobody's.
func (l *ledger) answered(job string, request int) (other int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other = l.jobs[job]; other == 0 {
		other = l.older[job]
	}
	if len(l.jobs) == maxJobs {
		l.older, l.jobs = l.jobs, make(map[string]int)
	}
	l.jobs[job] = request
	return other
}

// enters says what goes on from now on.
func (l *ledger) enters(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.during, l.since = what, l.now()
}

// begin tells of a fault before it is done, and over once the part works again.
func (l *ledger) begin(e *event) {
	l.enters(e.String())
	l.mu.Lock()
	defer l.mu.Unlock()
	e.began = l.since
	l.faults = append(l.faults, e)
}

func (l *ledger) over(e *event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.over = l.now()
}

// excused says whether the faults so far explain that a frontend gave no answer,
// or refused.
func (l *ledger) excused(o *outcome) (lost, refused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.faults {
		if e.hits(o.frontend) && o.overlaps(e) {
			lost, refused = lost || e.Kind == Kill, true
		}
	}
	return lost, refused
}
