package operator

import (
	"context"
	"strings"
	"testing"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

func TestADeadCoordinatorBesideALiveOneDoesNotMakeItSlow(t *testing.T) {
	c := newCoordinator(t, queue("queueA", 10, 0))
	began := time.Now()
	await(t, open(t, "tcp://127.0.0.1:1", c.endpoint))
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the first picture took %v", took)
	}
}

func TestTwoCoordinatorsOfOneClusterGiveOnePicture(t *testing.T) {
	a := newCoordinator(t, queue("queueA", 10, 0), queue("queueB", 11, 0))
	b := newCoordinator(t, queue("queueB", 11, 0), queue("queueC", 12, 0))
	o := open(t, a.endpoint, b.endpoint)
	if p := await(t, o); len(p.Queues) != 3 {
		t.Errorf("%d queues, want those of both", len(p.Queues))
	}
}

func TestACommandGoesByTheCoordinatorThatPassesItOn(t *testing.T) {
	both := []wire.State{queue("queueA", 10, 0), queue("queueB", 11, 0)}
	deaf, hears := newCluster(t, nil, both...), newCluster(t, []wire.Incarnation{10}, both...)
	answer := func(wire.Incarnation, wire.Command) *wire.Reply { return &wire.Reply{OK: true} }
	deaf.turn(func() { deaf.answer = answer })
	hears.turn(func() { hears.answer = answer })
	o := open(t, deaf.endpoint, hears.endpoint)
	await(t, o)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := o.ask(ctx, "queueA", 10, wire.Command{}); err != nil {
		t.Error(err)
	}
	if len(hears.commands(10)) == 0 {
		t.Error("the one that passes commands on has not had it")
	}
}

func TestCoordinatorsOfTwoClustersAreRefused(t *testing.T) {
	a, b := newCoordinator(t, queue("queueA", 10, 0)), newCoordinator(t, queue("queueA", 99, 0))
	o := open(t, a.endpoint, b.endpoint)
	within(t, "both have answered", func() (both bool) {
		o.turn(func(role.Time) { both = len(o.watcher.agent.Seen()) == 2 })
		return both
	})
	ctx, cancel := context.WithTimeout(context.Background(), brief)
	defer cancel()
	_, err := o.Await(ctx)
	if err == nil || !strings.Contains(err.Error(), "two clusters") || !strings.Contains(err.Error(), a.endpoint) || !strings.Contains(err.Error(), b.endpoint) {
		t.Errorf("%v, want an error that names both", err)
	}
	// One member that both know, and they are one cluster after all.
	s := queue("queueA", 10, 0)
	b.turn(func() { b.publish(s.Topic(), s) })
	await(t, o)
}

func TestACoordinatorThatKnowsNobodyYetIsOfEveryCluster(t *testing.T) {
	a, b := newCoordinator(t, queue("queueA", 10, 0)), newCoordinator(t)
	if p := await(t, open(t, a.endpoint, b.endpoint)); len(p.Queues) != 1 {
		t.Errorf("%+v", p.Queues)
	}
}

func TestAClusterOfAnotherProtocolIsRefused(t *testing.T) {
	for _, c := range []struct {
		name     string
		protocol int
		want     string
	}{
		{"older", wire.BusProtocol - 1, "is older than"}, {"newer", wire.BusProtocol + 1, "is newer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			co := newCoordinator(t, queue("queueA", 10, 0))
			co.turn(func() {
				co.snapshot.Coordinator.Protocol, co.snapshot.Coordinator.Version = c.protocol, "v9.9"
			})
			o := open(t, co.endpoint)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_, err := o.Await(ctx)
			if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "v9.9") || !strings.Contains(err.Error(), co.endpoint) {
				t.Errorf("%v, want at once that it %s this program", err, c.want)
			}
		})
	}
}

func TestThePastOfASecondCoordinatorIsPutInByTime(t *testing.T) {
	s := queue("queueA", 10, 0)
	a, b := newCoordinator(t, s), newCoordinator(t, s)
	a.turn(func() { a.past = []wire.Event{event(1, 2, 200), event(1, 4, 400)} })
	b.turn(func() { b.past = []wire.Event{event(1, 1, 100), event(1, 2, 200), event(1, 3, 300)} })
	o := open(t, a.endpoint, b.endpoint)
	within(t, "four events", func() (all bool) {
		o.turn(func(role.Time) { all = len(o.watcher.events) == 4 })
		return all
	})
	list, next := o.Events(0)
	for i, e := range list {
		if e.Number != uint64(i+1) {
			t.Errorf("event %d of the past is number %d", i+1, e.Number)
		}
	}
	// What comes after somebody has been told comes behind, and once.
	b.turn(func() {
		b.publish(wire.HistoryTopic(o.watcher.token), history([]wire.Event{event(1, 1, 100), event(1, 5, 50)}))
	})
	within(t, "one event more", func() bool {
		list, _ = o.Events(next)
		return len(list) == 1 && list[0].Number == 5
	})
}
