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

// overslept is how late a tick must come to show that the process itself did
// not run: it was stopped, or the machine had no time for it.
const overslept = 500 * time.Millisecond

// Overslept returns how long the machine should have ticked and did not, 0 if
// that is little. It is asked first of all on every turn: silence of others
// during that time is not theirs. It says so once.
func (t *Timer) Overslept(now Time) Time {
	late := now - t.at
	if late < overslept {
		return 0
	}
	t.at = now
	return late
}

// At returns when the next tick is due.
func (t *Timer) At() Time { return t.at }
