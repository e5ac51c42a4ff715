package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// An operator watches what queues tell of their workers, and asks for things by
// every coordinator: a role.Machine that is no member.
type operator struct {
	role.Outbox
	details map[wire.Incarnation]wire.Detail // by queue
	heard   map[string]bool                  // topics that some coordinator passes on
	replies map[wire.Incarnation]wire.Reply  // by command
	peers   []string                         // of its links: the coordinators
	node    *Node
}

const (
	operatorSubscribe role.Link = iota + 1
	operatorPublish
)

const operatorToken wire.Incarnation = 0x0fe7a702

// operator starts one, and waits until it sees all workers.
func (c *cluster) operator() *operator {
	c.t.Helper()
	o := &operator{
		details: make(map[wire.Incarnation]wire.Detail), heard: make(map[string]bool), replies: make(map[wire.Incarnation]wire.Reply),
	}
	for _, at := range c.coordinators() {
		name := strings.TrimSuffix(at, "/subscribe")
		o.peers = append(o.peers, name)
		o.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: operatorSubscribe, Peer: name}, Endpoint: at})
		o.Emit(role.Effect{Op: role.OpDial, Packet: role.Packet{Link: operatorPublish, Peer: name}, Endpoint: name + "/publish"})
		for _, topic := range []string{wire.TopicDetail, wire.ReplyTopic(operatorToken)} {
			o.Emit(role.Effect{Op: role.OpSubscribe, Packet: role.Packet{Link: operatorSubscribe, Peer: name}, Topic: topic})
		}
	}
	o.node = c.World.Start(Spec{Name: "operator", Machine: o, Kinds: map[role.Link]Kind{operatorSubscribe: Sub, operatorPublish: Pub}})
	o.node.Do(func(role.Time) {})
	c.within(5*time.Second, "the operator sees all workers", func() (all bool) {
		all = true
		for i := range c.Workers {
			_, _, ok := o.worker(fmt.Sprintf("worker%d", i+1))
			all = all && ok
		}
		return all
	})
	return o
}

func (o *operator) Receive(_ role.Time, p role.Packet) {
	topic := string(p.Frames[0])
	switch {
	case p.Link == operatorPublish:
		o.heard[topic[1:]] = topic[0] == 1
	case strings.HasPrefix(topic, wire.TopicDetail):
		var d wire.Detail
		if wire.DecodeBus(p.Frames, &d) == nil && d.Sequence >= o.details[d.Incarnation].Sequence {
			o.details[d.Incarnation] = d
		}
	case topic == wire.ReplyTopic(operatorToken):
		var r wire.Reply
		if wire.DecodeBus(p.Frames, &r) == nil {
			o.replies[r.Command] = r
		}
	}
}

func (o *operator) Unreachable(role.Time, role.Packet) {}
func (o *operator) Malformed(role.Link, error)         {}
func (o *operator) Tick(role.Time)                     {}
func (o *operator) Wake() role.Time                    { return role.Never }

// worker returns a worker and its queue as that queue sees it; false if none does.
func (o *operator) worker(name string) (w wire.WorkerDetail, queue wire.Incarnation, ok bool) {
	for inc, d := range o.details {
		for _, w := range d.Workers {
			if w.Name == name {
				return w, inc, true
			}
		}
	}
	return w, 0, false
}

// order has a worker's queue carry a command out, and waits for the reply.
func (c *cluster) order(o *operator, verb, name string) wire.Reply {
	c.t.Helper()
	w, queue, ok := o.worker(name)
	if !ok {
		c.t.Fatalf("the operator does not see %s", name)
	}
	topic := wire.CommandTopic(queue)
	c.within(2*time.Second, "the command can be sent", func() bool { return o.heard[topic] })
	cmd := wire.Command{ID: wire.Incarnation(len(o.replies) + 1), ReplyTo: operatorToken, By: "op", Verb: verb, Worker: w.ID}
	for range 3 { // as if it had got lost: it counts once
		o.node.Do(func(role.Time) {
			for _, peer := range o.peers {
				o.Emit(role.Effect{Op: role.OpSend, Packet: role.Packet{Link: operatorPublish, Peer: peer, Frames: wire.EncodeBus(topic, cmd)}})
			}
		})
	}
	c.within(2*time.Second, "the reply", func() bool { _, ok := o.replies[cmd.ID]; return ok })
	return o.replies[cmd.ID]
}

// load asks n times, over a while.
func (c *cluster) load(n int) (all []*Request) {
	for range n {
		all = append(all, c.ask())
		c.Run(5 * ms)
	}
	return all
}

func TestAWorkerKilledByAnOperatorUnderLoadLosesNoRequest(t *testing.T) {
	for name, layout := range map[string]Layout{
		"one queue":    {Queues: 1, Workers: 3, Slots: 4},
		"three queues": {Queues: 3, Workers: 6, Slots: 4, Brokers: 2, Coordinators: 2},
		"other hosts":  {Queues: 2, Workers: 4, Slots: 4, Remote: true},
	} {
		t.Run(name, func(t *testing.T) {
			layout.Serve = taking(100 * ms)
			c := start(t, layout)
			o := c.operator()
			all := c.load(40)
			r := c.order(o, wire.VerbKill, "worker1")
			if !r.OK || r.Foreign {
				t.Errorf("answered %+v", r)
			}
			c.within(time.Second, "worker1 is dead", func() bool { return !c.Lives("worker1") })
			all = append(all, c.load(40)...)
			c.answered(10*time.Second, all...)
			again := 0
			for i, q := range all {
				if a := q.Answers[0].Attempt; a > 2 {
					t.Errorf("request %d is answered at attempt %d", i, a)
				} else if a == 2 {
					again++
				}
			}
			if again == 0 || again > layout.Slots {
				t.Errorf("%d requests were run again, want those that worker1 ran, at most %d", again, layout.Slots)
			}
			c.within(5*time.Second, "the operator sees that it is lost", func() bool {
				w, _, ok := o.worker("worker1")
				return ok && w.State == wire.WorkerLost
			})
			w, _, _ := o.worker("worker1")
			if want := "killed by an operator"; !layout.Remote && w.Reason != want {
				t.Errorf("lost because %q, want %q", w.Reason, want)
			}
			c.Run(5 * time.Second)
			c.empty()
		})
	}
}

func TestAWorkerDrainedByAnOperatorUnderLoadLosesNoAttempt(t *testing.T) {
	for name, layout := range map[string]Layout{
		"one queue":    {Queues: 1, Workers: 3, Slots: 4},
		"three queues": {Queues: 3, Workers: 6, Slots: 4, Brokers: 2, Coordinators: 2},
	} {
		t.Run(name, func(t *testing.T) {
			layout.Serve = taking(100 * ms)
			c := start(t, layout)
			o := c.operator()
			all := c.load(40)
			if r := c.order(o, wire.VerbDrain, "worker1"); !r.OK {
				t.Errorf("answered %+v", r)
			}
			n := c.Node("worker1")
			c.within(3*time.Second, "worker1 wants to end", func() bool { return n.exiting })
			c.Shut("worker1", time.Second) // as its process does then
			ran := len(c.Runs["worker1"])
			all = append(all, c.load(40)...)
			c.answered(10*time.Second, all...)
			for i, q := range all {
				if n := c.runs(q); n != 1 || q.Answers[0].Attempt != 1 {
					t.Errorf("request %d was run %d times and is answered at attempt %d", i, n, q.Answers[0].Attempt)
				}
			}
			if ran == 0 {
				t.Error("worker1 has run nothing")
			}
			c.within(5*time.Second, "the operator sees it no more", func() bool { _, _, ok := o.worker("worker1"); return !ok })
			c.Run(5 * time.Second)
			c.empty()
		})
	}
}

func TestAnUndrainedWorkerStaysAndIsGivenJobs(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 2, Slots: 1, Serve: taking(500 * ms)})
	o := c.operator()
	all := c.load(2)
	c.order(o, wire.VerbDrain, "worker1")
	if r := c.order(o, wire.VerbUndrain, "worker1"); !r.OK {
		t.Errorf("answered %+v", r)
	}
	c.answered(5*time.Second, all...)
	all = c.askMany(10)
	c.answered(10*time.Second, all...)
	if n := countBy(all, byWorker); n["worker1"] < 3 || c.Node("worker1").exiting {
		t.Errorf("answered by %v; worker1 wants to end: %t", n, c.Node("worker1").exiting)
	}
}

func TestAStoppedWorkerThatIsKilledKeepsItsJobsForItsLease(t *testing.T) {
	c := start(t, Layout{Queues: 1, Workers: 2, Slots: 1, Serve: taking(200 * ms)})
	o := c.operator()
	all := c.load(2)
	c.Node("worker1").Stop()
	if r := c.order(o, wire.VerbKill, "worker1"); !r.OK {
		t.Errorf("answered %+v", r)
	}
	c.answered(10*time.Second, all...)
	for i, q := range all {
		if a := q.Answers[0]; a.Worker != "worker2" && a.Attempt == 1 || a.Attempt == 2 && q.Took < 2500*ms {
			t.Errorf("request %d is answered by %s at attempt %d after %v", i, a.Worker, a.Attempt, q.Took)
		}
	}
	if n := countBy(all, func(a frontend.Answer) string { return fmt.Sprint(a.Attempt) }); n["2"] != 1 {
		t.Errorf("answered at attempts %v, want the one that the stopped one ran at its second", n)
	}
	c.Node("worker1").Continue()
	c.within(5*time.Second, "worker1 is dead or begins anew", func() bool {
		return !c.Lives("worker1") || c.queueOf("worker1") != ""
	})
	c.answered(10*time.Second, c.askMany(4)...)
}
