package chaos

import (
	"math/rand/v2"
	"time"
)

// The kinds of fault.
const (
	Kill = "SIGKILL"  // started again on its endpoints after restartAfter
	Stop = "SIGSTOP"  // SIGCONT after faultLasts
	Cut  = "link cut" // healed after faultLasts
)

const (
	faultLasts   = 5 * time.Second
	restartAfter = 2 * time.Second
)

// A Fault is something that is done to a part.
type Fault struct {
	At   time.Duration // since the load began
	Kind string
	Part string
	One  bool // of a cut: only the link to one other part, not all
}

// roles are the roles in the order in which their turn comes.
var roles = []string{"worker", "queue", "broker", "coordinator", "frontend"}

var kinds = []string{Kill, Stop, Cut}

// plan draws faults one after the other, in turn over all roles and kinds, so
// that fifteen have each kind happen to each role. The first comes after one
// gap, and after the last one is left.
func plan(random *rand.Rand, parts func(role string) []string, duration, every time.Duration) (faults []Fault) {
	first := random.IntN(len(roles) * len(kinds))
	for at := min(every, firstAfter); at+every <= duration; at += every {
		n := first + len(faults)
		names := parts(roles[n%len(roles)])
		faults = append(faults, Fault{
			At: at, Kind: kinds[n%len(kinds)], Part: names[random.IntN(len(names))], One: random.IntN(2) == 0,
		})
	}
	return faults
}

// firstAfter is how long the load runs before the first fault at most.
const firstAfter = 5 * time.Second

// An event is a fault that has happened.
type event struct {
	Fault
	peer  string        // of a cut that severed one link: the other end
	how   string        // how it ended, for people
	began time.Duration // since the load began
	over  time.Duration // the part works again as far as can be seen from outside; 0 not yet
}

func (e *event) String() string {
	s := e.Kind + " of " + e.Part
	if e.peer != "" {
		s += " and " + e.peer
	}
	return s
}

// hits reports whether the fault is one of a frontend as a whole, which its
// clients may see.
func (e *event) hits(frontend string) bool {
	return e.Part == frontend && e.peer == "" && e.Kind != Stop
}
