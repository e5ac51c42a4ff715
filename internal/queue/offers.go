package queue

import (
	"time"

	"faasd/internal/role"
	"faasd/internal/wire"
)

const (
	// offerEvery is the least time between two Offers for one function if the first
	// brought nothing; it doubles with each more that does, up to offerSeldom,
	// and is a quarter once a Take was given something.
	offerEvery  = 50 * time.Millisecond
	offerSeldom = 800 * time.Millisecond
)

// offerState is what a queue remembers of its offers and of others'.
type offerState struct {
	number uint64
	quiet  map[string]pause            // by function
	seen   map[wire.Incarnation]uint64 // the last number of each giver
}

func (o *offerState) init() {
	o.quiet = make(map[string]pause)
	o.seen = make(map[wire.Incarnation]uint64)
}

// offer tells one queue with free slots, if there is one, that a job waits. It
// is a hint: nothing is kept for it, and the next state says the same.
func (m *Machine) offer(now role.Time, f *function) {
	quiet := m.offers.quiet[f.name]
	if now < quiet.until {
		return
	}
	var to wire.Incarnation
	best := 0
	for other, s := range m.bus.View.Live(now, wire.RoleQueue) {
		st := s.Queue.Functions[f.name]
		if other == m.me || s.Draining || st.Free <= st.Waiting || st.Free <= 0 {
			continue
		}
		// At random, by free slots: offers of many queues must not all go to one.
		if best += st.Free; m.take.rand.IntN(best) < st.Free {
			to = other
		}
	}
	if to == 0 {
		return
	}
	m.offers.number++
	quiet.in = max(quiet.in, offerEvery)
	m.offers.quiet[f.name] = pause{now + quiet.in, min(2*quiet.in, offerSeldom)}
	m.bus.Send(wire.EncodeBus(wire.OfferTopic(to), wire.Offer{
		Giver: m.me, Number: m.offers.number, Function: f.name, Waiting: f.waiting(),
	}))
}

// offered asks for what another queue offers, as far as slots are free.
func (m *Machine) offered(now role.Time, frames [][]byte) error {
	var o wire.Offer
	if err := wire.DecodeBus(frames, &o); err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return err
	}
	if o.Giver == m.me || o.Number <= m.offers.seen[o.Giver] || m.bus.View.Get(o.Giver) == nil {
		return nil // heard already through another coordinator, or from a stranger
	}
	m.offers.seen[o.Giver] = o.Number
	if o.Waiting == 0 { // a Take of ours has found less than it asked for
		if _, asked := m.take.reserved[o.Function]; asked {
			m.take.lacked(now, o.Giver, o.Function)
			m.pull(now)
		}
		return nil
	}
	f := m.functions[o.Function]
	if f == nil || m.draining || !m.linked() || f.waiting() > 0 {
		return nil
	}
	if n := min(o.Waiting, m.free(f)-m.take.slots(now, o.Function)); n > 0 {
		m.ask(now, o.Giver, o.Function, n)
	}
	return nil
}
