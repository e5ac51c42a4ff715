package bus

import "time"

// Started is when the clock that Host.Now reads stood at zero.
func Started() time.Time { return epoch }
