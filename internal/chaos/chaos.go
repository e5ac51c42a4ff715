// Package chaos starts a faasd of separate processes, puts it under a steady
// load, does it harm in every way that machines and networks do, one at a time,
// and holds what clients get against what the project promises. It knows faasd
// from outside only.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"faasd/internal/operator"
	"faasd/internal/proc"
)

// Config says what to do.
type Config struct {
	Bin      string // path of faasd; "" is what proc.FindBinary finds
	Logs     string // folder for the parts' logs; it has to be there
	Duration time.Duration
	Rate     int // requests a second
	Seed     uint64
	Every    time.Duration // from one fault to the next
	Faults   []Fault       // nil: planned by the seed, in turn over all roles and kinds

	Progress func(line string) // told of each fault; nil for nobody
}

// layout is what is tormented.
var layout = proc.Layout{Coordinators: 2, Brokers: 2, Queues: 3, Workers: 6, Frontends: 2}

// requestTimeout is the deadline of each request.
const requestTimeout = 30 * time.Second

// soon is how long is waited for what should take no second, startWithin for
// what should take two: fifteen processes on a machine that has other things to do.
const (
	soon        = 30 * time.Second
	startWithin = time.Minute
)

// run is a system under load.
type run struct {
	cfg      Config
	random   *rand.Rand
	network  *network
	system   *proc.System
	operator *operator.Operator
	load     *load
}

// Run does it. The report is there even if the error is not nil, as far as it
// went; a broken promise is no error. When ctx ends, so does the run.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	fd, err := openDiag() // else nobody would ever be connected
	if err != nil {
		return nil, err
	}
	release([]int{fd})
	r := &run{cfg: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 0)), network: newNetwork()}
	defer r.network.close()
	before := loadAverage()
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	defer r.operator.Close()
	defer func() { _ = r.system.Kill() }() // what a clean stop has left, which is nothing

	r.load = newLoad(cfg.Rate, requestTimeout, cfg.Seed, r.system.Names("frontend"), r.addresses())
	go r.load.run()
	err = r.torment(ctx)
	lasted := r.load.now()
	r.load.halt()
	if err == nil {
		r.load.finish()
		r.settle(ctx)
	}
	report := r.load.report(lasted)
	report.Logs, report.Cores, report.LoadAvg = cfg.Logs, runtime.NumCPU(), [2]string{before, loadAverage()}
	if err != nil {
		report.Interrupted = err.Error()
	}
	return report, err
}

// start starts the system and waits until all of it is there.
func (r *run) start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	l := layout
	l.Bin, l.Dir, l.Detour = r.cfg.Bin, r.cfg.Logs, r.network
	if r.system, err = proc.StartSystem(ctx, l); err != nil {
		return err
	}
	r.operator, err = operator.Open(r.system.Endpoints("coordinator", "subscribe"))
	if err != nil {
		return errors.Join(err, r.system.Kill())
	}
	p, err := r.operator.Until(ctx, func(p operator.Picture) bool { return missing(p) == "" })
	if err != nil {
		err = fmt.Errorf("wait for the whole system (logs in %s): %s: %w", r.cfg.Logs, missing(p), err)
		return errors.Join(err, r.operator.Close(), r.system.Kill())
	}
	return nil
}

// missing says what of the system is not as it should be, "" if all is.
func missing(p operator.Picture) string {
	workers, without := 0, 0
	for _, q := range p.Queues {
		if q.State == "ok" {
			workers += q.Workers
		} else {
			without++
		}
	}
	up := func(parts []operator.Part) (n int) {
		for _, part := range parts {
			if part.State == "ok" {
				n++
			}
		}
		return n
	}
	switch {
	case len(p.Queues)-without < layout.Queues:
		return fmt.Sprintf("%d queues have workers, want %d", len(p.Queues)-without, layout.Queues)
	case workers != layout.Workers:
		return fmt.Sprintf("%d workers have joined, want %d", workers, layout.Workers)
	case up(p.Brokers) != layout.Brokers, up(p.Frontends) != layout.Frontends, up(p.Coordinators) != layout.Coordinators:
		return fmt.Sprintf("%d brokers, %d frontends, %d coordinators are there, want %d, %d, %d",
			up(p.Brokers), up(p.Frontends), up(p.Coordinators), layout.Brokers, layout.Frontends, layout.Coordinators)
	}
	return ""
}

// left says what of the load is left in a system without requests.
func left(p operator.Picture) string {
	for _, b := range p.Brokers {
		if b.State == "ok" && b.Broker != nil && b.Broker.Holding > 0 {
			return fmt.Sprintf("%s holds %d jobs", b.Name, b.Broker.Holding)
		}
	}
	for _, f := range p.Frontends {
		if f.State == "ok" && f.Frontend != nil && f.Frontend.Open > 0 {
			return fmt.Sprintf("%s has %d open requests", f.Name, f.Frontend.Open)
		}
	}
	if t := p.Totals; t.Waiting+t.Running > 0 {
		return fmt.Sprintf("%d jobs wait and %d run", t.Waiting, t.Running)
	}
	return ""
}

func (r *run) addresses() []string {
	urls := r.system.URLs()
	for i, url := range urls {
		urls[i] = strings.TrimPrefix(url, "http://")
	}
	return urls
}

// torment carries out the faults at their times and returns at the end of the
// load.
func (r *run) torment(ctx context.Context) error {
	faults := r.cfg.Faults
	if faults == nil {
		faults = plan(r.random, func(role string) []string { return r.system.Names(role) }, r.cfg.Duration, r.cfg.Every)
	}
	for _, f := range faults {
		if err := r.until(ctx, f.At); err != nil {
			return err
		}
		if err := r.carryOut(ctx, &event{Fault: f}); err != nil {
			return fmt.Errorf("%s of %s at %s: %w", f.Kind, f.Part, f.At, err)
		}
	}
	return r.until(ctx, r.cfg.Duration)
}

// until waits for a time of the load.
func (r *run) until(ctx context.Context, at time.Duration) error { return wait(ctx, at-r.load.now()) }

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// carryOut does a fault, ends it, and returns once the part works again.
func (r *run) carryOut(ctx context.Context, e *event) (err error) {
	switch e.Kind {
	case Kill:
		err = r.kill(ctx, e)
	case Stop:
		err = r.pause(ctx, e)
	case Cut:
		err = r.cut(ctx, e)
	}
	if err != nil {
		return err
	}
	if err := r.serves(ctx, e.Part); err != nil {
		r.load.breach(Breach{What: err.Error()})
	}
	r.load.over(e)
	for _, name := range r.system.Names() {
		if how := r.system.Process(name).Ended(); how != "" {
			return fmt.Errorf("%s has ended by itself: %s", name, how)
		}
	}
	return nil
}

func (r *run) begin(e *event) {
	r.load.begin(e)
	if r.cfg.Progress != nil {
		r.cfg.Progress(fmt.Sprintf("%6.1f s  %s", e.began.Seconds(), e))
	}
}

func (r *run) kill(ctx context.Context, e *event) error {
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
	e.how = "a new start"
	_, err := r.system.Start(ctx, e.Part)
	return err
}

func (r *run) pause(ctx context.Context, e *event) error {
	r.begin(e)
	process := r.system.Process(e.Part)
	if err := process.Pause(); err != nil {
		return err
	}
	err := wait(ctx, faultLasts)
	e.how = "SIGCONT"
	return errors.Join(err, process.Resume())
}

func (r *run) cut(ctx context.Context, e *event) error {
	if peers := r.network.peers(e.Part); e.One && len(peers) > 0 {
		e.peer = peers[r.random.IntN(len(peers))]
	}
	reset := r.random.IntN(2) == 0
	e.how = "flowing on"
	if reset {
		e.how = "reset"
	}
	r.begin(e)
	r.network.cut(e.Part, e.peer)
	err := wait(ctx, faultLasts)
	r.network.heal(reset)
	return err
}

// frontend is which frontend a part is, -1 for none.
func (r *run) frontend(part string) int {
	for i, name := range r.system.Names("frontend") {
		if name == part {
			return i
		}
	}
	return -1
}

// serves waits until a part that is a frontend takes requests.
func (r *run) serves(ctx context.Context, part string) error {
	i := r.frontend(part)
	if i < 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	err := eventually(ctx, func() string {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addresses()[i]+"/readyz", nil)
		if err != nil {
			return err.Error()
		}
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err.Error()
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return "GET /readyz: " + resp.Status
		}
		return ""
	})
	if err != nil {
		return fmt.Errorf("%s does not serve again: %w", part, err)
	}
	return nil
}

// eventually waits until wrong finds nothing.
func eventually(ctx context.Context, wrong func() string) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		what := wrong()
		if what == "" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New(what)
		}
	}
}

// settle checks that nothing is left of the load, stops the system in order,
// and looks into the logs.
func (r *run) settle(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	picture, err := r.operator.Until(within, func(p operator.Picture) bool { return missing(p)+left(p) == "" })
	if err != nil {
		r.load.breach(Breach{What: fmt.Sprintf("%s after the load: %s %s", soon, missing(picture), left(picture))})
	}
	stop, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	if err := r.system.Stop(stop); err != nil {
		r.load.breach(Breach{What: err.Error()})
	}
	logs, _ := filepath.Glob(filepath.Join(r.cfg.Logs, "*.log"))
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			continue
		}
		if at := accident.FindIndex(text); at != nil {
			r.load.breach(Breach{What: fmt.Sprintf("%s: %s", filepath.Base(log), text[at[0]:min(len(text), at[0]+500)])})
		}
	}
}

// accident finds what no log may hold.
var accident = regexp.MustCompile(`WARNING: DATA RACE|panic: |fatal error: |unexpected fault|SIGSEGV|Assertion failed`)
