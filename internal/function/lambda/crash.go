package lambda

import (
	"fmt"
	"time"

	"faasd/internal/function"
)

// The bounds of how long a function rests before its next process is started.
const (
	firstRest = 100 * time.Millisecond
	longRest  = 10 * time.Second
	// crashRest is the longest if processes come up and then just exit: the next
	// call may be one that they can do, and what they cost is a start.
	crashRest = time.Second
)

// patientFor is how many processes in a row may die in their calls, without a
// call answered between, before the function rests.
const patientFor = 2

// crashLoop keeps a function whose processes do not come up, or die in each
// call, from using the machine for nothing but that. The zero crashLoop is of
// one without trouble.
type crashLoop struct {
	why    *function.Failure // what calls get while it rests
	deaths int               // in calls, since one was answered
	rest   time.Duration
	end    time.Time // when the next may be started
}

// failed notes another process that did not come up.
func (l *crashLoop) failed(why *function.Failure, now time.Time) {
	l.why = why
	l.lengthen(longRest, now)
}

// died notes another process that ended in a call, of a failure of that type,
// how it ended, and whether it was killed because it took more than it may. It
// returns how long the function rests because of that; 0 if it does not.
func (l *crashLoop) died(kind, ended string, tookTooMuch bool, now time.Time) time.Duration {
	if l.deaths++; l.deaths <= patientFor {
		return 0
	}
	if l.wait(now) <= 0 { // else it was started before the rest began
		longest := crashRest
		if tookTooMuch {
			longest = longRest
		}
		l.lengthen(longest, now)
	}
	l.why = function.Failed(kind, "the function's last %d processes ended in their calls, with no call answered between, the last with %s; "+
		"this call was not run: another process is started %v later", l.deaths, ended, l.rest)
	return l.rest
}

func (l *crashLoop) lengthen(longest time.Duration, now time.Time) {
	l.rest = min(max(2*l.rest, firstRest), longest)
	l.end = now.Add(l.rest)
}

// cameUp notes that a process has come up: if the others did not die in their
// calls, all is well.
func (l *crashLoop) cameUp() {
	if l.deaths <= patientFor {
		*l = crashLoop{deaths: l.deaths}
	}
}

// answered notes that a call was answered.
func (l *crashLoop) answered() { *l = crashLoop{} }

// wait is how long no process may be started; nothing or less once one may.
func (l *crashLoop) wait(now time.Time) time.Duration { return l.end.Sub(now) }

// String says why the function rests, for its log.
func (l *crashLoop) String() string {
	return fmt.Sprintf("%v: its last %d processes ended in their calls, with no call answered between", l.rest, l.deaths)
}
