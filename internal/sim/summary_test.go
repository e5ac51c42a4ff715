package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/wire"
)

// simulated is what all systems of this process came to.
var simulated summary

// TestMain tells, in the end, what the simulated systems came to.
func TestMain(m *testing.M) {
	flag.Parse()
	if *only != "" && !isProfile(*only) {
		fmt.Fprintf(os.Stderr, "no profile is called %q; there are %s, and these: %s\n", *only, mixed.name, strings.Join(profileNames(), ", "))
		os.Exit(2)
	}
	debug.SetGCPercent(1600) // a system needs little memory and makes much garbage
	began := time.Now()
	code := m.Run()
	if testing.Verbose() && len(simulated.systems) > 0 {
		fmt.Print(simulated.tell(time.Since(began)))
	}
	os.Exit(code)
}

// summary adds up what simulated systems came to.
type summary struct {
	mu       sync.Mutex     // guards what follows
	systems  map[string]int // by profile
	requests int
	outcomes map[string]int // of requests
	faults   map[string]int // by kind
	steps    travels
}

func (s *summary) add(r *tormented) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.systems == nil {
		s.systems, s.outcomes, s.faults = make(map[string]int), make(map[string]int), make(map[string]int)
	}
	s.systems[r.profile.name]++
	s.requests += len(r.calls)
	for _, c := range r.calls {
		s.outcomes[c.outcome()]++
	}
	for kind, n := range r.harmed {
		s.faults[kind] += n
	}
	s.steps.add(r.World)
}

// outcome is what a client would say came of its request: the status that HTTP
// clients get, and why.
func (c *call) outcome() string {
	switch c.Refusal {
	case frontend.Accepted:
	case frontend.UnknownFunction:
		return "404 unknown function"
	case frontend.Uninformed:
		return "503 refused, not known yet"
	case frontend.Full:
		return "503 refused, full"
	case frontend.NoBroker:
		return "503 refused, no broker"
	case frontend.Stopping:
		return "503 refused, the frontend stops"
	}
	switch {
	case len(c.Answers) == 0 && c.gone:
		return "the client has gone"
	case len(c.Answers) == 0:
		return "none, the frontend has died"
	}
	switch code := c.Answers[0].Code; code {
	case wire.CodeOK:
		return "200"
	case wire.CodeExpired:
		return "504 past its deadline"
	case wire.CodeWorkersLost:
		return "502 its workers were lost"
	case wire.CodeLeaving:
		return "503 the frontend stops"
	default:
		return fmt.Sprintf("502 code %d", code)
	}
}

// tell puts the summary into words.
func (s *summary) tell(took time.Duration) string {
	var b strings.Builder
	all := 0
	for _, n := range s.systems {
		all += n
	}
	fmt.Fprintf(&b, "%s in %v, with %v of CPU time, by profile\n", wire.Plural(all, "system"), took.Round(time.Second), cpuTime().Round(time.Second))
	list(&b, s.systems)
	fmt.Fprintf(&b, "%s, by answer\n", wire.Plural(s.requests, "request"))
	list(&b, s.outcomes)
	fmt.Fprintln(&b, "faults, by kind")
	list(&b, s.faults)
	b.WriteString("steps of state machines\n")
	s.steps.list(&b)
	return b.String()
}

func list(b *strings.Builder, counts map[string]int) {
	for _, name := range sorted(counts) {
		fmt.Fprintf(b, "  %-32s %12d\n", name, counts[name])
	}
}

// cpuTime is what this process has used of all processors: unlike the time of
// day it tells little of what else the machine does.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic("getrusage: " + err.Error()) // no other argument can be wrong
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
