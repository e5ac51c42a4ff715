package cluster

import "time"

// Delay tells how much longer a member's states were under way than the fastest
// of them: they may have lain at a coordinator that was stopped, or here. The
// zero Delay is for a member of which nothing has come.
type Delay struct {
	timed    bool          // the member has said its clock
	fastest  int64         // least of (my clock − its clock) seen, ms
	measured time.Duration // when that was
}

// Of returns the delay of a state that says its member's clock, ms; 0 if it does
// not. The two clocks differ by up to a thousandth in their rate.
func (d *Delay) Of(now time.Duration, clock int64) time.Duration {
	if clock == 0 {
		return 0
	}
	transit := now.Milliseconds() - clock
	fastest := d.fastest + ((now - d.measured) / 1000).Milliseconds()
	if !d.timed || transit <= fastest {
		*d = Delay{true, transit, now}
		return 0
	}
	return ms(transit - fastest)
}
