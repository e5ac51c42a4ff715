package node

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"faasd/internal/bus"
	"faasd/internal/config"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// An executioner has members of a running system crash, by commands on the bus.
// What follows the links is its owner's.
type executioner struct {
	role.Outbox
	t     *testing.T
	host  *bus.Host
	token wire.Incarnation

	members   map[string]wire.Incarnation // by name, as last told
	heard     map[string]bool             // topics that are passed on
	replies   map[wire.Incarnation]wire.Reply
	publishes bool // the coordinator has said where
}

const (
	executionerSubscribe role.Link = iota + 1
	executionerPublish
)

func newExecutioner(t *testing.T, data string) *executioner {
	t.Helper()
	run, err := config.ReadRunning(data)
	if err != nil {
		t.Fatal(err)
	}
	zmq, err := bus.NewContext()
	if err != nil {
		t.Fatal(err)
	}
	x := &executioner{
		t: t, token: wire.NewIncarnation(), members: make(map[string]wire.Incarnation),
		heard: make(map[string]bool), replies: make(map[wire.Incarnation]wire.Reply),
	}
	x.host, err = bus.NewHost(bus.Config{Context: zmq, Machine: x, Links: map[role.Link]bus.LinkSpec{
		executionerSubscribe: {Name: "subscribe", Kind: bus.Sub}, executionerPublish: {Name: "publish", Kind: bus.Pub},
	}})
	if err != nil {
		t.Fatal(err)
	}
	x.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: executionerSubscribe}, Endpoint: run.Coordinator})
	for _, topic := range []string{wire.TopicState, wire.ReplyTopic(x.token), wire.SnapshotTopic(x.token)} {
		x.Emit(role.Effect{Op: role.OpSubscribe, Packet: role.Packet{Link: executionerSubscribe}, Topic: topic})
	}
	ended := make(chan error, 1)
	go func() { ended <- x.host.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := zmq.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return x
}

func (x *executioner) Receive(_ role.Time, p role.Packet) {
	topic := string(p.Frames[0])
	switch {
	case p.Link == executionerPublish:
		x.heard[topic[1:]] = topic[0] == 1
	case strings.HasPrefix(topic, wire.TopicState):
		var s wire.State
		if wire.DecodeBus(p.Frames, &s) == nil {
			x.members[s.Name] = s.Incarnation
		}
	case topic == wire.SnapshotTopic(x.token):
		var s wire.Snapshot
		if wire.DecodeBus(p.Frames, &s) == nil && !x.publishes {
			x.publishes = true
			x.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: executionerPublish}, Endpoint: s.Coordinator.Endpoints["publish-ipc"]})
		}
	case topic == wire.ReplyTopic(x.token):
		var r wire.Reply
		if wire.DecodeBus(p.Frames, &r) == nil {
			x.replies[r.Command] = r
		}
	}
}

func (x *executioner) Unreachable(role.Time, role.Packet) {}
func (x *executioner) Malformed(role.Link, error)         {}
func (x *executioner) Tick(role.Time)                     {}
func (x *executioner) Wake() role.Time                    { return role.Never }

// until waits until ok holds in the owner's turn.
func (x *executioner) until(what string, ok func() bool) {
	x.t.Helper()
	within(x.t, what, func() bool {
		held := make(chan bool, 1)
		return x.host.Do(func(role.Time) { held <- ok() }) && <-held
	})
}

// crash has a member crash, and waits until another has its name.
func (x *executioner) crash(name string) {
	x.t.Helper()
	var inc wire.Incarnation
	var topic string
	x.until(name+" can be told", func() bool {
		inc = x.members[name]
		topic = wire.CommandTopic(inc)
		return inc != 0 && x.heard[topic]
	})
	c := wire.Command{ID: wire.NewIncarnation(), ReplyTo: x.token, By: "the test", Verb: wire.VerbCrash}
	x.host.Do(func(role.Time) {
		x.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: executionerPublish, Frames: wire.EncodeBus(topic, c)}})
	})
	x.until(name+" has answered", func() bool { return x.replies[c.ID].OK })
	x.until(name+" is back", func() bool { return x.members[name] != inc })
}

func TestEveryRequestIsAnsweredThoughRolesOfUpCrash(t *testing.T) {
	for _, name := range []string{"queueA", "broker1", "coordinator1"} {
		t.Run(name, func(t *testing.T) {
			u := settings(t)
			r, url := up(t, u)
			x := newExecutioner(t, u.Data)
			stop := make(chan struct{})
			var clients sync.WaitGroup
			var answered atomic.Int64
			for i := range 4 {
				clients.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						body := fmt.Sprint("body ", i, " ", n)
						a, err := http.Post(url+"/echo", "text/x", strings.NewReader(body))
						if err != nil {
							t.Error(err)
							return
						}
						got, err := io.ReadAll(a.Body)
						_ = a.Body.Close()
						if err != nil || a.StatusCode != http.StatusOK || string(got) != body {
							t.Errorf("status %d, %q, %v; want %q back", a.StatusCode, got, err, body)
							return
						}
						answered.Add(1)
					}
				})
			}
			more := func() {
				t.Helper()
				want := answered.Load() + 20
				within(t, "requests are answered", func() bool { return t.Failed() || answered.Load() >= want })
			}
			more()
			for range 2 {
				x.crash(name)
				more()
			}
			close(stop)
			clients.Wait()
			http.DefaultClient.CloseIdleConnections()
			r.end()
		})
	}
}
