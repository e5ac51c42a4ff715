package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"faasd/internal/role"
)

// meanings say what the states of each state machine are, for readers of the
// summary.
var meanings = map[string]map[string]string{
	"REQ worker":           {"absent": "not at this queue", "ready": "waits for a job", "pinged": "owes a PONG", "busy": "has a job"},
	"MDP worker":           {"absent": "not at this queue", "ready": "waits for a job", "busy": "has a job"},
	"broker of a frontend": {"absent": "without a link", "usable": "takes requests", "draining": "finishes what it has"},
	"broker of a queue":    {"absent": "without a link", "linked": "known to have heard the queue lately", "unsure": "may have given the queue up"},
	"frontend of a broker": {"absent": "not known", "met": "has announced itself"},
	"job at a broker":      {"absent": "not there", "sought": "queues are asked whether they have it", "unrouted": "no queue has room", "given": "a queue has it"},
	"job at a queue": {
		"absent": "not there", "waiting": "in its function's line", "held": "not to be run before a broker of it is heard again",
		"moving": "its broker was asked to give it to another queue", "running": "a worker has it",
	},
	"job at a worker":       {"absent": "not there", "lined": "given beyond the slots, or by a queue that may not have heard the worker", "running": "started and not finished", "unwanted": "running, and asked to stop"},
	"queue of a broker":     {"absent": "not known", "met": "has announced itself", "routable": "can be given jobs and workers"},
	"request at a frontend": {"absent": "not there", "given": "a broker has it", "homeless": "no broker has room yet"},
	"value at a coordinator": {
		"absent": "never published, taken back or old", "known": "kept for whoever subscribes",
	},
	"worker": {"looking": "has no queue", "asking": "asks a broker for one", "joining": "announces itself to a queue", "joined": "is at a queue"},
	"worker at a queue": {
		"absent": "not at this queue", "met": "does not know that it is known", "up": "can be given jobs",
		"draining": "finishes what it has", "doomed": "was told to die",
	},
}

// travels adds up the steps of all machines of some worlds. It is owned by one
// goroutine at a time.
type travels struct {
	states []*role.States
	taken  map[*role.States]map[[2]uint8]uint64
}

// paths are the steps that a process's machine has taken.
func (n *Node) paths() []*role.Path {
	if m, ok := n.Machine.(interface{ Paths() []*role.Path }); ok {
		return m.Paths()
	}
	return nil
}

// strange tells which steps some process of a world has taken that its role does
// not declare.
func strange(w *World) (odd []string) {
	for _, n := range w.all {
		for _, p := range n.paths() {
			if s := p.Strange(); s != "" {
				odd = append(odd, fmt.Sprintf("%s has taken a step that is not declared: %s", n.Name, s))
			}
		}
	}
	return odd
}

func (t *travels) add(w *World) {
	for _, n := range w.all {
		for _, p := range n.paths() {
			if t.taken[p.States] == nil {
				if t.taken == nil {
					t.taken = make(map[*role.States]map[[2]uint8]uint64)
				}
				t.states = append(t.states, p.States)
				t.taken[p.States] = make(map[[2]uint8]uint64)
			}
			for _, s := range p.Steps {
				t.taken[p.States][s] += p.Taken(s[0], s[1])
			}
		}
	}
}

// list tells how often each step was taken, and what the states are.
func (t *travels) list(b *strings.Builder) {
	slices.SortFunc(t.states, func(a, b *role.States) int { return strings.Compare(a.Of, b.Of) })
	for _, s := range t.states {
		var states []string
		for _, state := range s.Names {
			states = append(states, state+": "+meanings[s.Of][state])
		}
		fmt.Fprintf(b, "  %s – %s\n", s.Of, strings.Join(states, "; "))
		for _, step := range s.Steps {
			fmt.Fprintf(b, "    %-30s %12d\n", s.Name(step[0], step[1]), t.taken[s][step])
		}
	}
}

// missed tells which steps were never taken.
func (t *travels) missed() (steps []string) {
	for _, s := range t.states {
		for _, step := range s.Steps {
			if t.taken[s][step] == 0 {
				steps = append(steps, s.Of+": "+s.Name(step[0], step[1]))
			}
		}
	}
	return steps
}

func TestEveryStateHasAMeaningForReadersOfTheSummary(t *testing.T) {
	var all travels
	all.add(torment(mixed, 0, false, nil).World)
	for _, s := range all.states {
		for _, state := range s.Names {
			if meanings[s.Of][state] == "" {
				t.Errorf("%s: say in meanings what %q is", s.Of, state)
			}
		}
		if len(meanings[s.Of]) > len(s.Names) {
			t.Errorf("%s: meanings has states that are none: %v, there are %v", s.Of, sorted(meanings[s.Of]), s.Names)
		}
	}
}
