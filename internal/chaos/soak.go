package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Soak leaves a system at work at half of its capacity for long and looks
// whether anything of it grows.
type Soak struct {
	Setup
	Capacity
	Duration time.Duration
	Sample   time.Duration // from one look at the processes to the next
}

var soakBodies = bodies{smallest: 20, largest: 64 << 10}

// soak is one that is under way.
type soak struct {
	*Soak
	*subject
	slow, quick *load
	tallies     [quarters]*tally
	samples     []sample
}

// A soak is looked at in quarters. The first is for warming up.
const quarters = 4

// sample is what the parts used at a time of the experiment.
type sample struct {
	at    time.Duration
	parts map[string]Used
}

// Used is what a part uses of the machine; of a frontend, without the descriptor
// and the goroutine that each connection of a client is.
type Used struct {
	Resident    float64 `json:"resident"` // bytes
	Descriptors float64 `json:"descriptors"`
	Threads     float64 `json:"threads"`
	Goroutines  float64 `json:"goroutines"` // of frontends, which alone tell
}

// Run does it. The report is there even if the error is not nil, as far as it
// went; growth is no error. When ctx ends, so does the run.
func (s *Soak) Run(ctx context.Context) (*SoakReport, error) {
	layout, err := s.layout()
	if err != nil {
		return nil, err
	}
	before := loadAverage()
	r := &soak{Soak: s}
	for i := range r.tallies {
		r.tallies[i] = newTally(nil)
	}
	if r.subject, err = s.start(ctx, layout, slow, quick); err != nil {
		return nil, err
	}
	defer r.close() // what a clean stop has left, which is nothing
	half := s.perSecond() / 2
	r.ledger.enters("soak")
	r.slow = r.load(s.Seed, slow, half*4/5, soakBodies, false)
	r.quick = r.load(s.Seed+1, quick, half/5, soakBodies, false)
	err = r.watch(ctx)
	lasted := r.ledger.now()
	r.slow.halt()
	r.quick.halt()
	if err == nil {
		err = r.settle(ctx, r.slow, r.quick)
	}
	r.count()
	report := r.draw()
	report.Run = s.ran(r.subject, before, lasted, err, r.slow, r.quick)
	if err == nil {
		report.judge()
	}
	return report, err
}

// watch looks at the processes until the end of the load.
func (r *soak) watch(ctx context.Context) error {
	for at := r.Sample; at <= r.Duration; at += r.Sample {
		if err := r.until(ctx, at); err != nil {
			return err
		}
		parts, err := r.look(ctx)
		if err != nil {
			return err
		}
		r.samples = append(r.samples, sample{at: at, parts: parts})
		now := r.count().sum()
		largest := ""
		for name, used := range parts {
			if largest == "" || used.Resident > parts[largest].Resident {
				largest = name
			}
		}
		r.tell("%6.0f s  %d requests, 99 %% within %.1f ms; most resident: %s, %s",
			at.Seconds(), now.Requests, 1000*now.P99, largest, mebibytes(int64(parts[largest].Resident)))
	}
	return r.until(ctx, r.Duration)
}

// count adds what has been answered since it was last called to its quarter, and
// returns it.
func (r *soak) count() *tally {
	outcomes := append(r.slow.take(), r.quick.take()...)
	for i := range outcomes {
		quarter := min(quarters-1, int(outcomes[i].due*quarters/r.Duration))
		r.tallies[quarter].add(outcomes[i : i+1])
	}
	return newTally(outcomes)
}

// look sees what each part uses now.
func (r *soak) look(ctx context.Context) (map[string]Used, error) {
	usage, err := r.usage()
	if err != nil {
		return nil, err
	}
	parts := make(map[string]Used)
	for name, u := range usage {
		parts[name] = Used{Resident: float64(u.Resident), Descriptors: float64(u.Descriptors), Threads: float64(u.Threads)}
	}
	for i, name := range r.system.Names("frontend") {
		all, err := goroutines(ctx, r.addresses()[i])
		if err != nil {
			return nil, fmt.Errorf("see how many goroutines %s has: %w", name, err)
		}
		u, clients := parts[name], float64(r.clients[i].open.Load())
		u.Descriptors, u.Goroutines = u.Descriptors-clients, all-clients
		parts[name] = u
	}
	return parts, nil
}

// goroutines reads how many a frontend has from its metrics.
func goroutines(ctx context.Context, address string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	resp, err := get(ctx, address, "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, errors.Join(errors.New("GET /metrics: no go_goroutines"), lines.Err())
}
