package chaos

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// network is what lies between the parts: the proc.Detour through which all
// their links pass. Every part has an address of its own in 127.0.0.0/8, on
// which a proxy listens while the part lives, on each port that the part has
// bound on 127.0.0.1. A cut stalls what passes, both ways, and closes nothing,
// as a cut cable does.
type network struct {
	sockets sockets

	mu        sync.Mutex
	hosts     map[string]string         // by part
	pids      map[string]int            // by part, of the process that was started last
	bound     map[string][]string       // by part, as the part has bound it
	listeners map[string][]net.Listener // by part, while it lives
	reserved  map[string][]int          // by part, while it is dead: sockets that keep its ports
	pipes     map[*pipe]struct{}
	cutting   *cut // nil: all links are whole
}

// A cut severs a part from all others, or from one.
type cut struct {
	part, peer string // peer "": all
	healed     chan struct{}
}

func (c *cut) severs(a, b string) bool {
	return a == c.part && (c.peer == "" || b == c.peer) || b == c.part && (c.peer == "" || a == c.peer)
}

func newNetwork() *network {
	return &network{
		hosts: make(map[string]string), pids: make(map[string]int), bound: make(map[string][]string),
		listeners: make(map[string][]net.Listener), reserved: make(map[string][]int), pipes: make(map[*pipe]struct{}),
	}
}

// Host is the part's address, the next free one when it is first asked for.
func (n *network) Host(part string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts[part] == "" {
		n.hosts[part] = fmt.Sprintf("127.77.0.%d", len(n.hosts)+1)
	}
	return n.hosts[part]
}

// Started notes the part's process, by which its connections are told.
func (n *network) Started(part string, pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pids[part] = pid
}

// Bound listens in the part's place.
func (n *network) Bound(part string, addresses []string) error {
	host := n.Host(part)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bound[part] = addresses
	release(n.reserved[part])
	delete(n.reserved, part)
	for _, address := range addresses {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp4", net.JoinHostPort(host, port))
		if err != nil {
			return fmt.Errorf("stand in for %s: %w", part, err)
		}
		n.listeners[part] = append(n.listeners[part], l)
		go n.serve(part, l, address)
	}
	return nil
}

// died refuses connections to a part until it has bound again, as the kernel
// does for a process that is not there, and keeps its ports for it, and the
// further addresses.
func (n *network) died(part string, further ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	closeListeners(n.listeners[part])
	delete(n.listeners, part)
	for _, address := range slices.Concat(n.bound[part], further) {
		fd, err := reserve(address)
		if err != nil {
			return fmt.Errorf("keep %s for %s: %w", address, part, err)
		}
		n.reserved[part] = append(n.reserved[part], fd)
	}
	return nil
}

// serve passes on what comes for one port of a part.
func (n *network) serve(to string, l net.Listener, address string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		p := &pipe{network: n, to: to, dialler: conn.(*net.TCPConn)}
		n.mu.Lock()
		n.pipes[p] = struct{}{}
		n.mu.Unlock()
		go p.run(address)
	}
}

// Who has connected is found among the descriptors of the parts' processes. ZeroMQ gives a connection up that says nothing for 3 s.
const (
	ownerWithin = 3 * time.Second
	lookEvery   = 20 * time.Millisecond
)

// owner returns the part that has made a connection, or "" if none of them has
// it any more.
func (n *network) owner(conn *net.TCPConn) string {
	ends := [2]netip.AddrPort{conn.RemoteAddr().(*net.TCPAddr).AddrPort(), conn.LocalAddr().(*net.TCPAddr).AddrPort()}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < ownerWithin; <-tick.C {
		if part, gone := n.sockets.owner(ends[0], ends[1], n.processes); part != "" || gone {
			return part
		}
	}
	return ""
}

// processes returns the parts' processes.
func (n *network) processes() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.pids)
}

// severed returns what is closed when the link between two parts is whole again,
// nil if it is whole.
func (n *network) severed(a, b string) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cutting == nil || !n.cutting.severs(a, b) {
		return nil
	}
	return n.cutting.healed
}

// cut severs a part from all others, or from one, until heal.
func (n *network) cut(part, peer string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cutting = &cut{part: part, peer: peer, healed: make(chan struct{})}
}

// heal makes all links whole again. What was stalled flows on, or is reset.
func (n *network) heal(reset bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.cutting
	if c == nil {
		return
	}
	for p := range n.pipes {
		if reset && c.severs(p.from, p.to) {
			p.reset()
		}
	}
	n.cutting = nil
	close(c.healed)
}

// peers returns the parts with whom a part has connections now.
func (n *network) peers(part string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	found := make(map[string]bool)
	for p := range n.pipes {
		switch part {
		case p.from:
			found[p.to] = true
		case p.to:
			found[p.from] = true
		}
	}
	delete(found, "") // connections whose owner is not known yet
	delete(found, operatorPart)
	var names []string
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// close ends everything.
func (n *network) close() {
	n.heal(false)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.listeners {
		closeListeners(l)
	}
	for _, fds := range n.reserved {
		release(fds)
	}
	for p := range n.pipes {
		p.reset()
	}
}

func closeListeners(list []net.Listener) {
	for _, l := range list {
		_ = l.Close()
	}
}
