package operator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"faasd/internal/cluster"
	"faasd/internal/role"
	"faasd/internal/wire"
)

const (
	// maxEvents is how many events are kept for who looks.
	maxEvents = 5000
	// othersWithin is how long the other coordinators have to answer once one has.
	othersWithin = 500 * time.Millisecond
)

// watcher is an onlooker on the bus who can also ask: a role.Machine that is no
// member and publishes no state.
type watcher struct {
	role.Outbox
	token   wire.Incarnation
	heard   uint64 // packets
	agent   *cluster.Agent
	looking bool                             // for where coordinators are: no name was looked up yet
	unknown error                            // why a name cannot be looked up, nil if it can
	replies map[wire.Incarnation]*wire.Reply // by command, of those that are waited for; nil until it is there

	events  []wire.Event // as they came, those of the past first
	dropped int          // of events, from the front
	seen    map[eventKey]struct{}
	first   role.Time // when a coordinator had answered; 0 none has
	told    bool      // a coordinator has told of the past
	read    bool      // somebody has been told of events
}

type eventKey struct {
	from   wire.Incarnation
	number uint64
}

func newWatcher(endpoints []string) *watcher {
	w := &watcher{
		token: wire.NewIncarnation(), replies: make(map[wire.Incarnation]*wire.Reply), seen: make(map[eventKey]struct{}),
	}
	w.agent = cluster.NewAgent(cluster.AgentConfig{
		Self: w.token, Coordinators: endpoints, Subscribe: linkSubscribe, Publish: linkPublish,
		Topics: []string{
			wire.TopicState, wire.TopicDetail, wire.TopicCatalogue, wire.TopicEvent, wire.ReplyTopic(w.token), wire.HistoryTopic(w.token),
		},
		Emit: w.Emit,
	})
	w.agent.View.Rates = true
	w.agent.Start(0)
	return w
}

// complete reports whether a snapshot has come, and whether all coordinators
// have answered, of one cluster, and all live queues have told of their workers.
func (w *watcher) complete(now role.Time) (snapshot, whole bool) {
	seen := len(w.agent.Seen())
	if seen == 0 {
		return false, false
	}
	if w.first == 0 {
		w.first = now
	}
	if (w.looking || seen < w.agent.Expected()) && now < w.first+othersWithin || !w.told || w.mixed() != nil {
		return true, false
	}
	for inc, s := range w.agent.View.Live(now, wire.RoleQueue) {
		if s.Workers > 0 && w.agent.View.Get(inc).Detail == nil {
			return true, false
		}
	}
	return true, true
}

// foreign refuses a cluster that says other things by the same words.
func (w *watcher) foreign() error {
	for _, c := range w.agent.Seen() {
		if c.Self.Protocol == wire.BusProtocol {
			continue
		}
		age := "newer"
		if c.Self.Protocol < wire.BusProtocol {
			age = "older"
		}
		return fmt.Errorf("the cluster at %s is %s than this program: faasd %.40s speaks version %d of the coordination bus, this program version %d; use the faasctl of that faasd",
			c.Endpoint, age, c.Self.Version, c.Self.Protocol, wire.BusProtocol)
	}
	return nil
}

// mixed reports coordinators that know nobody in common: of different clusters.
func (w *watcher) mixed() error {
	seen := slices.DeleteFunc(w.agent.Seen(), func(s cluster.Seen) bool { return len(s.Members) == 0 })
	for i, a := range seen {
		for _, b := range seen[:i] {
			if !meet(a.Members, b.Members) {
				return fmt.Errorf("%s and %s are coordinators of two clusters: they have no member in common; name those of one", b.Endpoint, a.Endpoint)
			}
		}
	}
	return nil
}

func meet(a, b map[wire.Incarnation]struct{}) bool {
	for inc := range a {
		if _, both := b[inc]; both {
			return true
		}
	}
	return false
}

// Receive takes one packet. What does not decode is not this program's to
// count: the roles do.
func (w *watcher) Receive(now role.Time, p role.Packet) {
	w.heard++
	rest, err := w.agent.Receive(now, p)
	if err != nil || !rest {
		return
	}
	switch topic := string(p.Frames[0]); {
	case strings.HasPrefix(topic, wire.TopicEvent):
		var e wire.Event
		if wire.DecodeBus(p.Frames, &e) == nil {
			w.event(e)
		}
	case topic == wire.HistoryTopic(w.token):
		var h wire.History
		_ = wire.DecodeBus(p.Frames, &h) // nothing, then
		w.history(h.Events)
	case topic == wire.ReplyTopic(w.token):
		var r wire.Reply
		if wire.DecodeBus(p.Frames, &r) != nil {
			return
		}
		if _, waited := w.replies[r.Command]; waited {
			w.replies[r.Command] = &r
		}
	}
}

// history takes what a coordinator has kept. It is merged by time with what is
// known, unless somebody has been told of that: then it comes behind.
func (w *watcher) history(events []json.RawMessage) {
	w.told = true
	for _, text := range events {
		var e wire.Event
		if wire.DecodeJSON(text, &e) == nil {
			w.event(e)
		}
	}
	if !w.read {
		slices.SortStableFunc(w.events, func(a, b wire.Event) int { return cmp.Compare(a.Millis, b.Millis) })
	}
}

// event keeps an event that has not come before.
func (w *watcher) event(e wire.Event) {
	key := eventKey{e.From, e.Number}
	if _, known := w.seen[key]; known {
		return
	}
	w.seen[key] = struct{}{}
	w.events = append(w.events, e)
	if len(w.events) > maxEvents {
		delete(w.seen, eventKey{w.events[0].From, w.events[0].Number})
		w.events[0] = wire.Event{}
		w.events = w.events[1:]
		w.dropped++
	}
}

// Unreachable cannot happen: nothing is bound.
func (w *watcher) Unreachable(role.Time, role.Packet) {}

// Malformed cannot happen: nothing is bound.
func (w *watcher) Malformed(role.Link, error) {}

// Tick tries addresses of coordinators again.
func (w *watcher) Tick(now role.Time) { w.agent.Tick(now) }

// Wake returns when that is due.
func (w *watcher) Wake() role.Time { return w.agent.Wake() }
