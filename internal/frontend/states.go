package frontend

import "faasd/internal/role"

// What a request at a frontend can be.
const (
	absent   uint8 = iota
	given          // a broker has it
	homeless       // no broker has room for it yet
)

var requestStates = role.States{
	Of: "request at a frontend", Names: []string{"absent", "given", "homeless"},
	Steps: [][2]uint8{
		{absent, given},
		{absent, homeless}, // brokers are about to begin new links
		{given, homeless},  // its broker is lost
		{given, absent},    // answered, cancelled or expired
		{homeless, given},
		{homeless, absent}, // cancelled or expired
	},
}

// What a broker is to a frontend.
const (
	usable   uint8 = iota + 1 // it takes requests
	draining                  // it finishes what it has
)

var brokerStates = role.States{
	Of: "broker of a frontend", Names: []string{"absent", "usable", "draining"},
	Steps: [][2]uint8{{absent, usable}, {absent, draining}, {usable, draining}, {usable, absent}, {draining, absent}},
}

// paths counts what a frontend's requests and brokers have gone through.
type paths struct{ requests, brokers role.Path }

func newPaths() paths { return paths{role.NewPath(&requestStates), role.NewPath(&brokerStates)} }

// Paths are the steps taken so far.
func (m *Machine) Paths() []*role.Path { return []*role.Path{&m.paths.requests, &m.paths.brokers} }

// look notes what a broker is now.
func (m *Machine) look(b *broker) {
	is := usable
	switch {
	case b.Link() == nil:
		is = absent
	case b.draining:
		is = draining
	}
	m.paths.brokers.Now(&b.state, is)
}
