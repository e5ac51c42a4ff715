package bus

import (
	"errors"
	"fmt"
	"sync"

	zmq "github.com/pebbe/zmq4"

	"faasd/internal/resolve"
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
	// Resolver looks up the hosts that are dialled by name; nil is the system's.
	// It is set before hosts are made.
	Resolver *resolve.Resolver

	zmq *zmq.Context

	mu     sync.Mutex // guards what follows
	hosts  map[*Host]struct{}
	names  map[string]*inprocName // that were bound or dialled
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
	return &Context{zmq: z, hosts: make(map[*Host]struct{}), names: make(map[string]*inprocName)}, nil
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

// An inprocName is an inproc endpoint in its several lives: libzmq connects a
// dialled socket to the next life of an endpoint by itself only if it was
// dialled while there was none.
type inprocName struct {
	lives int // how often it has been bound
	bound bool
}

// inproc runs do, which binds, dials or unbinds an inproc endpoint, while nobody
// else does any of that.
func (c *Context) inproc(endpoint string, do func(n *inprocName) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.names[endpoint]
	if n == nil {
		n = &inprocName{}
		c.names[endpoint] = n
	}
	return do(n)
}

// bindInproc binds s to an inproc endpoint. Whoever was connected to an earlier
// life of it connects again.
func (c *Context) bindInproc(s *socket, endpoint string) error {
	return c.inproc(endpoint, func(n *inprocName) error {
		if err := s.zmq.Bind(endpoint); err != nil {
			return err
		}
		n.lives++
		n.bound = true
		if life := n.lives; life > 1 {
			for h := range c.hosts {
				h.Do(func(role.Time) { h.redial(endpoint, life) })
			}
		}
		return nil
	})
}

// dialInproc connects s to an inproc endpoint, and notes to which life of it.
func (c *Context) dialInproc(s *socket, endpoint string) error {
	return c.inproc(endpoint, func(n *inprocName) error {
		if s.life = n.lives; !n.bound {
			s.life++
		}
		return s.zmq.Connect(endpoint)
	})
}

// unbindInproc gives up an inproc endpoint that s is bound to. Closing alone
// leaves it to a thread of libzmq, some time later.
func (c *Context) unbindInproc(s *socket, endpoint string) {
	_ = c.inproc(endpoint, func(n *inprocName) error {
		n.bound = false
		return s.zmq.Unbind(endpoint)
	})
}
