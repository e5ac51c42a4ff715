package chaos

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// A Steady is a load on a system that somebody else runs and harms, by clients
// who do not take a refusal for an answer: as whoever is behind a load balancer,
// they try again when a frontend cannot be reached, refuses with Retry-After, or
// hangs up without a word, until the request's deadline. What comes of each
// request is held against what the project promises.
type Steady struct {
	load   *load
	ledger *ledger
	crowd  *crowd
}

// steadyBodies is what a Steady sends.
var steadyBodies = bodies{smallest: 20, largest: 4 << 10, huge: 256 << 10}

// NewSteady begins to send requests to echo, rate of them a second, in turn to
// the frontends, "HOST:PORT", that are there when each is sent. seed draws the
// bodies.
func NewSteady(frontends func() []string, rate int, seed uint64) *Steady {
	s := &Steady{ledger: newLedger()}
	s.crowd = &crowd{frontends: frontends, ledger: s.ledger, clients: make(map[string]*client)}
	s.load = &load{
		function: "echo", rate: rate, bodies: steadyBodies, seed: seed, timeout: requestTimeout, most: maxOpen,
		clients: s.crowd, ledger: s.ledger,
	}
	s.load.start()
	return s
}

// During says what goes on from now on; a broken promise is told with it.
func (s *Steady) During(what string) { s.ledger.enters(what) }

// HungUp is how often a frontend has ended a connection without a word while a
// request was on it, which was sent again then. A frontend that stops in order
// may do that to one that comes in the same moment, one that is killed to all
// that it has.
func (s *Steady) HungUp() int {
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	return s.crowd.hungUp
}

// A SteadyReport is what a Steady has found.
type SteadyReport struct {
	Tally
	Broken   int      // promises
	Breaches []Breach // the first of them
	Again    int      // how often a request was sent again
	Unsent   int      // because too many were under way
}

// Finish sends no more and waits for what is still to come. The error is that
// ctx has ended before.
func (s *Steady) Finish(ctx context.Context) (*SteadyReport, error) {
	s.load.halt()
	err := s.load.finish(ctx)
	s.crowd.close()
	r := &SteadyReport{Tally: newTally(s.load.take()).sum()}
	s.load.mu.Lock()
	r.Unsent = s.load.unsent
	s.load.mu.Unlock()
	s.crowd.mu.Lock()
	r.Again = s.crowd.again
	s.crowd.mu.Unlock()
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	r.Broken, r.Breaches = s.ledger.broken, slices.Clone(s.ledger.breaches)
	return r, err
}

// againAfter is how long is waited before a request is sent again.
const againAfter = 50 * time.Millisecond

var errNoFrontend = errors.New("there is no frontend")

// crowd is the clients of a Steady.
type crowd struct {
	frontends func() []string // addresses
	ledger    *ledger

	mu      sync.Mutex
	clients map[string]*client // by address; guarded by mu
	again   int                // requests that were sent again; guarded by mu
	hungUp  int                // of them, because a connection ended without a word; guarded by mu
}

func (c *crowd) post(number int, function string, body []byte, timeout time.Duration) (string, reply) {
	over := time.Now().Add(timeout)
	for try := 0; ; try++ {
		var r reply
		var name string
		if all := c.frontends(); len(all) > 0 {
			one := c.client(all[(number+try)%len(all)])
			name, r = one.name, one.post(function, body, timeout)
			if !r.unreached && !r.hungUp && !(r.status == 503 && r.retryAfter() > 0) {
				return name, r
			}
		} else {
			r = reply{err: errNoFrontend}
		}
		if time.Until(over) < againAfter {
			return name, r
		}
		c.note(r)
		time.Sleep(againAfter)
	}
}

// note counts that a request is sent again.
func (c *crowd) note(r reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.again++
	if r.hungUp {
		c.hungUp++
	}
}

func (c *crowd) client(address string) *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.clients[address]
	if one == nil {
		one = newClients([]string{address}, []string{address}, requestTimeout+patience, c.ledger)[0]
		c.clients[address] = one
	}
	return one
}

func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.clients {
		one.close()
	}
}
