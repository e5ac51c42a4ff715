// Package operator watches a cluster from outside, through the coordination
// bus. It is what faasctl, its screens and the acceptance tests use.
package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"faasd/internal/bus"
	"faasd/internal/cluster"
	"faasd/internal/latency"
	"faasd/internal/resolve"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Picture is the cluster at one moment.
type Picture = cluster.Picture

// Worker is one worker of a Picture.
type Worker = cluster.Worker

// WorkerKey tells a Worker apart from all others.
type WorkerKey = cluster.WorkerKey

// Part is what all members of a Picture have.
type Part = cluster.Part

// Queue is one queue of a Picture.
type Queue = cluster.Queue

// Function is one function of a Picture.
type Function = cluster.Function

// Latency is how long jobs of a Picture took.
type Latency = cluster.Latency

// Bin is part of a Latency's spread.
type Bin = latency.Bin

// Totals are those of a Picture.
type Totals = cluster.Totals

// Rates are what happens per second in a Picture.
type Rates = cluster.Rates

// Job is one job of a Picture.
type Job = cluster.Job

// Preview is the beginning of a job's request.
type Preview = wire.Preview

// Incarnation tells one start of a part from the next.
type Incarnation = wire.Incarnation

// FunctionState is one function's part of a queue.
type FunctionState = wire.FunctionState

// Broken is a version that a worker cannot run, and why.
type Broken = wire.Broken

// FrontendState is what frontends say of their requests.
type FrontendState = wire.FrontendState

// BrokerState is what brokers say of their jobs.
type BrokerState = wire.BrokerState

// Event is something that happened.
type Event = wire.Event

// States of a part of a Picture that matter to who chooses one.
const (
	StateOK       = cluster.StateOK
	StateDraining = cluster.StateDraining
	StateLost     = cluster.StateLost
	StateNoWorker = cluster.StateNoWorker
	StateFailed   = cluster.StateFailed
	StateBroken   = cluster.StateBroken
	StateRemoved  = cluster.StateRemoved
	StateOther    = cluster.StateOther

	WorkerUp       = wire.WorkerUp
	WorkerDraining = wire.WorkerDraining

	ReasonKilled = wire.ReasonKilled // of a worker that was lost by an operator's command
)

// ZeroMQ returns the version of the libzmq that is linked, such as "4.3.4".
func ZeroMQ() string { return bus.Version() }

// Plural counts things in words: "1 job", "2 jobs".
func Plural(n int, thing string) string { return wire.Plural(n, thing) }

// ErrNoCluster: no coordinator answered.
var ErrNoCluster = errors.New("no cluster reached")

const (
	linkSubscribe role.Link = iota + 1
	linkPublish
)

// pollEvery is how often a condition on the picture is looked at again.
const pollEvery = 10 * time.Millisecond

// Operator is a connection to a cluster's coordinators.
type Operator struct {
	endpoints []string
	zmq       *bus.Context
	host      *bus.Host
	watcher   *watcher
	by        string // who asks, for the events of all who watch
	unfollow  func() // ends the looking up of names
	opened    time.Time
	ended     chan struct{}
}

// Open begins to watch; Await waits until there is something to see. The
// endpoints are coordinators' XPUBs; a host's name stands for all its addresses.
func Open(endpoints []string) (*Operator, error) { return openBy(nil, endpoints) }

// openBy is Open with names looked up by r.
func openBy(r *resolve.Resolver, endpoints []string) (*Operator, error) {
	zmq, err := bus.NewContext()
	if err != nil {
		return nil, err
	}
	zmq.Resolver = r
	w := newWatcher(resolve.Book(nil).Endpoints(endpoints))
	host, err := bus.NewHost(bus.Config{
		Context: zmq, Machine: w, Logger: slog.New(slog.DiscardHandler),
		Links: map[role.Link]bus.LinkSpec{
			linkSubscribe: {Name: "subscribe", Kind: bus.Sub}, linkPublish: {Name: "publish", Kind: bus.Pub},
		},
	})
	if err != nil {
		return nil, errors.Join(err, zmq.Close())
	}
	o := &Operator{endpoints: endpoints, zmq: zmq, host: host, watcher: w, by: by(), unfollow: func() {}, opened: time.Now(), ended: make(chan struct{})}
	o.follow(r)
	go func() {
		defer close(o.ended)
		_ = host.Run(context.Background()) // its only error would have come from NewHost
	}()
	return o, nil
}

// follow has the watcher told what is behind the names of the endpoints, until
// unfollow.
func (o *Operator) follow(r *resolve.Resolver) {
	hosts := resolve.Hosts(o.endpoints)
	if len(hosts) == 0 {
		return
	}
	o.watcher.looking = true // before anybody else can
	ctx, cancel := context.WithCancel(context.Background())
	o.unfollow = cancel
	go r.Follow(ctx, resolve.Watch{
		Hosts: hosts,
		Found: func(b resolve.Book) {
			o.host.Do(func(now role.Time) {
				o.watcher.looking = false
				o.watcher.agent.CoordinatorsAt(now, b.Endpoints(o.endpoints))
			})
		},
		Failed: func(host string, err error) {
			o.host.Do(func(role.Time) { o.watcher.unknown = unknownName(host, err) })
		},
		Urgent: func() (alone bool) {
			o.turn(func(role.Time) { alone = o.watcher.agent.Alone() })
			return alone
		},
	})
}

// unknownName says that a host cannot be looked up; nil if it can.
func unknownName(host string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the name %s cannot be looked up (%w)", host, err)
}

// Close ends the watching.
func (o *Operator) Close() error {
	o.unfollow()
	o.host.Close()
	<-o.ended
	return o.zmq.Close()
}

// Picture returns what is known now.
func (o *Operator) Picture() Picture {
	var p Picture
	o.turn(func(now role.Time) { p = o.watcher.agent.View.Picture(now) })
	return p
}

// Settled waits until what had changed before Open is known here, and returns
// the picture then: of a call that was answered before, it shows the end.
func (o *Operator) Settled(ctx context.Context) (Picture, error) {
	timer := time.NewTimer(time.Until(o.opened.Add(cluster.ToldWithin)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return o.Picture(), nil
	case <-ctx.Done():
		return Picture{}, context.Cause(ctx)
	}
}

// Await waits for the first whole picture: a coordinator's snapshot, and the
// workers of each queue in it. When ctx ends before the snapshot has come, the
// error wraps ErrNoCluster; a queue that does not tell of its workers in time
// is left without them. A cluster that this program does not understand, or
// coordinators of two clusters, are an error.
func (o *Operator) Await(ctx context.Context) (Picture, error) {
	var snapshot, whole bool
	var bad error
	if o.poll(ctx, func(now role.Time) bool {
		if bad = o.watcher.foreign(); bad == nil {
			snapshot, whole = o.watcher.complete(now)
		}
		return whole || bad != nil
	}) != nil && bad == nil {
		o.turn(func(role.Time) { bad = o.watcher.mixed() })
	}
	switch {
	case bad != nil:
		return Picture{}, bad
	case !snapshot && o.unknown() != nil:
		return Picture{}, fmt.Errorf("%w at %s: %w; name a host that is known here, or look at a `faasd up` with --data", ErrNoCluster, strings.Join(o.endpoints, ", "), o.unknown())
	case !snapshot:
		return Picture{}, fmt.Errorf("%w at %s; see that a coordinator runs there (`faasd coordinator`), or look at a `faasd up` with --data", ErrNoCluster, strings.Join(o.endpoints, ", "))
	}
	return o.Picture(), nil
}

// unknown is why a coordinator's name cannot be looked up; nil if all can.
func (o *Operator) unknown() (err error) {
	o.turn(func(role.Time) { err = o.watcher.unknown })
	return err
}

// Silent returns the queues that say that they have workers and have not told of
// them.
func (o *Operator) Silent() (names []string) {
	o.turn(func(now role.Time) {
		for _, e := range o.watcher.agent.View.Members(now, wire.RoleQueue) {
			if e.State.Workers > 0 && e.Detail == nil && !e.Stale(now) {
				names = append(names, e.State.Name)
			}
		}
	})
	return names
}

// Until waits until the picture is as wanted and returns it, or the last one
// and the context's cause.
func (o *Operator) Until(ctx context.Context, wanted func(Picture) bool) (Picture, error) {
	var p Picture
	var drawn role.Time = -redrawEvery
	var heard uint64
	err := o.poll(ctx, func(now role.Time) bool {
		if o.watcher.heard == heard && now < drawn+redrawEvery {
			return false
		}
		heard, drawn = o.watcher.heard, now
		p = o.watcher.agent.View.Picture(now)
		return wanted(p)
	})
	return p, err
}

// redrawEvery is how often a picture is looked at in which nothing was heard:
// silence changes it too.
const redrawEvery = 100 * time.Millisecond

// poll looks, in the owner's turn, until ok holds.
func (o *Operator) poll(ctx context.Context, ok func(now role.Time) bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		held := false
		o.turn(func(now role.Time) { held = ok(now) })
		if held {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// turn runs fn in the owner's turn and waits for it.
func (o *Operator) turn(fn func(now role.Time)) {
	done := make(chan struct{})
	if !o.host.Do(func(now role.Time) { fn(now); close(done) }) {
		return
	}
	select {
	case <-done:
	case <-o.ended:
	}
}
