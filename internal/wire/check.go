package wire

import (
	"cmp"
	"fmt"
)

// Bounds of what members say of themselves. They are far above what a system
// has, and keep sums of them from overflowing.
const (
	MaxSlots  = 1024     // of a worker
	MaxHello  = 64 << 10 // bytes of a HELLO's body
	maxCount  = 1 << 30
	maxMillis = 1 << 50
	maxTotal  = 1 << 53 // of what is counted from the start: exact in every reader of JSON
)

// reserved are the names that an HTTP route has already, so that no function
// can be called by them.
var reserved = map[string]bool{
	"functions": true, "jobs": true, "metrics": true, "healthz": true, "readyz": true,
	"function": true, "async-function": true, "2015-03-31": true,
}

// ValidFunction reports whether s can name a function: a valid name that no
// route has.
func ValidFunction(s string) bool { return ValidName(s) && !reserved[s] }

func counts(what string, values ...int) error {
	for _, v := range values {
		if v < 0 || v > maxCount {
			return fmt.Errorf("%w: %s of %d, want 0 to %d", ErrMalformed, what, v, maxCount)
		}
	}
	return nil
}

func totals(what string, values ...uint64) error {
	for _, v := range values {
		if v > maxTotal {
			return fmt.Errorf("%w: %s of %d, want 0 to %d", ErrMalformed, what, v, uint64(maxTotal))
		}
	}
	return nil
}

func millis(what string, values ...int64) error {
	for _, v := range values {
		if v < 0 || v > maxMillis {
			return fmt.Errorf("%w: %s of %d ms", ErrMalformed, what, v)
		}
	}
	return nil
}

// Check refuses a state whose numbers cannot be.
func (s *State) Check() error {
	if err := counts("member's number", s.Slots, s.Workers, s.Pinned); err != nil {
		return err
	}
	if err := millis("clock", s.Clock); err != nil {
		return err
	}
	if f := s.Frontend; f != nil {
		if err := cmp.Or(counts("frontend's number", f.Open), totals("frontend's count", f.Accepted, f.Answered, f.Failed, f.Errors, f.Expired, f.Refused)); err != nil {
			return err
		}
	}
	if s.Queue != nil {
		return s.Queue.check()
	}
	return nil
}

func (q *QueueState) check() error {
	if err := counts("queue's number", q.Slots, q.Free, q.Waiting, q.Running); err != nil {
		return err
	}
	if err := totals("queue's count", q.Arrived, q.Done, q.Failed); err != nil {
		return err
	}
	if q.Following != nil {
		if err := q.Following.check(); err != nil {
			return err
		}
	}
	for _, f := range q.Functions {
		if err := counts("function's number", f.Workers, f.Free, f.Waiting, f.Running); err != nil {
			return err
		}
		if err := totals("function's count", f.Arrived, f.Done, f.Failed); err != nil {
			return err
		}
		if err := millis("oldest job", f.Oldest); err != nil {
			return err
		}
	}
	for _, f := range q.Past {
		if err := totals("function's count", f.Arrived, f.Done, f.Failed); err != nil {
			return err
		}
	}
	return nil
}

// Check refuses an offer whose numbers cannot be.
func (o *Offer) Check() error { return counts("offer", o.Waiting) }

// Check refuses a take whose numbers cannot be.
func (t *Take) Check() error { return counts("take", t.Count) }

// CheckWorker refuses a worker's announcement that no worker makes.
func (m *Member) CheckWorker() error {
	if m.Role != RoleWorker || !ValidName(m.Name) || m.Slots < 1 || m.Slots > MaxSlots ||
		len(m.Functions) > MaxFunctions {
		return fmt.Errorf("%w: HELLO of %.20s %.80q with %d slots and %d functions, want a worker with 1 to %d slots and at most %d functions",
			ErrMalformed, m.Role, m.Name, m.Slots, len(m.Functions), MaxSlots, MaxFunctions)
	}
	for _, fn := range m.Functions {
		if !ValidFunction(fn) {
			return fmt.Errorf("%w: function name %.80q", ErrMalformed, fn)
		}
	}
	return nil
}

// Bounds of what is listed in a Detail, in a Command and in a History.
const (
	maxWorkerDetails = 1 << 16
	maxText          = 4 << 10  // bytes
	MaxEvent         = 16 << 10 // bytes of an Event as JSON
)

// Check refuses a detail that no queue publishes.
func (d *Detail) Check() error {
	if len(d.Workers) > maxWorkerDetails || len(d.Jobs) > MaxJobs || len(d.Latency) > MaxLatencies+1 {
		return fmt.Errorf("%w: detail of %d workers, %d jobs and %d latencies", ErrMalformed, len(d.Workers), len(d.Jobs), len(d.Latency))
	}
	if err := counts("number of jobs", d.JobsTotal); err != nil {
		return err
	}
	if err := millis("clock", d.Clock); err != nil {
		return err
	}
	for i := range d.Workers {
		if err := d.Workers[i].check(); err != nil {
			return err
		}
	}
	if err := d.checkCrews(); err != nil {
		return err
	}
	bytes := 0
	for name, sketch := range d.Latency {
		bytes += len(sketch)
		if name != "" && !ValidName(name) {
			return fmt.Errorf("%w: latency of function %.80q", ErrMalformed, name)
		}
	}
	if bytes > MaxLatencyBytes {
		return fmt.Errorf("%w: latencies of %d bytes, want %d at most", ErrMalformed, bytes, MaxLatencyBytes)
	}
	return nil
}

func (w *WorkerDetail) check() error {
	if !ValidName(w.Name) || len(w.Functions) > MaxFunctions || len(w.Job) > maxText {
		return fmt.Errorf("%w: detail of worker %.80q with %d functions and job %.40q", ErrMalformed, w.Name, len(w.Functions), w.Job)
	}
	if w.Stuck < 0 || w.Stuck > 1<<20 {
		return fmt.Errorf("%w: worker %s with %d runs that do not stop", ErrMalformed, w.Name, w.Stuck)
	}
	if err := totals("worker's count", w.Done, w.Failed); err != nil {
		return err
	}
	if !(w.P99 >= 0 && w.P99 <= maxMillis) {
		return fmt.Errorf("%w: 99th percentile of %g ms", ErrMalformed, w.P99)
	}
	return millis("run", w.RunMillis)
}

// Check refuses a command that nobody could have meant.
func (c *Command) Check() error {
	if c.ID == 0 || c.ReplyTo == 0 || len(c.By) > maxText || len(c.Worker) > maxText || len(c.Job) > maxText || len(c.Function) > maxText {
		return fmt.Errorf("%w: command %.40q without id or address, or too long", ErrMalformed, c.Verb)
	}
	if c.Millis < 0 || c.Millis > maxMillis {
		return fmt.Errorf("%w: command for %d ms", ErrMalformed, c.Millis)
	}
	return counts("command's number", c.Count, c.PID)
}
