package chaos

import (
	"math/rand/v2"
	"time"
)

// A Kind is a way to harm a part.
type Kind uint8

// The four kinds.
const (
	Kill  Kind = iota // SIGKILL; it is started again on its endpoints after restartAfter
	Stop              // SIGSTOP; SIGCONT after faultLasts
	Cut               // nothing gets through its links for faultLasts; then what was stalled flows on
	Reset             // the same; then the connections are reset, and what was stalled is lost
)

// kinds is what people are told of each kind: its name, what is done, and how it ends.
var kinds = [...]struct{ name, done, end string }{
	Kill:  {"SIGKILL", "SIGKILL", "a new start"},
	Stop:  {"SIGSTOP", "SIGSTOP", "SIGCONT"},
	Cut:   {"cut that flows on", "link cut", "flowing on"},
	Reset: {"cut that is reset", "link cut", "reset"},
}

func (k Kind) String() string { return kinds[k].name }

const (
	faultLasts   = 5 * time.Second
	restartAfter = 2 * time.Second
)

// A Fault is something that is done to a part.
type Fault struct {
	At   time.Duration // since the load began
	Kind Kind
	Part string
	One  bool // of Cut and Reset: only the link to one other part, not all
}

// roles are the roles in the order in which their turn comes.
var roles = []string{"frontend", "broker", "queue", "worker", "coordinator"}

// turns are the kinds in the order in which their turn comes: beside the five
// roles, fifteen faults kill, stop and cut off each role, and thirty have each
// kind happen to each.
var turns = []Kind{Kill, Stop, Cut, Kill, Stop, Reset}

// Least is the shortest Duration in which there is a fault.
func (t *Torment) Least() time.Duration { return min(t.Every, firstAfter) + t.Every }

// plan draws faults one after the other, in turn over all roles and kinds. After
// the last one a gap is left.
func plan(random *rand.Rand, parts func(role string) []string, duration, every time.Duration) (faults []Fault) {
	first := random.IntN(len(roles) * len(turns))
	for at := min(every, firstAfter); at+every <= duration; at += every {
		n := first + len(faults)
		names := parts(roles[n%len(roles)])
		faults = append(faults, Fault{
			At: at, Kind: turns[n%len(turns)], Part: names[random.IntN(len(names))], One: random.IntN(2) == 0,
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
	began time.Duration // since the load began
	over  time.Duration // the part works again as far as can be seen from outside; 0 not yet
}

func (e *event) String() string {
	s := kinds[e.Kind].done + " of " + e.Part
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
