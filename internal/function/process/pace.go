package process

import "time"

// What a stream is read at: a burst as fast as it comes, then so much a second. A
// process that writes without end waits for its reader then. Read without a
// pause it would keep a processor of the worker busy, and Go looks for what else
// has come, for other functions, only every 10 ms as long as none is free.
const (
	paceBurst = 8 << 20   // bytes
	paceRate  = 128 << 20 // bytes a second
	// paceLeast is the shortest pause: timers are not more exact.
	paceLeast = 2 * time.Millisecond
)

// pace says when a stream is read on.
type pace struct {
	ahead int       // bytes that came faster than paceRate
	at    time.Time // when that was so
}

// after notes that n bytes were read, and returns for how long no more are to be.
func (p *pace) after(n int, now time.Time) time.Duration {
	passed := min(now.Sub(p.at), time.Second) // which is enough for any burst
	p.ahead = max(0, p.ahead-int(passed.Seconds()*paceRate)) + n
	p.at = now
	wait := time.Duration(p.ahead-paceBurst) * time.Second / paceRate
	if wait < paceLeast {
		return 0
	}
	return wait
}
