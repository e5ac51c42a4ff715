// Package chaos starts a faasd of separate processes and tries it: torment does
// it harm in every way that machines and networks do, overload sends it more
// than it can do, soak leaves it at work for long, harm deploys functions that
// behave badly to it. What clients get is held against what the project
// promises. It knows faasd from outside only.
package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"faasd/internal/operator"
	"faasd/internal/proc"
)

// Setup is what all experiments are told.
type Setup struct {
	Bin  string // path of faasd; "" is what proc.FindBinary finds
	Logs string // folder for the parts' logs; it has to be there
	Seed uint64 // what is drawn

	Progress func(line string) // told how it goes; nil for nobody
}

func (s *Setup) tell(format string, args ...any) {
	if s.Progress != nil {
		s.Progress(fmt.Sprintf(format, args...))
	}
}

// A subject is a system that is experimented on, and those who send it requests.
type subject struct {
	logs     string
	layout   proc.Layout
	system   *proc.System
	operator *operator.Operator
	ledger   *ledger
	clients  []*client
}

// soon is how long is waited for what should take no second, startWithin for
// what should take two: fifteen processes on a machine that has other things to do.
const (
	soon        = 30 * time.Second
	startWithin = time.Minute
)

// requestTimeout is the deadline of each request.
const requestTimeout = 30 * time.Second

// start starts a system and waits until all of it is there and its frontends
// know the functions.
func (s *Setup) start(ctx context.Context, layout proc.Layout, functions ...string) (_ *subject, err error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	layout.Bin, layout.Dir = s.Bin, s.Logs
	x := &subject{logs: s.Logs, layout: layout}
	if x.system, err = proc.StartSystem(ctx, layout); err != nil {
		return nil, err // which names the logs
	}
	if x.operator, err = operator.Open(x.system.Endpoints("coordinator", "subscribe")); err != nil {
		return nil, errors.Join(err, x.system.Kill())
	}
	if err := x.complete(ctx, functions); err != nil {
		return nil, errors.Join(fmt.Errorf("wait %s for the whole system (logs in %s): %w", startWithin, s.Logs, err), x.close())
	}
	x.ledger = newLedger()
	x.clients = newClients(x.system.Names("frontend"), x.addresses(), requestTimeout+patience, x.ledger)
	return x, nil
}

// complete waits until all parts are there and the frontends know the functions.
func (x *subject) complete(ctx context.Context, functions []string) error {
	p, err := x.operator.Until(ctx, func(p operator.Picture) bool { return x.missing(p) == "" })
	if err != nil {
		return fmt.Errorf("%s: %w", x.missing(p), err)
	}
	for _, address := range x.addresses() {
		for _, function := range functions {
			if err := eventually(ctx, func() string { return wrong(ctx, address, "/functions/"+function) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// close ends everything at once.
func (x *subject) close() error {
	for _, c := range x.clients {
		c.close()
	}
	return errors.Join(x.operator.Close(), x.system.Kill())
}

// missing says what of the system is not as it should be, "" if all is.
func (x *subject) missing(p operator.Picture) string {
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
	want := &x.layout
	switch {
	case len(p.Queues)-without < want.Queues:
		return fmt.Sprintf("%d queues have workers, want %d", len(p.Queues)-without, want.Queues)
	case workers != want.Workers:
		return fmt.Sprintf("%d workers have joined, want %d", workers, want.Workers)
	case up(p.Brokers) != want.Brokers, up(p.Frontends) != want.Frontends, up(p.Coordinators) != want.Coordinators:
		return fmt.Sprintf("%d brokers, %d frontends, %d coordinators are there, want %d, %d, %d",
			up(p.Brokers), up(p.Frontends), up(p.Coordinators), want.Brokers, want.Frontends, want.Coordinators)
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

func (x *subject) addresses() []string {
	urls := x.system.URLs()
	for i, url := range urls {
		urls[i] = strings.TrimPrefix(url, "http://")
	}
	return urls
}

// load begins to send requests to a function; full says that 503 is an answer.
func (x *subject) load(seed uint64, function string, rate int, bodies bodies, full bool) *load {
	l := &load{
		function: function, rate: rate, bodies: bodies, seed: seed, timeout: requestTimeout, most: maxOpen, full: full,
		clients: inTurn(x.clients), ledger: x.ledger,
	}
	l.start()
	return l
}

// until waits for a time of the experiment. What ends by itself meanwhile fails it.
func (x *subject) until(ctx context.Context, at time.Duration) error {
	if err := wait(ctx, at-x.ledger.now()); err != nil {
		return err
	}
	return x.ended()
}

// ended tells of a part that has ended by itself.
func (x *subject) ended() error {
	for _, name := range x.system.Names() {
		if how := x.system.Process(name).Ended(); how != "" {
			return fmt.Errorf("%s has ended by itself: %s (logs in %s)", name, how, x.logs)
		}
	}
	return nil
}

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

// eventually waits until wrong finds nothing, else says what it found last.
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
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
}

// wrong says why a path of a frontend is not answered 200, "" if it is.
func wrong(ctx context.Context, address, path string) string {
	resp, err := get(ctx, address, path)
	if err != nil {
		return err.Error()
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "GET " + path + ": " + resp.Status
	}
	return ""
}

// get asks a frontend over a connection of its own.
func get(ctx context.Context, address, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, err
	}
	req.Close = true
	return http.DefaultClient.Do(req)
}

// settle waits until the loads, which have been halted, have their answers, checks
// that nothing is left of them, stops the system in order, and looks into the
// logs. What it finds wrong is a breach; the error is that ctx has ended.
func (x *subject) settle(ctx context.Context, loads ...*load) error {
	for _, l := range loads {
		if err := l.finish(ctx); err != nil {
			return err
		}
	}
	within, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	picture, err := x.operator.Until(within, func(p operator.Picture) bool { return x.missing(p)+left(p) == "" })
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		x.ledger.breach(Breach{What: fmt.Sprintf("%s after the load: %s", soon, cmp.Or(x.missing(picture), left(picture)))})
	}
	stop, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	if err := x.system.Stop(stop); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if err != nil {
		x.ledger.breach(Breach{What: err.Error()})
	}
	logs, _ := filepath.Glob(filepath.Join(x.logs, "*.log"))
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			continue
		}
		if at := accident.FindIndex(text); at != nil {
			x.ledger.breach(Breach{What: fmt.Sprintf("%s: %s", filepath.Base(log), text[at[0]:min(len(text), at[0]+500)])})
		}
	}
	return nil
}

// accident finds what no log may hold.
var accident = regexp.MustCompile(`WARNING: DATA RACE|panic: |fatal error: |unexpected fault|SIGSEGV|Assertion failed`)
