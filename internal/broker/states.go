package broker

import "faasd/internal/role"

// What a job at a broker can be.
const (
	absent   uint8 = iota
	sought         // queues are asked whether they have it
	unrouted       // no queue had room
	given          // a queue has it
)

var jobStates = role.States{
	Of: "job at a broker", Names: []string{"absent", "sought", "unrouted", "given"},
	Steps: [][2]uint8{
		{absent, sought},   // another broker had it
		{absent, unrouted}, // it comes
		{absent, given},    // it comes
		{sought, unrouted}, // nobody has it
		{sought, given},    // to who has it, or to any queue if nobody does
		{sought, absent},   // cancelled, or its frontend is gone
		{unrouted, given},
		{unrouted, absent}, // cancelled, expired, or its frontend is gone
		{given, given},     // to another queue: moved, or its queue is lost
		{given, unrouted},  // its queue is lost
		{given, absent},    // answered, cancelled, or its frontend is gone
	},
}

// What a queue is to a broker, and a frontend.
const (
	met      uint8 = iota + 1 // it has announced itself
	routable                  // a queue: it can be given jobs and workers
)

var queueStates = role.States{
	Of: "queue of a broker", Names: []string{"absent", "met", "routable"},
	Steps: [][2]uint8{
		{absent, met},
		{met, routable},
		{met, absent},
		{routable, met}, // it drains, has unsubscribed, or begins anew
		{routable, absent},
	},
}

var frontendStates = role.States{
	Of: "frontend of a broker", Names: []string{"absent", "met"},
	Steps: [][2]uint8{
		{absent, met},
		{met, met}, // it begins anew, and may claim what it had sent
		{met, absent},
	},
}

// paths counts what a broker's jobs, queues and frontends have gone through.
type paths struct{ jobs, queues, frontends role.Path }

func newPaths() paths {
	return paths{role.NewPath(&jobStates), role.NewPath(&queueStates), role.NewPath(&frontendStates)}
}

// Paths are the steps taken so far.
func (m *Machine) Paths() []*role.Path {
	return []*role.Path{&m.paths.jobs, &m.paths.queues, &m.paths.frontends}
}

// look notes what a queue is now.
func (m *Machine) look(q *queue) {
	is := met
	switch {
	case m.queues[q.Peer] != q:
		is = absent
	case q.routable:
		is = routable
	}
	m.paths.queues.Now(&q.state, is)
}
