package role

import (
	"fmt"
	"strings"
)

// States are what one kind of thing that machines keep can be: names by number,
// of which 0 is that it is not there; and the steps from one to another that
// there are. It is declared once and not changed.
type States struct {
	Of    string // "job at a queue"
	Names []string
	Steps [][2]uint8
}

// Path counts the steps that one machine's things have taken. It is owned by
// the machine.
type Path struct {
	*States
	taken []uint64 // by from × len(Names) + to
}

// NewPath makes a path on which nothing has happened.
func NewPath(s *States) Path { return Path{s, make([]uint64, len(s.Names)*len(s.Names))} }

// Step takes a thing from its state to the next, which may be the same again.
func (p *Path) Step(state *uint8, to uint8) {
	p.taken[int(*state)*len(p.Names)+int(to)]++
	*state = to
}

// Now notes what a thing is now: a step, if it was something else.
func (p *Path) Now(state *uint8, is uint8) {
	if *state != is {
		p.Step(state, is)
	}
}

// Taken returns how often a step was taken.
func (p *Path) Taken(from, to uint8) uint64 { return p.taken[int(from)*len(p.Names)+int(to)] }

// Strange describes a step that was taken and is none of the States', or nothing.
func (p *Path) Strange() string {
	var strange []string
	for i, n := range p.taken {
		from, to := uint8(i/len(p.Names)), uint8(i%len(p.Names))
		if n > 0 && !p.has(from, to) {
			strange = append(strange, fmt.Sprintf("%s: %s", p.Of, p.Name(from, to)))
		}
	}
	return strings.Join(strange, "; ")
}

func (s *States) has(from, to uint8) bool {
	for _, step := range s.Steps {
		if step == [2]uint8{from, to} {
			return true
		}
	}
	return false
}

// Name is how people read a step.
func (s *States) Name(from, to uint8) string { return s.Names[from] + " → " + s.Names[to] }
