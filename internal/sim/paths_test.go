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
	odd    map[string]bool
}

func (t *travels) add(n *Node) {
	m, ok := n.Machine.(interface{ Paths() []*role.Path })
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range m.Paths() {
		if t.taken[p.States] == nil {
			if t.taken == nil {
				t.taken, t.odd = make(map[*role.States]map[[2]uint8]uint64), make(map[string]bool)
			}
			t.states = append(t.states, p.States)
			t.taken[p.States] = make(map[[2]uint8]uint64)
		}
		for _, s := range p.Steps {
			t.taken[p.States][s] += p.Taken(s[0], s[1])
		}
		if odd := p.Strange(); odd != "" {
			t.odd[odd] = true
		}
	}
}

// report tells how often each step was taken, and which never was or does not
// exist.
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
	for _, odd := range sorted(t.odd) {
		missed = append(missed, odd+" is no step that there is")
	}
	return b.String(), missed
}
