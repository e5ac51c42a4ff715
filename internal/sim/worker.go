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
		Name: name, Incarnation: self.Incarnation, Machine: m,
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
			s.started(n, start)
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

// started notes that a worker starts a run.
func (s *System) started(n *Node, start worker.Start) {
	s.Runs[n.Name] = append(s.Runs[n.Name], start)
	s.Note("%s starts %s, attempt %d", n.Name, jobName(start.Job.Job), start.Job.Attempt)
	if s.Started != nil {
		s.Started(n, start)
	}
}

// finish ends a run, in a turn of its own.
func (s *System) finish(n *Node, id wire.JobID, o worker.Outcome) {
	if s.Ended != nil {
		s.Ended(n, id)
	}
	s.After(0, func() {
		n.Do(func(now role.Time) { n.Machine.(*worker.Machine).Finished(now, id, o) })
	})
}
