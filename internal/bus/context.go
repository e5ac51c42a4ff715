package bus

import (
	"errors"
	"fmt"
	"sync"

	zmq "github.com/pebbe/zmq4"

	"faasd/internal/role"
)

// maxSockets is the number of sockets one context may hold. libzmq's own
// default of 1023 is less than a process with a thousand workers needs; a slot
// costs 12 bytes of memory, used or not.
const maxSockets = 16384

// Version returns the version of the libzmq that the program is linked with,
// such as "4.3.4".
func Version() string {
	major, minor, patch := zmq.Version()
	return fmt.Sprintf("%d.%d.%d", major, minor, patch)
}

// A Context owns libzmq's context: its I/O thread and its inproc:// names. A
// process needs one, shared by all its hosts; inproc endpoints are visible
// only within one context.
type Context struct {
	zmq *zmq.Context

	mu     sync.Mutex // guards what follows
	hosts  map[*Host]struct{}
	names  map[string]*name // inproc endpoints that are or were bound
	closed bool
}

// NewContext makes a context. It fails only when the libzmq that is linked is
// not the one compiled against, or the process is out of file descriptors.
func NewContext() (*Context, error) {
	z, err := zmq.NewContext()
	if err != nil {
		return nil, fmt.Errorf("starting ZeroMQ: %w", err)
	}
	// Sockets made from now on have LINGER 0, so that Term cannot hang on an
	// unsent message even if an option of ours were forgotten.
	if err := errors.Join(z.SetBlocky(false), z.SetMaxSockets(maxSockets)); err != nil {
		_ = z.Term()
		return nil, fmt.Errorf("setting up ZeroMQ: %w", err)
	}
	return &Context{zmq: z, hosts: make(map[*Host]struct{}), names: make(map[string]*name)}, nil
}

// Close stops every host that still runs, waits for it, and ends the context.
// It takes no longer than the hosts' linger. Closing twice is harmless.
func (c *Context) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	hosts := make([]*Host, 0, len(c.hosts))
	for h := range c.hosts {
		hosts = append(hosts, h)
	}
	c.mu.Unlock()

	for _, h := range hosts {
		h.Close()
	}
	if err := c.zmq.Term(); err != nil {
		return fmt.Errorf("ending ZeroMQ: %w", err)
	}
	return nil
}

// enter registers a host, which keeps the context from ending before the
// host's sockets are closed.
func (c *Context) enter(h *Host) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errors.New("bus: the context is closed")
	}
	c.hosts[h] = struct{}{}
	return nil
}

func (c *Context) leave(h *Host) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.hosts, h)
}

// name is an inproc endpoint. Each bind of it begins another life.
type name struct {
	lives int
	bound bool
}

// change has do change what an inproc endpoint is bound or connected to, with
// the endpoint's name guarded.
func (c *Context) change(endpoint string, do func(n *name)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.names[endpoint]
	if n == nil {
		n = &name{}
		c.names[endpoint] = n
	}
	do(n)
}

// bind binds an inproc endpoint. If that happened before, it has come back, and
// whoever was connected to it connects again.
func (c *Context) bind(endpoint string, bind func() error) (err error) {
	c.change(endpoint, func(n *name) {
		if err = bind(); err != nil {
			return
		}
		n.lives++
		n.bound = true
		life := n.lives
		if life == 1 {
			return
		}
		for h := range c.hosts {
			h.Do(func(role.Time) { h.redial(endpoint, life) })
		}
	})
	return err
}

// unbind gives an inproc endpoint up.
func (c *Context) unbind(endpoint string, unbind func()) {
	c.change(endpoint, func(n *name) {
		unbind()
		n.bound = false
	})
}

// connect connects to an inproc endpoint and returns which life of it that is:
// while nobody is bound it is the next, whose bind makes the connection.
func (c *Context) connect(endpoint string, connect func() error) (life int, err error) {
	c.change(endpoint, func(n *name) {
		if life = n.lives; !n.bound {
			life++
		}
		err = connect()
	})
	return life, err
}
