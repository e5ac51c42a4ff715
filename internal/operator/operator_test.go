package operator

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"faasd/internal/bus"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// patience is how long anything may take here; it is only used up by what is
// broken.
const patience = 30 * time.Second

// A coordinator is one whose publishers are the test.
type coordinator struct {
	role.Outbox
	t        *testing.T
	host     *bus.Host
	endpoint string
	snapshot wire.Snapshot
	past     []wire.Event
	wanted   map[string]bool // by topic

	published func(frames [][]byte) // what comes by linkPublished
}

const (
	linkOut role.Link = iota + 1
	linkPublished
)

// newCoordinator starts a coordinator that answers with a snapshot, and that
// nobody can publish at.
func newCoordinator(t *testing.T, states ...wire.State) *coordinator {
	t.Helper()
	return startCoordinator(t, false, states...)
}

// newCoordinatorWith starts one that takes what is published.
func newCoordinatorWith(t *testing.T, states ...wire.State) *coordinator {
	t.Helper()
	return startCoordinator(t, true, states...)
}

func startCoordinator(t *testing.T, publish bool, states ...wire.State) *coordinator {
	t.Helper()
	zmq, err := bus.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	c := &coordinator{t: t, wanted: make(map[string]bool)}
	c.snapshot.Coordinator.Protocol = wire.BusProtocol
	for _, s := range states {
		c.snapshot.States = append(c.snapshot.States, wire.Aged[wire.State]{Value: s})
	}
	c.host, err = bus.NewHost(bus.Config{
		Context: zmq, Machine: c, Links: map[role.Link]bus.LinkSpec{
			linkOut: {Name: "subscribe", Kind: bus.XPub}, linkPublished: {Name: "publish", Kind: bus.XSub},
		},
	})
	if err == nil {
		c.endpoint, err = c.host.Bind(linkOut, "tcp://127.0.0.1:0")
	}
	if err == nil && publish {
		var at string
		at, err = c.host.Bind(linkPublished, "tcp://127.0.0.1:0")
		c.snapshot.Coordinator.Advertise("publish", at)
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.host.Run(context.Background()) }()
	t.Cleanup(func() {
		c.host.Close()
		if err := errors.Join(<-ended, zmq.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Receive notes who wants what, and sends the snapshot to who wants it.
func (c *coordinator) Receive(_ role.Time, p role.Packet) {
	if p.Link == linkPublished {
		c.published(p.Frames)
		return
	}
	topic := string(p.Frames[0][1:])
	c.wanted[topic] = p.Frames[0][0] == 1
	if strings.HasPrefix(topic, wire.TopicSnapshot) && c.wanted[topic] {
		c.publish(topic, c.snapshot)
	}
	if strings.HasPrefix(topic, wire.TopicHistory) && c.wanted[topic] {
		c.publish(topic, history(c.past))
	}
}

// history is what a coordinator answers that has passed these events on.
func history(events []wire.Event) (h wire.History) {
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		h.Events = append(h.Events, b)
	}
	return h
}

func (c *coordinator) publish(topic string, v any) {
	c.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: linkOut, Frames: wire.EncodeBus(topic, v)}})
}

func (c *coordinator) Unreachable(role.Time, role.Packet) {}
func (c *coordinator) Malformed(role.Link, error)         {}

func (c *coordinator) Tick(role.Time)  {}
func (c *coordinator) Wake() role.Time { return role.Never }

// turn runs fn in the coordinator's turn and waits for it.
func (c *coordinator) turn(fn func()) {
	c.t.Helper()
	done := make(chan struct{})
	if !c.host.Do(func(role.Time) { fn(); close(done) }) {
		c.t.Fatal("the coordinator has stopped")
	}
	<-done
}

func queue(name string, inc wire.Incarnation, workers int) wire.State {
	return wire.State{
		Member:   wire.Member{Role: wire.RoleQueue, Name: name, Incarnation: inc, Workers: workers},
		Sequence: 1, Queue: &wire.QueueState{Slots: 4 * workers, Free: 4 * workers},
	}
}

func detail(name string, inc wire.Incarnation, workers ...string) wire.Detail {
	d := wire.Detail{Role: wire.RoleQueue, Name: name, Incarnation: inc, Sequence: 1}
	for _, w := range workers {
		d.Workers = append(d.Workers, wire.WorkerDetail{Name: w, State: wire.WorkerUp})
	}
	return d
}

// open opens an operator until the test ends.
func open(t *testing.T, endpoints ...string) *Operator {
	t.Helper()
	o, err := Open(endpoints)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func await(t *testing.T, o *Operator) Picture {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := o.Await(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// within waits until ok holds.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func TestTheFirstPictureIsWhole(t *testing.T) {
	c := newCoordinator(t, queue("queueA", 10, 2), queue("queueB", 11, 0))
	c.turn(func() {
		c.snapshot.Details = []wire.Aged[wire.Detail]{{Value: detail("queueA", 10, "w1", "w2")}}
	})
	p := await(t, open(t, c.endpoint))
	if len(p.Queues) != 2 || p.Queues[0].Name != "queueA" || len(p.Workers) != 2 || p.Totals.Slots != 8 {
		t.Errorf("the picture has %+v", p)
	}
}

func TestAPictureWaitsForTheWorkersOfEachQueue(t *testing.T) {
	c := newCoordinator(t, queue("queueA", 10, 1))
	o := open(t, c.endpoint)
	within(t, "the snapshot has come", func() (has bool) {
		o.turn(func(now role.Time) { has, _ = o.watcher.complete(now) })
		return has
	})
	var whole bool
	o.turn(func(now role.Time) { _, whole = o.watcher.complete(now) })
	if whole {
		t.Fatal("whole without the one worker")
	}
	d := detail("queueA", 10, "w1")
	c.turn(func() { c.publish(d.Topic(), d) })
	if p := await(t, o); len(p.Workers) != 1 || p.Workers[0].Name != "w1" {
		t.Errorf("workers %+v", p.Workers)
	}
}

func TestAQueueThatDoesNotTellOfItsWorkersIsShownWithoutThem(t *testing.T) {
	c := newCoordinator(t, queue("queueA", 10, 1))
	o := open(t, c.endpoint)
	within(t, "the snapshot has come", func() (has bool) {
		o.turn(func(now role.Time) { has, _ = o.watcher.complete(now) })
		return has
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if p, err := o.Await(ctx); err != nil || len(p.Queues) != 1 || len(p.Workers) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWithoutACoordinatorThereIsNoCluster(t *testing.T) {
	o := open(t, "tcp://127.0.0.1:1")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := o.Await(ctx); !errors.Is(err, ErrNoCluster) || !strings.Contains(err.Error(), "tcp://127.0.0.1:1") {
		t.Errorf("%v, want that no cluster is reached at that address", err)
	}
	if p := o.Picture(); len(p.Queues) != 0 {
		t.Errorf("a picture of nothing: %+v", p)
	}
}

func TestOneOfTwoCoordinatorsIsEnough(t *testing.T) {
	c := newCoordinator(t, queue("queueA", 10, 0))
	if p := await(t, open(t, "tcp://127.0.0.1:1", c.endpoint)); len(p.Queues) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestThePictureFollowsWhatIsPublished(t *testing.T) {
	c := newCoordinator(t, queue("queueA", 10, 0))
	o := open(t, c.endpoint)
	await(t, o)
	s := queue("queueA", 10, 5)
	s.Sequence = 2
	c.turn(func() {
		c.publish(s.Topic(), s)
		c.publish("state/nonsense/", json.RawMessage(`{"sequence":"x"}`)) // what does not decode changes nothing
	})
	within(t, "five workers", func() bool { return o.Picture().Totals.Workers == 5 })
}

func TestAClosedOperatorAnswersNothingAndDoesNotHang(t *testing.T) {
	c := newCoordinator(t, queue("queueA", 10, 0))
	o, err := Open([]string{c.endpoint})
	if err != nil {
		t.Fatal(err)
	}
	await(t, o)
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if p := o.Picture(); len(p.Queues) != 0 {
		t.Errorf("a picture after the end: %+v", p)
	}
	within(t, "nobody is subscribed any more", func() (none bool) {
		c.turn(func() {
			none = true
			for _, on := range c.wanted {
				none = none && !on
			}
		})
		return none
	})
}

func TestAWatcherOnlyWatches(t *testing.T) {
	w := newWatcher([]string{"tcp://c0", "tcp://c1"})
	for _, e := range w.Effects() {
		if e.Op == role.OpSend {
			t.Errorf("it sends %+v", e)
		}
	}
	w.Tick(time.Second)
	w.Unreachable(0, role.Packet{})
	if len(w.Effects()) != 0 || w.Wake() < time.Minute {
		t.Error("it wants something by itself")
	}
}
