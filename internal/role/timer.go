package role

import "time"

// tickGap is the least time between two ticks of a machine; nothing that ticks
// do needs to be finer.
const tickGap = 20 * time.Millisecond

// Timer keeps a machine's next wake-up: each tick collects the deadlines of
// everything that it looked at, and events in between may bring it forward.
type Timer struct{ at Time }

// Reset begins a tick at now: the next one comes after a long time unless By
// brings it forward.
func (t *Timer) Reset(now Time) { t.at = now + time.Hour }

// By asks for a tick at due, or tickGap after now if that is later.
func (t *Timer) By(now, due Time) { t.at = min(t.at, max(due, now+tickGap)) }

// At returns when the next tick is due.
func (t *Timer) At() Time { return t.at }
