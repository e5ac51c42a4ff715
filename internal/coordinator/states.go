package coordinator

import "faasd/internal/role"

// What a publisher's state or detail is to a coordinator.
const (
	absent uint8 = iota
	known        // the last value is kept for whoever subscribes
)

var valueStates = role.States{
	Of: "value at a coordinator", Names: []string{"absent", "known"},
	Steps: [][2]uint8{
		{absent, known},
		{known, known},  // a newer one
		{known, absent}, // its publisher has left, or was silent for a minute
	},
}

// Paths are the steps taken so far.
func (m *Machine) Paths() []*role.Path { return []*role.Path{&m.path} }
