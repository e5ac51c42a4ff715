package worker

import "faasd/internal/role"

// What a job at a worker can be.
const (
	absent   uint8 = iota
	lined          // given beyond the slots, or by a queue that may not have heard this worker
	running        // started and not finished
	unwanted       // running, and asked to stop
)

var taskStates = role.States{
	Of: "job at a worker", Names: []string{"absent", "lined", "running", "unwanted"},
	Steps: [][2]uint8{
		{absent, lined},     // it comes
		{lined, running},    // a slot is free
		{lined, absent},     // cancelled, expired, or its queue is lost
		{running, unwanted}, // cancelled
		{running, absent},   // finished
		{unwanted, absent},  // stopped
	},
}

// What a worker is doing about a queue.
const (
	looking uint8 = iota // for one, or waits before it asks again
	asking               // a broker
	joining              // a queue, or its own again
	joined
)

var selfStates = role.States{
	Of: "worker", Names: []string{"looking", "asking", "joining", "joined"},
	Steps: [][2]uint8{
		{looking, asking},
		{asking, asking},  // the next broker: this one does not answer
		{asking, looking}, // the broker knows no queue
		{asking, joining},
		{joining, joined},
		{joining, looking}, // the queue does not answer, or is the one that it was sent away from
		{joined, joining},  // the queue is silent, has begun anew, or has given this worker up
	},
}

// paths counts what a worker and its jobs have gone through.
type paths struct{ tasks, self role.Path }

func newPaths() paths { return paths{role.NewPath(&taskStates), role.NewPath(&selfStates)} }

// Paths are the steps taken so far.
func (m *Machine) Paths() []*role.Path { return []*role.Path{&m.paths.tasks, &m.paths.self} }
