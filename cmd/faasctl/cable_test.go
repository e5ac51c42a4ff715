package main

import (
	"errors"
	"net"
	"sync"
	"testing"

	"faasd/internal/proc"
)

// A cable is what lies between a system's coordinator and whoever dials it: a
// proc.Detour. Pulled, it carries nothing more for those who have come since pull
// could be foreseen, and closes nothing, as a network that has gone.
type cable struct {
	mu        sync.Mutex
	listeners []net.Listener
	conns     []net.Conn
	late      bool          // who comes now is cut off by pull
	plugged   chan struct{} // closed while it is
}

// coordinatorHost is where the coordinator seems to be.
const coordinatorHost = "127.78.0.1"

func newCable(t *testing.T) *cable {
	c := &cable{plugged: make(chan struct{})}
	close(c.plugged)
	t.Cleanup(func() {
		c.plug()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, l := range c.listeners {
			_ = l.Close()
		}
		for _, conn := range c.conns {
			_ = conn.Close()
		}
	})
	return c
}

func (c *cable) Host(part string) string {
	if part == "coordinator1" {
		return coordinatorHost
	}
	return "127.0.0.1"
}

func (c *cable) Started(string, int) {}

func (c *cable) Bound(part string, addresses []string) error {
	if part != "coordinator1" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, address := range addresses {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp4", net.JoinHostPort(coordinatorHost, port))
		if err != nil {
			return err
		}
		c.listeners = append(c.listeners, l)
		go c.serve(l, address)
	}
	return nil
}

func (c *cable) serve(l net.Listener, address string) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp4", address)
		if err != nil {
			_ = near.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, near, far)
		late := c.late
		c.mu.Unlock()
		go c.carry(near, far, late)
		go c.carry(far, near, late)
	}
}

// carry passes on what one end says, until it says no more.
func (c *cable) carry(from, to net.Conn, late bool) {
	defer to.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		c.mu.Lock()
		plugged := c.plugged
		c.mu.Unlock()
		if late {
			<-plugged
		}
		if _, failed := to.Write(b[:n]); errors.Join(err, failed) != nil {
			return
		}
	}
}

// foresee has all who come from now on be cut off by pull, and only these.
func (c *cable) foresee() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = true
}

func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plugged = make(chan struct{})
}

func (c *cable) plug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.plugged:
	default:
		close(c.plugged)
	}
}

var _ proc.Detour = (*cable)(nil)
