package queue

import "faasd/internal/role"

// What a job at a queue can be.
const (
	absent  uint8 = iota
	waiting       // in its function's line
	held          // not to be run before one of its brokers has been heard again
	moving        // a broker was asked to give it to another queue
	running       // a worker has it
)

var jobStates = role.States{
	Of: "job at a queue", Names: []string{"absent", "waiting", "held", "moving", "running"},
	Steps: [][2]uint8{
		{absent, waiting},  // it comes
		{absent, held},     // from a broker that may have given this queue up
		{waiting, running}, // a worker is free
		{waiting, held},    // its broker has not heard this queue for too long
		{waiting, moving},  // another queue has a free worker, or this one drains
		{waiting, absent},  // cancelled, expired, given up, or its broker is gone
		{held, waiting},    // its broker has heard this queue
		{held, absent},     // cancelled, or its broker is gone
		{moving, waiting},  // refused
		{moving, held},     // refused, or resumed, and meanwhile in doubt
		{moving, absent},   // moved, cancelled, or its broker is gone
		{running, waiting}, // its worker was lost or has given it back
		{running, held},    // likewise, and its broker has not heard this queue
		{running, absent},  // answered, cancelled, or lost and wanted by nobody
	},
}

// What a worker is to its queue.
const (
	met      uint8 = iota + 1 // it has announced itself, and does not know that it is known
	up                        // it can be given jobs
	draining                  // it finishes what it has
	doomed                    // it was told to die
)

var workerStates = role.States{
	Of: "worker at a queue", Names: []string{"absent", "met", "up", "draining", "doomed"},
	Steps: [][2]uint8{
		{absent, met},
		{met, up},
		{met, draining},    // it drains already
		{met, absent},      // it never was one of ours
		{up, draining},     // by its own word, or an operator's
		{up, doomed},       // by an operator's command
		{up, absent},       // lost, left, or sent away
		{draining, up},     // it stays after all
		{draining, doomed}, // an operator cannot wait
		{draining, absent},
		{doomed, up},       // the order has not reached it
		{doomed, draining}, // likewise
		{doomed, absent},
	},
}

// What a worker behind a REQ socket waits for, or is waited for.
const (
	reqReady  uint8 = iota + 1 // waits for our answer
	reqPinged                  // owes us a PONG
	reqBusy                    // owes us a RESULT or FAIL
)

var reqStates = role.States{
	Of: "REQ worker", Names: []string{"absent", "ready", "pinged", "busy"},
	Steps: [][2]uint8{
		{absent, reqReady},
		{reqReady, reqPinged}, // there was no job for a second
		{reqReady, reqBusy},
		{reqReady, absent},
		{reqPinged, reqReady},
		{reqPinged, absent},
		{reqBusy, reqReady},
		{reqBusy, absent},
	},
}

// What a worker that speaks MDP does, as far as its queue knows.
const (
	mdpReady uint8 = iota + 1 // waits for a REQUEST
	mdpBusy                   // owes us a REPLY
)

var mdpStates = role.States{
	Of: "MDP worker", Names: []string{"absent", "ready", "busy"},
	Steps: [][2]uint8{
		{absent, mdpReady},
		{mdpReady, mdpBusy},
		{mdpReady, absent},
		{mdpBusy, mdpReady},
		{mdpBusy, absent},
	},
}

// What a broker is to a queue.
const (
	linked uint8 = iota + 1 // it is known to have heard this queue lately
	unsure                  // it may have given this queue up
)

var brokerStates = role.States{
	Of: "broker of a queue", Names: []string{"absent", "linked", "unsure"},
	Steps: [][2]uint8{{absent, linked}, {linked, unsure}, {linked, absent}, {unsure, linked}, {unsure, absent}},
}

// paths counts what a queue's jobs, workers and brokers have gone through.
type paths struct{ jobs, workers, req, mdp, brokers role.Path }

func newPaths() paths {
	return paths{role.NewPath(&jobStates), role.NewPath(&workerStates), role.NewPath(&reqStates), role.NewPath(&mdpStates), role.NewPath(&brokerStates)}
}

// Paths are the steps taken so far.
func (m *Machine) Paths() []*role.Path {
	return []*role.Path{&m.paths.jobs, &m.paths.workers, &m.paths.req, &m.paths.mdp, &m.paths.brokers}
}

// look notes what a worker is now.
func (m *Machine) look(w *worker) { m.paths.workers.Now(&w.state, w.is()) }

// is what the worker is to its queue.
func (w *worker) is() uint8 {
	switch {
	case w.dropped:
		return absent
	case !w.welcomed:
		return met
	case w.doomed != 0:
		return doomed
	case w.draining || w.drainAsked:
		return draining
	}
	return up
}
