package chaos

import (
	"context"
	"fmt"
	"time"

	"faasd/internal/proc"
)

// Overload sends a function of known capacity more than that, and a second
// function, which the same workers serve, a tenth of its share.
type Overload struct {
	Setup
	Capacity
	Times    int           // the capacity is sent in the flood
	Quiet    time.Duration // before it, twice
	Duration time.Duration // of it
	After    time.Duration // within which it is looked for what is normal again
}

// overloadBodies are small: what is tried is the number of requests.
var overloadBodies = bodies{smallest: 20, largest: 1 << 10}

// overload is one that is under way.
type overload struct {
	*Overload
	*subject
	other *load // from the beginning to the end
	slow  []*load

	flood, after             time.Duration // when each began, since the experiment did
	end                      time.Duration // when no more was sent
	idle, before, full, last map[string]proc.Usage
}

// Run does it. The report is there even if the error is not nil, as far as it
// went; a requirement that is not met is no error. When ctx ends, so does the run.
func (v *Overload) Run(ctx context.Context) (*OverloadReport, error) {
	layout, err := v.layout()
	if err != nil {
		return nil, err
	}
	before := loadAverage()
	r := &overload{Overload: v}
	if r.subject, err = v.start(ctx, layout, slow, other); err != nil {
		return nil, err
	}
	defer r.close() // what a clean stop has left, which is nothing
	if r.idle, err = r.usage(); err != nil {
		return nil, fmt.Errorf("%w (logs in %s)", err, r.logs)
	}
	err = r.phases(ctx)
	r.end = r.ledger.now()
	loads := append(r.slow, r.other)
	if err == nil {
		err = r.settle(ctx, loads...)
	}
	report := r.draw()
	report.Run = v.ran(r.subject, before, r.end, err, loads...)
	if err == nil {
		report.judge()
	}
	return report, err
}

// phases sends what is to be sent. No load is left running.
func (r *overload) phases(ctx context.Context) (err error) {
	capacity := r.perSecond()
	r.ledger.enters("quiet")
	r.other = r.load(r.Seed, other, max(1, capacity/2/10), overloadBodies, true)
	defer r.other.halt()
	if err := r.until(ctx, r.Quiet); err != nil {
		return err
	}
	if _, err = r.phase(ctx, "half of the capacity", capacity/2, false, r.Quiet); err != nil {
		return err
	}
	if r.before, err = r.usage(); err != nil {
		return err
	}
	if r.flood, err = r.phase(ctx, "the flood", r.Times*capacity, true, r.Duration); err != nil {
		return err
	}
	if r.full, err = r.usage(); err != nil {
		return err
	}
	if r.after, err = r.phase(ctx, "half of the capacity again", capacity/2, true, r.After); err != nil {
		return err
	}
	r.last, err = r.usage()
	return err
}

// phase sends slow so many requests a second for so long; full says that 503 is an answer.
func (r *overload) phase(ctx context.Context, what string, rate int, full bool, lasts time.Duration) (began time.Duration, err error) {
	r.ledger.enters(what)
	l := r.load(r.Seed+uint64(len(r.slow))+1, slow, rate, overloadBodies, full)
	r.slow = append(r.slow, l)
	r.tell("%6.1f s  %s: %d/s of %s beside %d/s of %s", l.from.Seconds(), what, rate, slow, r.other.rate, other)
	defer l.halt()
	return l.from, r.until(ctx, l.from+lasts)
}

// usage is what each part uses now.
func (x *subject) usage() (map[string]proc.Usage, error) {
	all := make(map[string]proc.Usage)
	for _, name := range x.system.Names() {
		u, err := x.system.Process(name).Usage()
		if err != nil {
			return nil, err
		}
		all[name] = u
	}
	return all, nil
}
