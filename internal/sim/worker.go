package sim

import (
	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// StartWorker starts a worker with functions of its own.
func (s *System) StartWorker(name string, functions ...string) *Node {
	self := s.member(wire.RoleWorker, name)
	self.Functions, self.Slots = functions, s.Slots
	m := worker.New(worker.Config{Self: self, Brokers: s.brokers("workers"), MaxBody: windowBytes, Log: s.Log})
	n := s.World.Start(Spec{
		Name: name, Machine: m,
		Kinds: map[role.Link]Kind{worker.LinkPlace: Req, worker.LinkQueue: Dealer},
	})
	running := make(map[wire.JobID]bool)
	n.turned = func() {
		for _, id := range m.Stops() {
			if running[id] {
				delete(running, id)
				s.finish(n, id, worker.Outcome{Code: wire.CodeFunctionFailed, Reason: "stopped"})
			}
		}
		for _, start := range m.Starts() {
			id := start.Job.Job
			s.Runs[name] = append(s.Runs[name], start)
			running[id] = true
			outcome, after := s.Serve(name, start)
			if after == Forever || after > start.Timeout {
				// A function's context ends at the job's deadline.
				outcome, after = worker.Outcome{Code: wire.CodeExpired}, start.Timeout
			}
			s.After(after, func() {
				if running[id] {
					delete(running, id)
					s.finish(n, id, outcome)
				}
			})
		}
	}
	return n
}

// finish ends a run, in a turn of its own.
func (s *System) finish(n *Node, id wire.JobID, o worker.Outcome) {
	s.After(0, func() {
		n.Do(func(now role.Time) { n.Machine.(*worker.Machine).Finished(now, id, o) })
	})
}
