package cluster

import "time"

// Delay tells how much longer a member's states were under way than the fastest
// of them: they may have lain at a coordinator that was stopped, or here. The
// zero Delay is for a member of which nothing has come.
type Delay struct {
	timed    bool          // the member has said its clock
	fastest  int64         // least of (my clock − its clock) seen, ms
	measured time.Duration // when that was

	late  bool          // all since then were slower
	since time.Duration // the first of those
	least int64         // of their transits
}

// Of returns the delay of a state that says its member's clock, ms; 0 if it does
// not. The two clocks differ by up to a thousandth in their rate; and a clock may have
// stood still, with its host: what comes evenly for 3 s did not lie anywhere.
func (d *Delay) Of(now time.Duration, clock int64) time.Duration {
	if clock == 0 {
		return 0
	}
	transit := now.Milliseconds() - clock
	fastest := d.fastest + ((now - d.measured) / 1000).Milliseconds()
	if !d.timed || transit <= fastest {
		*d = Delay{timed: true, fastest: transit, measured: now}
		return 0
	}
	if !d.late {
		d.late, d.since, d.least = true, now, transit
	}
	d.least = min(d.least, transit)
	if now-d.since >= StaleAfter {
		fastest = d.least
		*d = Delay{timed: true, fastest: fastest, measured: now}
	}
	return ms(transit - fastest)
}
