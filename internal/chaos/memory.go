package chaos

import (
	"time"

	"faasd/internal/proc"
)

// memory says how much the parts of a system that is sent too much can hold.
type memory struct {
	Capacity
	proc.Layout
	flood int // requests a second, beside a twentieth of the capacity to other
	body  int // bytes of each at most
}

// What admission lets in (docs/RELIABILITY.md): of each function alwaysOpen
// requests at a frontend, and until its rate is known what comes in maxWait,
// which is no less than what is answered in that time later.
const (
	alwaysOpen = 256
	maxWait    = 500 * time.Millisecond
)

// What a request takes beside its body, in bytes. Measured with 1,600 that wait at a
// frontend: 1.9 KiB at brokers and queues; at the frontend 22 KiB with its
// connection, 10 of them two goroutines' stacks and 8 buffers.
const (
	perJob        = 2 << 10
	perConnection = 24 << 10
)

// What Go and malloc add. The collector lets what is in use double, and the 32 MiB
// of ballast, which itself is not resident (internal/node), go to garbage once.
// An eighth is for spans and arenas that are used in part, and the tables for
// them; a twentieth was measured.
const (
	ballast  = 32 << 20
	overhead = 8
)

// unacknowledged is for how long a result is kept at most after it was sent on: as
// long as a link may have nothing to say.
const unacknowledged = time.Second

// open is how many requests a frontend may have accepted and not answered.
func (m *memory) open() int {
	return min(m.Brokers*m.WindowJobs, 2*alwaysOpen+atRate(m.flood/m.Frontends, maxWait))
}

// held is how many bytes a part of a role may be given to hold at a time.
func (m *memory) held(role string) int64 {
	open, job := m.Frontends*m.open(), m.body+perJob
	switch role {
	case "frontend":
		refused := atRate(m.flood/m.Frontends, refusedWithin) // being told so
		return int64((m.open()+refused)*(m.body+perConnection) + m.open()*job)
	case "broker": // all of them may go through one
		return int64((min(open, m.Frontends*m.WindowJobs) + atRate(m.perSecond(), unacknowledged)) * job)
	case "queue": // and wait there; results are kept while their frontend has an older request open
		kept := min(results, open+atRate(m.perSecond(), unacknowledged))
		return int64((min(open, m.Brokers*m.WindowJobs) + kept) * job)
	case "worker":
		return int64((m.Slots + atRate(m.perSecond()/m.Capacity.Workers, unacknowledged)) * job)
	}
	return 0 // a coordinator sees no request
}

// bound is how many bytes may be resident of a part that had so many when it had
// nothing to do yet. What it may hold is derived from what is sent, not from
// what flags allow: a part that keeps 10 KiB of each request that it has seen
// or refused is far beyond it before the flood is over.
func (m *memory) bound(role string, idle int64) int64 {
	heap := ballast + 2*m.held(role)
	return idle + heap + heap/overhead
}

// atRate is how many come in a time at so many a second.
func atRate(perSecond int, d time.Duration) int {
	return int(time.Duration(perSecond) * d / time.Second)
}
