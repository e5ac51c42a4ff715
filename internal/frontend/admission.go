package frontend

import (
	"time"

	"faasd/internal/role"
)

const (
	// alwaysOpen is how many requests of one function may be open here however
	// slowly they are answered: hundreds of clients may wait for a slow function,
	// and its jobs must be allowed to queue.
	alwaysOpen = 256
	// rateOver is for how long answers are counted; a rate is that of the last one
	// to two of it.
	rateOver = time.Second
	// retryUnknown is when to try a function again of which nothing was answered
	// for rateOver. It may take seconds for each job, or hang.
	retryUnknown = 5 * time.Second
	retryAtMost  = time.Minute
)

// flow is one function's requests here: which are open, and how fast they are
// answered. It knows of the present busy time alone, in which some request was
// open at every moment.
type flow struct {
	open  int
	since role.Time // when it became busy

	// line are the requests behind the newest that was answered, oldest first;
	// nil where one is closed. Those before it have been overtaken: they hang
	// somewhere, and whoever comes does not wait for them.
	line   []*request
	popped int // places that have left the front of line
	behind int // requests in line

	began    role.Time // of the present count
	answered int       // since then
	before   int       // in the rateOver before that
}

// opened notes a request that has been accepted.
func (m *Machine) opened(now role.Time, r *request) {
	f := m.flows[r.msg.Meta.Function]
	if f == nil {
		f = &flow{}
		m.flows[r.msg.Meta.Function] = f
	}
	if f.open == 0 {
		*f = flow{since: now, began: now, line: f.line[:0]}
	}
	f.open++
	f.behind++
	r.flow, r.turn = f, f.popped+len(f.line)
	f.line = append(f.line, r)
}

// answer notes that a request was answered.
func (f *flow) answer(now role.Time, r *request) {
	f.count(now)
	f.answered++
	for f.popped < r.turn { // overtaken
		f.pop()
	}
}

// closed notes that a request is open no more.
func (f *flow) closed(r *request) {
	f.open--
	if i := r.turn - f.popped; i >= 0 {
		f.line[i] = nil
		f.behind--
	}
	for len(f.line) > 0 && f.line[0] == nil {
		f.pop()
	}
	if len(f.line) > 2*f.behind+alwaysOpen { // the first hangs, and others behind it are cancelled
		f.compact()
	}
}

// pop takes the front of line out.
func (f *flow) pop() {
	if f.line[0] != nil {
		f.line[0] = nil
		f.behind--
	}
	f.line = f.line[1:]
	f.popped++
}

// compact takes closed requests out of line.
func (f *flow) compact() {
	line := make([]*request, 0, f.behind)
	for _, r := range f.line {
		if r != nil {
			r.turn = f.popped + len(line)
			line = append(line, r)
		}
	}
	f.line = line
}

// count begins a new count when it is time.
func (f *flow) count(now role.Time) {
	switch past := now - f.began; {
	case past >= 2*rateOver:
		f.before, f.answered, f.began = 0, 0, now-past%rateOver
	case past >= rateOver:
		f.before, f.answered, f.began = f.answered, 0, f.began+rateOver
	}
}

// drains is the time in which n requests are answered at the present rate; false
// if nothing was answered lately.
func (f *flow) drains(now role.Time, n int) (time.Duration, bool) {
	f.count(now)
	answered := f.before + f.answered
	if answered == 0 {
		return 0, false
	}
	counted := now - max(f.since, f.began-rateOver)
	return time.Duration(n) * counted / time.Duration(answered), true
}

// overloaded reports whether a request would wait longer than any should, or
// longer than it has time itself, for those before it that are not overtaken.
func (m *Machine) overloaded(now role.Time, q *Request) bool {
	f := m.flows[q.Function]
	if f == nil || f.behind < alwaysOpen || now-f.since < m.cfg.MaxWait {
		return false
	}
	wait, known := f.drains(now, f.behind)
	return !known || wait >= m.cfg.MaxWait || wait > q.Timeout
}

// retryAfter is when a request of a function that is refused now is worth trying
// again, in whole seconds: when what is open of it has been answered.
func (m *Machine) retryAfter(now role.Time, function string) time.Duration {
	wait := time.Duration(0)
	if f := m.flows[function]; f != nil && f.open > 0 {
		known := false
		if wait, known = f.drains(now, f.open); !known && now-f.since >= rateOver {
			wait = retryUnknown
		}
	}
	seconds := (wait + time.Second - 1) / time.Second * time.Second
	return min(max(seconds, time.Second), retryAtMost)
}

// excuseFlows takes it for nobody's slowness that this process did not run.
func (m *Machine) excuseFlows(now role.Time) {
	for _, f := range m.flows {
		f.since, f.began, f.answered, f.before = now, now, 0, 0
	}
}

// forgetIdle drops the flows of functions that nobody waits for.
func (m *Machine) forgetIdle() {
	for name, f := range m.flows {
		if f.open == 0 {
			delete(m.flows, name)
		}
	}
}
