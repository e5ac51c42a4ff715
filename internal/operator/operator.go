// Package operator watches a cluster from outside, through the coordination
// bus. It is what faasctl, its screens and the acceptance tests use.
package operator

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"faasd/internal/bus"
	"faasd/internal/cluster"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Picture is the cluster at one moment.
type Picture = cluster.Picture

// Queue is one queue of a Picture.
type Queue = cluster.Queue

// Worker is one worker of a Picture.
type Worker = cluster.Worker

// ErrNoCluster: no coordinator answered.
var ErrNoCluster = errors.New("no cluster reached")

const linkSubscribe role.Link = 1

// pollEvery is how often a condition on the picture is looked at again.
const pollEvery = 10 * time.Millisecond

// Operator is a connection to a cluster's coordinators.
type Operator struct {
	endpoints []string
	zmq       *bus.Context
	host      *bus.Host
	watcher   *watcher
	ended     chan struct{}
}

// Open begins to watch; Await waits until there is something to see. The
// endpoints are coordinators' XPUBs.
func Open(endpoints []string) (*Operator, error) {
	zmq, err := bus.NewContext()
	if err != nil {
		return nil, err
	}
	w := newWatcher(endpoints)
	host, err := bus.NewHost(bus.Config{
		Context: zmq, Machine: w, Logger: slog.New(slog.DiscardHandler),
		Links: map[role.Link]bus.LinkSpec{linkSubscribe: {Name: "subscribe", Kind: bus.Sub}},
	})
	if err != nil {
		return nil, errors.Join(err, zmq.Close())
	}
	o := &Operator{endpoints: endpoints, zmq: zmq, host: host, watcher: w, ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		_ = host.Run(context.Background()) // its only error would have come from NewHost
	}()
	return o, nil
}

// Close ends the watching.
func (o *Operator) Close() error {
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

// Await waits for the first whole picture: a coordinator's snapshot, and the
// workers of each queue in it. When ctx ends before the snapshot has come, the
// error wraps ErrNoCluster; a queue that does not tell of its workers in time
// is left without them.
func (o *Operator) Await(ctx context.Context) (Picture, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		var snapshot, whole bool
		o.turn(func(now role.Time) { snapshot, whole = o.watcher.complete(now) })
		if whole {
			return o.Picture(), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if snapshot {
				return o.Picture(), nil
			}
			return Picture{}, fmt.Errorf("%w at %s; see that a coordinator runs there (`faasd coordinator`), or look at a `faasd up` with --data", ErrNoCluster, strings.Join(o.endpoints, ", "))
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

// watcher is an onlooker on the bus: a role.Machine that publishes nothing.
type watcher struct {
	role.Outbox
	agent *cluster.Agent
}

func newWatcher(endpoints []string) *watcher {
	w := &watcher{}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	w.agent = cluster.NewAgent(cluster.AgentConfig{
		Self: wire.Incarnation(binary.BigEndian.Uint64(b[:])), Coordinators: endpoints, Subscribe: linkSubscribe,
		Topics: []string{wire.TopicState, wire.TopicDetail}, Emit: w.Emit,
	})
	w.agent.Start(0)
	return w
}

// complete reports whether a snapshot has come, and whether all live queues
// with workers have told of them.
func (w *watcher) complete(now role.Time) (snapshot, whole bool) {
	if w.agent.Snapshots() == 0 {
		return false, false
	}
	for inc, s := range w.agent.View.Live(now, wire.RoleQueue) {
		if s.Workers > 0 && w.agent.View.Get(inc).Detail == nil {
			return true, false
		}
	}
	return true, true
}

// Receive takes one packet. What does not decode is not this program's to
// count: the roles do.
func (w *watcher) Receive(now role.Time, p role.Packet) { _, _ = w.agent.Receive(now, p) }

// Unreachable cannot happen: nothing is sent.
func (w *watcher) Unreachable(role.Time, role.Packet) {}

// Malformed cannot happen: nothing is bound.
func (w *watcher) Malformed(role.Link, error) {}

// Tick has nothing to do.
func (w *watcher) Tick(role.Time) {}

// Wake never wants a tick but the first.
func (w *watcher) Wake() role.Time { return time.Hour }
