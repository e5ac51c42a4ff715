package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"faasd/internal/role"
)

// travels adds up the steps of all machines of all runs.
type travels struct {
	mu     sync.Mutex // guards what follows
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

func (t *travels) add(n *Node) {
	t.mu.Lock()
	defer t.mu.Unlock()
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

// report tells how often each step was taken, and which never was.
func (t *travels) report() (table string, missed []string) {
	var b strings.Builder
	slices.SortFunc(t.states, func(a, b *role.States) int { return strings.Compare(a.Of, b.Of) })
	for _, s := range t.states {
		fmt.Fprintf(&b, "%s\n", s.Of)
		for _, step := range s.Steps {
			n := t.taken[s][step]
			fmt.Fprintf(&b, "  %-24s %12d\n", s.Name(step[0], step[1]), n)
			if n == 0 {
				missed = append(missed, s.Of+": "+s.Name(step[0], step[1])+" was never taken")
			}
		}
	}
	return b.String(), missed
}
