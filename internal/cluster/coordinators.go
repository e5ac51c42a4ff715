package cluster

import (
	"fmt"
	"slices"
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

// askAgainAfter is how long an address is let be at which a coordinator answers
// that is connected to by another.
const askAgainAfter = 30 * time.Second

// coordinator is one of the addresses where coordinators are said to be, and
// whichever incarnation answers there.
type coordinator struct {
	key       string
	endpoint  string
	unlisted  bool             // nobody says any more that one is there: it stays as long as it is connected
	aside     role.Time        // until when it is not dialled, since the coordinator there is connected to by another address; 0 it is
	token     wire.Incarnation // makes the snapshot topic private
	publish   string           // where its XSUB is; empty until known
	snapshots int
	self      wire.Member                   // as of its last snapshot
	members   map[wire.Incarnation]struct{} // whose states it has passed on, coordinators apart
	topics    map[string]bool               // what it has subscribed to at our publishing socket
}

// connected reports whether the coordinator takes what is published: it wants
// some topics always, and their end comes with that of the connection.
func (c *coordinator) connected() bool { return len(c.topics) > 0 }

func (a *Agent) add(endpoint string) *coordinator {
	c := &coordinator{
		key: fmt.Sprintf("coordinator%d", a.dialled), endpoint: endpoint,
		// Distinct for each coordinator; no secret is needed.
		token: a.Self + wire.Incarnation(a.dialled), topics: make(map[string]bool), members: make(map[wire.Incarnation]struct{}),
	}
	a.dialled++
	a.coordinators = append(a.coordinators, c)
	return c
}

// dial connects to a coordinator. The snapshot is asked for last, so that nothing
// falls between it and what follows.
func (a *Agent) dial(c *coordinator) {
	to := role.Packet{Link: a.Subscribe, Peer: c.key}
	a.Emit(role.Effect{Op: role.OpDial, Packet: to, Endpoint: c.endpoint})
	for _, t := range append(slices.Clone(a.Topics), wire.SnapshotTopic(c.token)) {
		a.Emit(role.Effect{Op: role.OpSubscribe, Packet: to, Topic: t})
	}
}

func (a *Agent) hangUp(c *coordinator) {
	a.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: a.Subscribe, Peer: c.key}})
	if c.publish != "" {
		a.Emit(role.Effect{Op: role.OpHangup, Packet: role.Packet{Link: a.Publish, Peer: c.key}})
	}
	c.publish = ""
	clear(c.topics)
}

// CoordinatorsAt is told where coordinators are, all of them. One that is no
// longer among them stays as long as it is connected.
func (a *Agent) CoordinatorsAt(now role.Time, endpoints []string) {
	for _, c := range a.coordinators {
		c.unlisted = !slices.Contains(endpoints, c.endpoint)
	}
	for _, endpoint := range endpoints {
		if !slices.ContainsFunc(a.coordinators, func(c *coordinator) bool { return c.endpoint == endpoint }) {
			a.dial(a.add(endpoint))
		}
	}
	a.dropUnlisted()
}

func (a *Agent) dropUnlisted() {
	a.coordinators = slices.DeleteFunc(slices.Clone(a.coordinators), func(c *coordinator) bool { // which may be being visited
		if !c.unlisted || c.connected() {
			return false
		}
		a.hangUp(c)
		return true
	})
}

// doubles reports whether the coordinator that answers at an address is
// connected by another one: all would be said and heard twice.
func (a *Agent) doubles(c *coordinator) bool {
	return slices.ContainsFunc(a.coordinators, func(o *coordinator) bool {
		return o != c && o.self.Incarnation == c.self.Incarnation && c.self.Incarnation != 0 && o.connected()
	})
}

// standAside lets an address be for a while: another coordinator may be there
// then, or the other address be of no use.
func (a *Agent) standAside(now role.Time, c *coordinator) {
	a.hangUp(c)
	c.aside = now + askAgainAfter
}

// disconnected has other addresses of a coordinator tried at once when one has
// lost it.
func (a *Agent) disconnected(now role.Time, c *coordinator) {
	for _, o := range a.coordinators {
		if o.aside > 0 && o.self.Incarnation == c.self.Incarnation {
			o.aside = now
		}
	}
	a.dropUnlisted()
}

func (a *Agent) redial(now role.Time) {
	for _, c := range a.coordinators {
		if c.aside > 0 && now >= c.aside {
			c.aside = 0
			a.dial(c)
		}
	}
}

// redialDue is when redial has something to do.
func (a *Agent) redialDue() role.Time {
	due := role.Never
	for _, c := range a.coordinators {
		if c.aside > 0 {
			due = min(due, c.aside)
		}
	}
	return due
}

// Expected returns at how many addresses coordinators are said to be, those apart
// whose coordinator is connected by another.
func (a *Agent) Expected() (n int) {
	for _, c := range a.coordinators {
		if c.aside == 0 {
			n++
		}
	}
	return n
}

// Alone reports whether no coordinator is connected.
func (a *Agent) Alone() bool { return !slices.ContainsFunc(a.coordinators, (*coordinator).connected) }

func (a *Agent) find(key string) *coordinator {
	for _, c := range a.coordinators {
		if c.key == key {
			return c
		}
	}
	return nil
}

// note remembers, for an operator, whom a coordinator knows.
func (a *Agent) note(c *coordinator, s *wire.State) {
	switch {
	case a.State != nil || s.Role == wire.RoleCoordinator:
	case s.Left:
		delete(c.members, s.Incarnation)
	case len(c.members) < maxNoted:
		c.members[s.Incarnation] = struct{}{}
	}
}

// maxNoted bounds what is remembered of whom a coordinator knows, and of what it
// wants.
const maxNoted = 10_000

// Seen is what is known of one coordinator that has answered.
type Seen struct {
	Endpoint string
	Self     wire.Member
	Members  map[wire.Incarnation]struct{} // whose states it has passed on, coordinators apart; for an operator only
}

// Seen returns the coordinators that have answered, each once.
func (a *Agent) Seen() (list []Seen) {
	for _, c := range a.coordinators {
		if c.snapshots > 0 && c.aside == 0 {
			list = append(list, Seen{c.endpoint, c.self, c.members})
		}
	}
	return list
}
