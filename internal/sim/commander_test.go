package sim

import (
	"fmt"
	"strings"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// A commander is an operator's program that says and hears nothing else than
// its commands.
type commander struct {
	role.Outbox
	role.Faults
	last uint64
}

const commanderPublish role.Link = 1

func (c *commander) Receive(role.Time, role.Packet)     {}
func (c *commander) Unreachable(role.Time, role.Packet) {}
func (c *commander) Tick(role.Time)                     {}
func (c *commander) Wake() role.Time                    { return role.Never }

// startCommander starts the one of this system.
func (t *tormented) startCommander() {
	t.commander = &commander{}
	for i := range t.Coordinators {
		name := fmt.Sprintf("coordinator%d", i+1)
		t.commander.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: commanderPublish, Peer: name}, Endpoint: name + "/publish"})
	}
	n := t.World.Start(Spec{Name: "commander", Machine: t.commander, Kinds: map[role.Link]Kind{commanderPublish: Pub}})
	n.Do(func(role.Time) {})
}

// command sends a command about a worker to its queue, by all coordinators.
func (t *tormented) command(queue wire.Incarnation, verb, worker string) {
	t.commander.last++
	c := wire.Command{ID: wire.Incarnation(t.commander.last), ReplyTo: 1, By: "operator", Verb: verb, Worker: worker}
	t.Node("commander").Do(func(role.Time) {
		for i := range t.Coordinators {
			t.commander.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{
				Link: commanderPublish, Peer: fmt.Sprintf("coordinator%d", i+1), Frames: wire.EncodeBus(wire.CommandTopic(queue), c),
			}})
		}
	})
}

// atQueue draws a native worker that is at a queue which lives.
func (t *tormented) atQueue() (worker, queue *Node) {
	name := t.victim(func(name string) bool { return t.runs(name) && strings.HasPrefix(name, "worker") })
	if name == "" {
		return nil, nil
	}
	at := t.Worker(name).Joined()
	for _, n := range t.nodes {
		if at != "" && strings.TrimSuffix(n.Name, "'") == at {
			return t.Node(name), n
		}
	}
	return nil, nil
}

// operate has an operator kill a worker, or drain it and perhaps change his mind.
func (t *tormented) operate() string {
	w, q := t.atQueue()
	if w == nil {
		return ""
	}
	id := w.Incarnation.String()
	kill := func() {
		t.watched.ordered[w] = true
		t.command(q.Incarnation, wire.VerbKill, id)
	}
	back := func() {
		if !w.dead {
			w.Crash()
		}
		t.restart(w.Name)
	}
	if t.random.IntN(2) == 0 {
		kill()
		t.ends(t.forSome(), back)
		return "kills " + w.Name
	}
	t.command(q.Incarnation, wire.VerbDrain, id)
	d := 300*ms + t.forSome()
	switch t.random.IntN(3) {
	case 0:
		t.After(t.upTo(200*ms), func() { t.command(q.Incarnation, wire.VerbUndrain, id) })
	case 1:
		t.After(t.upTo(200*ms), kill)
	}
	t.ends(d, back) // whether or not he was heard
	return "drains " + w.Name
}
