package chaos

import (
	"fmt"
	"testing"
)

func TestAJobIsRememberedForLong(t *testing.T) {
	l := newLedger()
	l.answered("first", 1)
	for n := range maxJobs {
		l.answered(fmt.Sprint(n), n+2)
	}
	if other := l.answered("first", maxJobs+2); other != 1 {
		t.Errorf("its job was that of request %d, want 1", other)
	}
	if n := len(l.jobs) + len(l.older); n > 2*maxJobs {
		t.Errorf("%d jobs are remembered", n)
	}
}
