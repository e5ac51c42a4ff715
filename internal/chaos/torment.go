package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"faasd/internal/proc"
)

// Torment puts a system under a steady load and does it harm, one fault at a time.
type Torment struct {
	Setup
	Duration time.Duration
	Rate     int           // requests a second
	Every    time.Duration // from one fault to the next
	Faults   []Fault       // nil: planned by the seed, in turn over all roles and kinds
}

// tormented is what is tormented, and what it is sent.
var (
	tormented       = proc.Layout{Coordinators: 2, Brokers: 2, Queues: 3, Workers: 6, Frontends: 2}
	tormentedBodies = bodies{smallest: 20, largest: 4 << 10, huge: 256 << 10}
)

// torment is one that is under way.
type torment struct {
	*Torment
	*subject
	random  *rand.Rand
	network *network
}

// Run does it. The report is there even if the error is not nil, as far as it
// went; a broken promise is no error. When ctx ends, so does the run.
func (t *Torment) Run(ctx context.Context) (*TormentReport, error) {
	fd, err := openDiag() // else nobody would ever be connected
	if err != nil {
		return nil, err
	}
	release([]int{fd})
	r := &torment{Torment: t, random: rand.New(rand.NewPCG(t.Seed, 0)), network: newNetwork()}
	defer r.network.close()
	before := loadAverage()
	layout := tormented
	layout.Detour = r.network
	if r.subject, err = t.start(ctx, layout, "echo"); err != nil {
		return nil, err
	}
	defer r.close() // what a clean stop has left, which is nothing

	l := r.load(t.Seed, "echo", t.Rate, tormentedBodies, false)
	err = r.torment(ctx)
	lasted := r.ledger.now()
	l.halt()
	if err == nil {
		err = r.settle(ctx, l)
	}
	report := &TormentReport{Rate: t.Rate}
	report.draw(l.take(), r.ledger.faults, lasted)
	report.Run = t.ran(r.subject, before, lasted, err, l)
	return report, err
}

// torment carries out the faults at their times and returns at the end of the
// load.
func (r *torment) torment(ctx context.Context) error {
	faults := r.Faults
	if faults == nil {
		faults = plan(r.random, func(role string) []string { return r.system.Names(role) }, r.Duration, r.Every)
	}
	for _, f := range faults {
		if err := r.until(ctx, f.At); err != nil {
			return err
		}
		if err := r.carryOut(ctx, &event{Fault: f}); err != nil {
			return fmt.Errorf("%s of %s at %s: %w", f.Kind, f.Part, f.At, err)
		}
	}
	return r.until(ctx, r.Duration)
}

// carryOut does a fault, ends it, and returns once the part works again.
func (r *torment) carryOut(ctx context.Context, e *event) (err error) {
	switch e.Kind {
	case Kill:
		err = r.kill(ctx, e)
	case Stop:
		err = r.pause(ctx, e)
	case Cut, Reset:
		err = r.cut(ctx, e)
	}
	if err != nil {
		return err
	}
	if err := r.serves(ctx, e.Part); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		r.ledger.breach(Breach{What: err.Error()})
	}
	r.ledger.over(e)
	return r.ended()
}

func (r *torment) begin(e *event) {
	r.ledger.begin(e)
	r.tell("%6.1f s  %s", e.began.Seconds(), e)
}

func (r *torment) kill(ctx context.Context, e *event) error {
	r.begin(e)
	if err := r.system.Process(e.Part).Kill(); err != nil {
		return err
	}
	var further []string
	if i := r.frontend(e.Part); i >= 0 {
		further = r.addresses()[i : i+1]
	}
	if err := r.network.died(e.Part, further...); err != nil {
		return err
	}
	if err := wait(ctx, restartAfter); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	_, err := r.system.Start(ctx, e.Part)
	return err
}

func (r *torment) pause(ctx context.Context, e *event) error {
	r.begin(e)
	process := r.system.Process(e.Part)
	if err := process.Pause(); err != nil {
		return err
	}
	err := wait(ctx, faultLasts)
	return errors.Join(err, process.Resume())
}

func (r *torment) cut(ctx context.Context, e *event) error {
	if peers := r.network.peers(e.Part); e.One && len(peers) > 0 {
		e.peer = peers[r.random.IntN(len(peers))]
	}
	r.begin(e)
	r.network.cut(e.Part, e.peer)
	err := wait(ctx, faultLasts)
	r.network.heal(e.Kind == Reset)
	return err
}

// frontend is which frontend a part is, -1 for none.
func (r *torment) frontend(part string) int { return slices.Index(r.system.Names("frontend"), part) }

// serves waits until a part that is a frontend takes requests.
func (r *torment) serves(ctx context.Context, part string) error {
	i := r.frontend(part)
	if i < 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	err := eventually(ctx, func() string { return wrong(ctx, r.addresses()[i], "/readyz") })
	if err != nil {
		return fmt.Errorf("%s does not serve again: %w", part, err)
	}
	return nil
}
