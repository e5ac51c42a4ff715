package lambda

import (
	"time"

	"faasd/internal/function"
)

// The bounds of how long a function whose processes do not come up rests
// before the next is started.
const (
	firstRest = 100 * time.Millisecond
	longRest  = 10 * time.Second
)

// crashLoop keeps a function whose processes do not come up from using the
// machine for nothing but that. The zero crashLoop is of one without trouble.
type crashLoop struct {
	why  *function.Failure // what the last one said
	rest time.Duration
	end  time.Time // when the next may be started
}

// add notes another process that did not come up.
func (l *crashLoop) add(why *function.Failure, now time.Time) {
	l.why = why
	l.rest = min(max(2*l.rest, firstRest), longRest)
	l.end = now.Add(l.rest)
}

// wait is how long no process may be started; nothing or less once one may.
func (l *crashLoop) wait(now time.Time) time.Duration { return l.end.Sub(now) }
