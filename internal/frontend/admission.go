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
	// soon is how quick an answer must be to show that there is a way past what
	// hangs, and soonFor for how long it shows that.
	soon    = 250 * time.Millisecond
	soonFor = 500 * time.Millisecond
	// rateOver is for how long answers are counted; a rate is that of the last one
	// to two of it.
	rateOver = time.Second
	// retryUnknown is when to try a function again of which nothing was answered
	// for rateOver. It may take seconds for each job, or hang.
	retryUnknown = 5 * time.Second
	retryAtMost  = time.Minute
)

// flow is one function's requests here: how many are open, and how fast they
// are answered. It knows of the present busy time alone, in which some request
// was open at every moment.
type flow struct {
	open  int
	since role.Time // when it became busy
	quick role.Time // when an answer last came soon, or since

	began    role.Time // of the present count
	answered int       // since then
	before   int       // in the rateOver before that
}

// opened notes a request of a function that has been accepted.
func (m *Machine) opened(now role.Time, function string) *flow {
	f := m.flows[function]
	if f == nil {
		f = &flow{}
		m.flows[function] = f
	}
	if f.open == 0 {
		*f = flow{since: now, quick: now, began: now}
	}
	f.open++
	return f
}

// answer notes that a request was answered which was accepted at that time.
func (f *flow) answer(now, accepted role.Time) {
	f.count(now)
	f.answered++
	if now-accepted <= soon {
		f.quick = now
	}
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

// drains is the time in which what is open is answered at the present rate;
// false if nothing was answered lately.
func (f *flow) drains(now role.Time) (time.Duration, bool) {
	f.count(now)
	n := f.before + f.answered
	if n == 0 {
		return 0, false
	}
	counted := now - max(f.since, f.began-rateOver)
	return time.Duration(f.open) * counted / time.Duration(n), true
}

// overloaded reports whether a request would wait longer than any should, or
// longer than it has time itself. What is open does not say so alone: after the
// loss of a broker or a queue much of it hangs there for seconds, while what
// comes goes past it. So nothing is refused while some are answered soon.
func (m *Machine) overloaded(now role.Time, q *Request) bool {
	f := m.flows[q.Function]
	if f == nil || f.open < alwaysOpen || now-f.since < m.cfg.MaxWait || now-f.quick < soonFor {
		return false
	}
	wait, known := f.drains(now)
	return !known || wait >= m.cfg.MaxWait || wait > q.Timeout
}

// retryAfter is when a request of a function that is refused now is worth trying
// again, in whole seconds: when what is open of it has been answered.
func (m *Machine) retryAfter(now role.Time, function string) time.Duration {
	wait := time.Duration(0)
	if f := m.flows[function]; f != nil && f.open > 0 {
		known := false
		if wait, known = f.drains(now); !known && now-f.since >= rateOver {
			wait = retryUnknown
		}
	}
	seconds := (wait + time.Second - 1) / time.Second * time.Second
	return min(max(seconds, time.Second), retryAtMost)
}

// excuseFlows takes it for nobody's slowness that this process did not run.
func (m *Machine) excuseFlows(now role.Time) {
	for _, f := range m.flows {
		f.quick = now
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
