package chaos

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"faasd/internal/proc"
	"faasd/internal/registrar/admin"
	"faasd/internal/registry"
)

// Harm deploys functions that behave badly, one after the other, beside one that
// behaves well and is always called: the victim, a process that speaks the AWS
// Lambda Runtime API.
type Harm struct {
	Setup
	Guest    string        // path of the program internal/chaos/guest; "" is the one beside this program
	Rate     int           // requests to the victim in a second
	Quiet    time.Duration // before each offence
	Duration time.Duration // of each
	Output   int64         // bytes that those write who print without end
	Only     []string      // names of offences; empty: all
}

const (
	victim      = "victim"
	harmWorkers = 2
	harmSlots   = 4
	// harmIdle is how long a process without a call is kept: short, so that
	// nothing of an offender is left when the next is looked at.
	harmIdle = time.Second
)

// harmBodies are those of the victim.
var harmBodies = bodies{smallest: 20, largest: 1 << 10}

// harm is one that is under way.
type harm struct {
	*Harm
	*subject
	admin  *admin.Client
	work   string // the workers' folder
	guest  *registry.Package
	victim *load
	rows   []HarmRow
	spans  []span // of the rows
}

// span is when an offence was quiet, when it began, and when it was over.
type span struct{ quiet, from, until time.Duration }

// Run does it. The report is there even if the error is not nil, as far as it
// went; a requirement that is not met is no error. When ctx ends, so does the run.
func (v *Harm) Run(ctx context.Context) (*HarmReport, error) {
	before := loadAverage()
	r := &harm{Harm: v, work: filepath.Join(v.Logs, "work")}
	var err error
	if r.guest, err = v.pack(); err != nil {
		return nil, err
	}
	defer r.guest.Close()
	if r.subject, err = v.start(ctx, v.layout(r.work)); err != nil {
		return nil, err
	}
	defer r.close() // what a clean stop has left, which is nothing
	if r.admin, err = admin.NewClient(r.system.Process("frontend1").Bound("admin")); err != nil {
		return nil, err
	}
	if err := r.deploy(ctx, victim, registry.Spec{Kind: registry.KindLambda, Command: []string{"./guest", "echo"}}, r.guest); err != nil {
		return nil, err
	}
	r.victim = r.load(v.Seed, victim, v.Rate, harmBodies, false)
	err = r.offences(ctx)
	end := r.ledger.now()
	r.victim.halt()
	if err == nil {
		r.remains(ctx)
		err = r.settle(ctx, r.victim)
	}
	report := r.draw()
	report.Run = v.ran(r.subject, before, end, err, r.victim)
	if err == nil {
		report.judge()
	}
	return report, err
}

// pack packs the guest, once for all functions that are programs.
func (v *Harm) pack() (*registry.Package, error) {
	path := v.Guest
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the guest program beside this one: %w", err)
		}
		path = filepath.Join(filepath.Dir(self), "guest")
	}
	return registry.Pack(path)
}

// layout is the system, with a store.
func (v *Harm) layout(work string) proc.Layout {
	return proc.Layout{
		Coordinators: 1, Brokers: 1, Queues: 2, Workers: harmWorkers, Frontends: 1,
		Args: map[string][]string{
			"frontend": {"--store", filepath.Join(v.Logs, "store"), "--admin", "127.0.0.1:0", "--package-bind", "tcp://127.0.0.1:0"},
			"worker":   {"--slots", strconv.Itoa(harmSlots), "--work", work, "--idle", harmIdle.String()},
		},
	}
}

// deploy deploys a function; whoever does not serve it then is an error.
func (r *harm) deploy(ctx context.Context, name string, s registry.Spec, p *registry.Package) error {
	m, _, err := s.Manifest(p)
	if err != nil {
		return err
	}
	report, err := r.admin.Deploy(ctx, name, m, io.NewSectionReader(p, 0, p.Size), nil)
	if err == nil && len(report.Behind) > 0 {
		err = fmt.Errorf("not served by %s", strings.Join(report.Behind, ", "))
	}
	if err != nil {
		return fmt.Errorf("deploy %s: %w", name, err)
	}
	return nil
}

// deployOffender deploys who commits an offence: the guest, or a module.
func (r *harm) deployOffender(ctx context.Context, o *offence) error {
	if o.module == nil {
		return r.deploy(ctx, o.name, o.spec(), r.guest)
	}
	file := filepath.Join(r.Logs, moduleFile)
	if err := os.WriteFile(file, o.module, 0o666); err != nil {
		return err
	}
	p, err := registry.Pack(file)
	if err != nil {
		return err
	}
	defer p.Close()
	return r.deploy(ctx, o.name, o.spec(), p)
}

// offences has them committed.
func (r *harm) offences(ctx context.Context) error {
	all := offences(r.Output)
	for i := range all {
		o := &all[i]
		if len(r.Only) > 0 && !slices.Contains(r.Only, o.name) {
			continue
		}
		if err := r.commit(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// commit has one committed.
func (r *harm) commit(ctx context.Context, o *offence) error {
	r.ledger.enters("quiet before " + o.name)
	if err := r.deployOffender(ctx, o); err != nil {
		return err
	}
	s := span{quiet: r.ledger.now()}
	if err := r.until(ctx, s.quiet+r.Quiet); err != nil {
		return err
	}
	r.ledger.enters(o.name)
	s.from = r.ledger.now()
	r.tell("%6.1f s  %s: %s", s.from.Seconds(), o.name, o.does)
	bounded, cancel := context.WithTimeout(ctx, r.Duration+soon)
	defer cancel()
	row := HarmRow{Offence: o.name, Does: o.does, Kind: string(o.spec().Kind), Ends: o.comesTo.String(), Callers: callers}
	if o.every {
		row.Callers = harmWorkers * harmSlots
	}
	row.Calls, row.Proper = r.offend(bounded, o, row.Callers, r.Duration)
	s.until = r.ledger.now()
	if usage, err := r.usage(); err == nil {
		for _, name := range r.system.Names("worker") {
			row.Memory = max(row.Memory, usage[name].Resident)
		}
	}
	r.rows, r.spans = append(r.rows, row), append(r.spans, s)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.ended()
}

// remains waits until no process and no folder of the offenders is left, or notes which is.
func (r *harm) remains(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	r.ledger.enters("the end")
	for i := range r.rows {
		row := &r.rows[i]
		if err := eventually(ctx, func() string { return r.leftOf(row.Offence) }); err != nil {
			row.Left = err.Error()
			r.ledger.breach(Breach{Function: row.Offence, What: row.Left})
		}
	}
}

// leftOf names a process or a folder of a function's calls that is there; "" if
// there is none.
func (r *harm) leftOf(name string) string {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		exe, err := os.Readlink(link)
		if err == nil && strings.HasPrefix(exe, r.work) && strings.Contains(exe, "/code/"+name+"-1-") {
			return "process " + strings.Split(link, "/")[2] + " of " + name + " is left"
		}
	}
	if found, _ := filepath.Glob(filepath.Join(r.work, "*", "scratch", name+"-*")); len(found) > 0 {
		return found[0] + " is left"
	}
	return ""
}
