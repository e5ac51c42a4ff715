// Package node starts and stops roles: one in a process of its own, or any set
// of them in one process, by the same code.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"faasd/internal/bus"
	"faasd/internal/config"
	"faasd/internal/metrics"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// machine is what every role's state machine offers beside role.Machine.
type machine interface {
	role.Machine
	// MalformedOn is how many unusable messages have come on a link.
	MalformedOn(link role.Link) uint64
	// Measure tells what the role has counted.
	Measure(now role.Time, to *metrics.Sink)
	// Ready reports whether the role does what it is for; Waits says what it
	// waits for if not, as in "queue q waits for a broker".
	Ready() bool
	Waits() string
	// Advertise says where others reach one of the role's links.
	Advertise(link, endpoint string)
	// Drain begins to stop, Drained says when nothing is left to do, and
	// Leave says goodbye.
	Drain(now role.Time)
	Drained() bool
	Leave(now role.Time)
}

// Identity is who a role is.
type Identity struct {
	Role string
	Name string // empty: one is made up
	// Advertise is the host under which others reach what is bound to all
	// addresses; empty is the host's name.
	Advertise string
}

// member draws an incarnation and fills in what is known of the process.
func (id *Identity) member() wire.Member {
	inc := wire.NewIncarnation()
	if id.Name == "" {
		id.Name = fmt.Sprintf("%s-%s", id.Role[:1], inc.String()[:6])
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return wire.Member{
		Role: id.Role, Name: id.Name, Incarnation: inc, Host: host, PID: os.Getpid(), Started: time.Now().UnixMilli(), Version: config.Version,
		Protocol: wire.BusProtocol,
	}
}

// Part is one role of this process.
type Part struct {
	id      Identity
	log     *slog.Logger
	host    *bus.Host
	machine machine
	bound   map[string]string         // by link name, as bound
	crash   func()                    // what ends the role as SIGKILL would; nil: the host's end is enough
	exiting chan struct{}             // closed when the role wants its process to stop in order
	ended   chan struct{}             // closed when the host has stopped
	err     error                     // of the host; valid once ended
	after   func(ctx context.Context) // ends what the role has used, once it has stopped; nil: nothing
}

// newPart joins a machine, whose clock reads zero at started, to the bus. Nothing
// happens before run.
func newPart(ctx *bus.Context, id Identity, m machine, links map[role.Link]bus.LinkSpec, started time.Time, log *slog.Logger) (*Part, error) {
	p := &Part{
		id: id, log: log, machine: m,
		bound: make(map[string]string), exiting: make(chan struct{}), ended: make(chan struct{}),
	}
	var err error
	p.host, err = bus.NewHost(bus.Config{
		Context: ctx, Machine: m, Links: links, Logger: log, Started: started,
		Crash: func() {
			if p.crash != nil {
				p.crash()
			}
		},
		Exit: sync.OnceFunc(func() { close(p.exiting) }),
	})
	return p, err
}

// binding is a link and the endpoints that it is bound to. The first is
// advertised under the link's name, the others under "name-transport".
type binding struct {
	link      role.Link
	name      string
	endpoints []string
}

// bind binds links, or none: after an error the part is of no use.
func (p *Part) bind(links ...binding) error {
	for _, b := range links {
		for i, ep := range b.endpoints {
			bound, err := p.host.Bind(b.link, ep)
			if err != nil {
				p.host.Close()
				return err
			}
			name := b.name
			if i == 0 {
				p.bound[name] = bound
			} else {
				transport, _, _ := strings.Cut(bound, "://")
				name += "-" + transport
			}
			p.machine.Advertise(name, p.reachable(bound))
		}
	}
	return nil
}

// reachable turns what was bound into what others can dial.
func (p *Part) reachable(bound string) string {
	addr, ok := strings.CutPrefix(bound, "tcp://")
	if !ok {
		return bound
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return bound
	}
	ip := net.ParseIP(host)
	switch {
	case p.id.Advertise != "":
		host = p.id.Advertise
	case ip != nil && ip.IsUnspecified():
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return "tcp://" + net.JoinHostPort(host, port)
}

// run starts the host's own goroutine.
func (p *Part) run() {
	go func() {
		defer close(p.ended)
		p.err = p.host.Run(context.Background())
	}()
}

// Ready is what the role says once its sockets are bound.
func (p *Part) Ready() config.Ready {
	return config.Ready{Role: p.id.Role, Name: p.id.Name, Links: maps.Clone(p.bound)}
}

// ready is what the role says that has the telemetry of its process.
func (p *Part) ready(t *telemetry) config.Ready {
	r := p.Ready()
	if url := t.url(); url != "" {
		r.Links["metrics"] = url
	}
	return r
}

// drainPoll is how often a stopping role is asked whether it has finished.
const drainPoll = 10 * time.Millisecond

// Stop lets the role finish or give back what it has until ctx ends, says
// goodbye, and closes its sockets.
func (p *Part) Stop(ctx context.Context) {
	p.log.Info("stopping")
	if !p.turn(p.machine.Drain) {
		return
	}
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for drained := false; !drained; {
		if !p.turn(func(role.Time) { drained = p.machine.Drained() }) {
			return
		}
		if drained {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.log.Warn("stopped before everything was finished")
			drained = true
		}
	}
	p.turn(p.machine.Leave)
	p.host.Close()
	<-p.ended
	if p.after != nil {
		p.after(ctx)
	}
	p.log.Info("stopped")
}

// turn runs fn in the owner's turn and waits for it; false if the host has stopped.
func (p *Part) turn(fn func(now role.Time)) bool {
	done := make(chan struct{})
	if !p.host.Do(func(now role.Time) { fn(now); close(done) }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-p.ended:
		return false
	}
}

// errEnded is what a role says that stopped though nobody asked it to.
var errEnded = errors.New("the role stopped by itself")

// Process is what the process of one role has beside it.
type Process struct {
	Grace    time.Duration // to finish or give back what runs when stopped
	Metrics  string        // address to serve metrics and health on; "": none
	Log      *slog.Logger
	Announce func(config.Ready) // called once everything is bound
}

// alone runs the one role of a process: it is announced, runs until ctx ends,
// and is stopped in time.
func alone(ctx context.Context, p *Part, with Process) error {
	p.crash = func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }
	parts := func() []*Part { return []*Part{p} }
	t, err := openTelemetry(with.Metrics, newMetrics(parts), parts, with.Log)
	if err != nil {
		p.host.Close()
		return err
	}
	defer t.close()
	p.run()
	t.run()
	with.Announce(p.ready(t))
	select {
	case <-ctx.Done():
	case <-p.exiting:
	case <-p.ended:
		return errors.Join(errEnded, p.err)
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), with.Grace)
	defer cancel()
	p.Stop(stop)
	return p.err
}
