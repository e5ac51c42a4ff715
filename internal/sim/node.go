package sim

import (
	"fmt"
	"slices"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// Node is one process: a machine, its clock and its sockets.
type Node struct {
	Name        string
	Incarnation wire.Incarnation // 0 if it has none
	Machine     role.Machine

	w        *World
	born     time.Duration // its clock reads zero then
	speed    int64         // see World.Speed
	kinds    map[role.Link]Kind
	sockets  []*socket // in the order in which they were opened
	nextTick time.Duration
	due      time.Duration // when it wants its next tick, as of its last turn
	fuse     int           // it crashes after so many effects more, in the middle of a turn; 0 it does not
	dead     bool
	left     bool // it has said goodbye, and runs nothing any more
	exiting  bool // it wants to end in order

	stopped int               // how often it has been stopped; odd while it is
	backlog []func(role.Time) // what happened to it while it was stopped
	lost    []role.Packet     // to be returned as unreachable
	turned  func()            // after each turn, before the effects; may be nil
}

// Spec says what a process is.
type Spec struct {
	Name        string
	Incarnation wire.Incarnation // 0 for none
	Machine     role.Machine
	Kinds       map[role.Link]Kind
	Binds       []Bind
}

// Bind is a link and the endpoint that it is bound to. A link may have several.
type Bind struct {
	Link     role.Link
	Endpoint string
}

// Start starts a process. A name that lives already, or an endpoint that is
// taken, is a mistake of the test.
func (w *World) Start(s Spec) *Node {
	n := &Node{Name: s.Name, Incarnation: s.Incarnation, Machine: s.Machine, w: w, born: w.now, kinds: s.Kinds}
	if w.Speed != nil {
		n.speed = w.Speed(s.Name)
	}
	if w.node(s.Name) != nil {
		panic("sim: two processes called " + s.Name)
	}
	for _, b := range s.Binds {
		if w.bound[b.Endpoint] != nil {
			panic("sim: endpoint in use: " + b.Endpoint)
		}
		w.bound[b.Endpoint] = n.open(b.Link, "", b.Endpoint)
		w.bound[b.Endpoint].isBound = true
	}
	w.nodes, w.all = append(w.nodes, n), append(w.all, n)
	n.due = n.nextDue()
	return n
}

// CrashWithin has a process crash in the middle of a turn: so many effects from
// now on are still carried out.
func (n *Node) CrashWithin(effects int) { n.fuse = effects + 1 }

// Crash ends a process at once, as SIGKILL does.
func (n *Node) Crash() {
	n.dead = true
	if n.w.Died != nil {
		n.w.Died(n)
	}
	n.due = 1<<63 - 1
	n.w.nodes = slices.DeleteFunc(n.w.nodes, func(o *Node) bool { return o == n })
	n.breakTowards(func(string) bool { return true })
	for _, s := range n.sockets {
		if s.isBound {
			delete(n.w.bound, s.endpoint)
		}
		s.closed = true
	}
}

// Stop stops a process, as SIGSTOP does. Its peers drop their connections to it
// after a while; what had arrived by then is there when it goes on.
func (n *Node) Stop() {
	n.stopped++
	n.due = n.nextDue()
	this := n.stopped
	n.w.After(heartbeatTimeout, func() {
		if n.stopped == this && !n.dead {
			n.breakTowards(func(string) bool { return true })
		}
	})
}

// Continue has a stopped process go on.
func (n *Node) Continue() {
	n.stopped++
	n.due = n.nextDue()
	backlog := n.backlog
	n.backlog = nil
	for _, do := range backlog {
		n.Do(do)
	}
}

// Stopped reports whether the process is stopped now.
func (n *Node) Stopped() bool { return n.stopped%2 == 1 }

// Do runs do in the process's turn: now, or when it goes on. It reports whether
// the process lives.
func (n *Node) Do(do func(now role.Time)) bool {
	switch {
	case n.dead:
		return false
	case n.Stopped():
		n.backlog = append(n.backlog, do)
	default:
		do(n.Clock())
		n.perform()
		n.due = n.nextDue()
	}
	return true
}

// Clock is the time as the process reads it.
func (n *Node) Clock() role.Time {
	d := n.w.now - n.born
	return d + d*time.Duration(n.speed)/1e6
}

// when is the world's time at which the process's clock has reached t.
func (n *Node) when(t role.Time) time.Duration {
	speed := time.Duration(n.speed)
	d := t - t*speed/(1e6+speed)
	for d+d*speed/1e6 < t { // rounding
		d++
	}
	return n.born + d
}

// nextDue is when the process wants its next tick.
func (n *Node) nextDue() time.Duration {
	if n.Stopped() {
		return 1<<63 - 1
	}
	wake := n.Machine.Wake()
	if wake > 1<<62 { // never
		return 1<<63 - 1
	}
	return max(n.when(wake), n.nextTick)
}

func (n *Node) tick() {
	n.nextTick = n.w.now + tickFloor
	n.due = n.nextTick
	n.Do(n.Machine.Tick)
}

// perform carries out what the machine wants, and returns to it what could not
// be sent, which may make it want more.
func (n *Node) perform() {
	for range 1000 {
		if n.turned != nil {
			n.turned()
		}
		for _, e := range n.Machine.Effects() {
			n.carryOut(e)
		}
		if len(n.lost) == 0 {
			return
		}
		lost := n.lost
		n.lost = nil
		for _, p := range lost {
			n.Machine.Unreachable(n.Clock(), p)
		}
	}
	panic("sim: " + n.Name + " goes on sending to a peer that is gone")
}

func (n *Node) carryOut(e role.Effect) {
	if n.dead {
		return
	}
	if n.fuse > 0 {
		if n.fuse--; n.fuse == 0 {
			n.w.Note("%s crashes in the middle of a turn", n.Name)
			n.Crash()
			return
		}
	}
	switch e.Op {
	case role.OpSend:
		n.send(e.Packet)
	case role.OpDial:
		n.hangup(e.Link, e.Peer)
		n.open(e.Link, e.Peer, e.Endpoint).connect(latency)
	case role.OpHangup:
		n.hangup(e.Link, e.Peer)
	case role.OpSubscribe:
		if s := n.socket(e.Link, e.Peer); s != nil {
			s.subscribe(1, e.Topic)
		}
	case role.OpUnsubscribe:
		if s := n.socket(e.Link, e.Peer); s != nil {
			s.subscribe(0, e.Topic)
		}
	case role.OpCrash:
		n.Crash()
	case role.OpExit: // who starts processes decides whether it ends
		n.exiting = true
	default:
		panic(fmt.Sprintf("sim: %s asked for an unknown effect: %+v", n.Name, e))
	}
}

// socket returns the one that a packet goes through; nil if it is not open.
func (n *Node) socket(link role.Link, peer string) *socket {
	for _, s := range n.sockets {
		if s.link == link && (s.isBound || s.peer == peer) {
			return s
		}
	}
	return nil
}

func (n *Node) open(link role.Link, peer, endpoint string) *socket {
	if n.kinds[link] == 0 {
		panic(fmt.Sprintf("sim: %s has no link %d", n.Name, link))
	}
	s := &socket{node: n, link: link, kind: n.kinds[link], peer: peer, endpoint: endpoint}
	n.sockets = append(n.sockets, s)
	return s
}

func (n *Node) hangup(link role.Link, peer string) {
	if s := n.socket(link, peer); s != nil {
		s.closed = true
		s.disconnect(func(string) bool { return true })
		n.sockets = slices.DeleteFunc(n.sockets, func(o *socket) bool { return o == s })
	}
}

// breakTowards ends the connections to the processes that match.
func (n *Node) breakTowards(match func(other string) bool) {
	for _, s := range n.sockets {
		s.disconnect(match)
	}
}
