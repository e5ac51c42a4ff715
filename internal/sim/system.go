package sim

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"faasd/internal/broker"
	"faasd/internal/coordinator"
	"faasd/internal/frontend"
	"faasd/internal/queue"
	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

// Layout says which roles a System has. Zero is a default where one is named.
type Layout struct {
	Frontends, Brokers, Coordinators int // 1 each
	Queues, Workers                  int
	Slots                            int            // of each worker; 1
	Window                           uint64         // jobs that one peer may have outstanding at another; 4096
	WindowBytes                      uint64         // and their bytes; no bound
	Attempts                         uint8          // 3
	AttemptsOf                       map[string]int // for these functions, instead
	Remote                           bool           // every process is on a host of its own

	// Serve says what comes of a run and how long it takes. Nil is an echo that
	// takes no time.
	Serve func(workerName string, s worker.Start) (worker.Outcome, time.Duration)
	Log   *slog.Logger // nil discards

	// ClockSpeed is World.Speed, known before anybody starts.
	ClockSpeed func(name string) int64
	// Delay is World.Latency, likewise.
	Delay func(from, to string) time.Duration
}

// Forever is how long a run takes that ends when it is stopped or at the job's
// deadline.
const Forever time.Duration = -1

// System is a world with the roles in it: frontend1 and up, broker1 and up,
// coordinator1 and up, queueA and up, worker1 and up.
type System struct {
	*World
	Layout
	incarnations uint64
	jobs         uint64
	Runs         map[string][]worker.Start // what every worker was told to start

	// Started and Ended, if set, are told of every run as it starts and as it
	// has its outcome.
	Started func(w *Node, s worker.Start)
	Ended   func(w *Node, id wire.JobID)
}

// New makes a system and starts all of it.
func New(l Layout) *System {
	l.Frontends, l.Brokers, l.Coordinators = max(l.Frontends, 1), max(l.Brokers, 1), max(l.Coordinators, 1)
	l.Slots = max(l.Slots, 1)
	if l.Window == 0 {
		l.Window = 4096
	}
	if l.WindowBytes == 0 {
		l.WindowBytes = windowBytes
	}
	if l.Attempts == 0 {
		l.Attempts = 3
	}
	if l.Serve == nil {
		l.Serve = Echo
	}
	if l.Log == nil {
		l.Log = slog.New(slog.DiscardHandler)
	}
	s := &System{World: NewWorld(), Layout: l, Runs: make(map[string][]worker.Start)}
	s.Speed, s.Latency = l.ClockSpeed, l.Delay
	// Nothing on the bus is repeated: who subscribes again is told everything.
	s.Brittle = func(endpoint string) bool { return strings.HasPrefix(endpoint, "coordinator") }
	for i := range l.Coordinators {
		s.Start(fmt.Sprintf("coordinator%d", i+1))
	}
	for i := range l.Brokers {
		s.Start(fmt.Sprintf("broker%d", i+1))
	}
	for i := range l.Queues {
		s.Start(QueueName(i))
	}
	for i := range l.Frontends {
		s.Start(fmt.Sprintf("frontend%d", i+1))
	}
	for i := range l.Workers {
		s.Start(fmt.Sprintf("worker%d", i+1))
	}
	return s
}

// QueueName is the name of the queue with that number, from 0.
func QueueName(i int) string { return "queue" + string(rune('A'+i)) }

// Echo answers with what it is given, in no time.
func Echo(_ string, s worker.Start) (worker.Outcome, time.Duration) {
	return worker.Outcome{ContentType: s.Job.Meta.ContentType, Body: s.Job.Body}, 0
}

// Start starts the role that a name tells of, for the first time or again.
func (s *System) Start(name string) *Node {
	switch {
	case strings.HasPrefix(name, "coordinator"):
		return s.startCoordinator(name)
	case strings.HasPrefix(name, "broker"):
		return s.startBroker(name)
	case strings.HasPrefix(name, "queue"):
		return s.startQueue(name)
	case strings.HasPrefix(name, "frontend"):
		return s.startFrontend(name)
	case strings.HasPrefix(name, "worker"):
		return s.StartWorker(name, "echo")
	}
	panic("sim: no role is called " + name)
}

// Node returns the living process of that name; there must be one.
func (s *System) Node(name string) *Node {
	n := s.node(name)
	if n == nil {
		panic("sim: no process called " + name)
	}
	return n
}

// Lives reports whether a process of that name lives.
func (s *System) Lives(name string) bool { return s.node(name) != nil }

// Frontend returns a frontend's machine.
func (s *System) Frontend(name string) *frontend.Machine {
	return s.Node(name).Machine.(*frontend.Machine)
}

// Queue returns a queue's machine.
func (s *System) Queue(name string) *queue.Machine { return s.Node(name).Machine.(*queue.Machine) }

// Worker returns a worker's machine.
func (s *System) Worker(name string) *worker.Machine { return s.Node(name).Machine.(*worker.Machine) }

// Stoppable is what every role's machine offers for stopping in order.
type Stoppable interface {
	Drain(now role.Time)
	Drained() bool
	Leave(now role.Time)
}

// Shut stops a role in order, as SIGTERM does: it drains until it has nothing
// left or grace has passed, says goodbye and ends. It reports whether it had
// nothing left.
func (s *System) Shut(name string, grace time.Duration) bool {
	n := s.Node(name)
	m := n.Machine.(Stoppable)
	n.Do(m.Drain)
	drained := s.Until(grace, m.Drained)
	n.Do(m.Leave)
	s.Run(10 * latency) // what it has said gets out
	n.Crash()
	return drained
}

// ShutLater is Shut by a process that others do not wait for; done is called once it has ended.
func (s *System) ShutLater(name string, grace time.Duration, done func()) {
	n := s.Node(name)
	m := n.Machine.(Stoppable)
	n.Do(m.Drain)
	end := s.now + grace
	var look func()
	look = func() {
		switch {
		case n.dead:
			done()
		case s.now < end && !m.Drained():
			s.After(10*time.Millisecond, look)
		default:
			n.Do(m.Leave)
			n.left = true
			s.After(time.Millisecond, func() { // what it has said gets out
				if !n.dead {
					n.Crash()
				}
				done()
			})
		}
	}
	s.After(0, look)
}

func (s *System) member(roleName, name string) wire.Member {
	s.incarnations++
	host := "host"
	if s.Remote {
		host = name + "-host"
	}
	return wire.Member{
		Protocol: wire.BusProtocol, Started: 1 + s.now.Milliseconds(),
		Role: roleName, Name: name, Host: host, PID: int(s.incarnations),
		// Any number but 0, and no two alike.
		Incarnation: wire.Incarnation(s.incarnations * 0x9e3779b97f4a7c15),
	}
}

func (s *System) coordinators() (endpoints []string) {
	for i := range s.Coordinators {
		endpoints = append(endpoints, fmt.Sprintf("coordinator%d/subscribe", i+1))
	}
	return endpoints
}

// brokers are the endpoints of one link of all brokers.
func (s *System) brokers(link string) (endpoints []string) {
	for i := range s.Brokers {
		endpoints = append(endpoints, fmt.Sprintf("broker%d/%s", i+1, link))
	}
	return endpoints
}

func (s *System) startCoordinator(name string) *Node {
	self := s.member(wire.RoleCoordinator, name)
	m := coordinator.New(coordinator.Config{Self: self, Log: s.Log})
	m.Advertise("publish", name+"/publish")
	return s.World.Start(Spec{
		Name: name, Incarnation: self.Incarnation, Machine: m,
		Kinds: map[role.Link]Kind{coordinator.LinkPublish: XSub, coordinator.LinkSubscribe: Pub},
		Binds: []Bind{{coordinator.LinkPublish, name + "/publish"}, {coordinator.LinkSubscribe, name + "/subscribe"}},
	})
}

func (s *System) startBroker(name string) *Node {
	self := s.member(wire.RoleBroker, name)
	cfg := broker.Config{Self: self, Coordinators: s.coordinators(), Log: s.Log}
	cfg.Window.Count, cfg.Window.Bytes = s.Window, s.WindowBytes
	return s.World.Start(Spec{
		Name: name, Incarnation: self.Incarnation, Machine: broker.New(cfg),
		Kinds: map[role.Link]Kind{
			broker.LinkFrontends: Pull, broker.LinkReplies: Push, broker.LinkWorkers: Router, broker.LinkJobs: Pub,
			broker.LinkResponses: Pull, broker.LinkSubscribe: Sub, broker.LinkPublish: Pub,
		},
		Binds: []Bind{
			{broker.LinkFrontends, name + "/frontends"}, {broker.LinkWorkers, name + "/workers"},
			{broker.LinkJobs, name + "/jobs"}, {broker.LinkResponses, name + "/responses"},
		},
	})
}

// windowBytes is no bound: tests bound the count.
const windowBytes = 1 << 30

// StartReplacement starts another process for a queue's name, at an endpoint of
// its own, as whoever keeps processes does that takes a stopped one for dead.
func (s *System) StartReplacement(name, process string) *Node {
	return s.startQueueAs(name, process)
}

func (s *System) startQueue(name string) *Node { return s.startQueueAs(name, name) }

func (s *System) startQueueAs(name, process string) *Node {
	self := s.member(wire.RoleQueue, name)
	cfg := queue.Config{Self: self, Coordinators: s.coordinators(), Log: s.Log}
	cfg.Window.Count, cfg.Window.Bytes = s.Window, s.WindowBytes
	cfg.Results.Count, cfg.Results.Bytes = max(s.Window, 4096), windowBytes
	jobs := s.brokers("jobs")
	for i, responses := range s.brokers("responses") {
		cfg.Brokers = append(cfg.Brokers, queue.BrokerEndpoints{Jobs: jobs[i], Responses: responses})
	}
	m := queue.New(cfg)
	m.Advertise("workers", process+"/workers")
	return s.World.Start(Spec{
		Name: process, Incarnation: self.Incarnation, Machine: m,
		Kinds: map[role.Link]Kind{
			queue.LinkWorkers: Router, queue.LinkJobs: Sub, queue.LinkResponses: Push,
			queue.LinkSubscribe: Sub, queue.LinkPublish: Pub,
		},
		Binds: []Bind{{queue.LinkWorkers, process + "/workers"}},
	})
}

// attempts is how often a function's jobs may be run.
func (s *System) attempts(function string) int {
	if n := s.AttemptsOf[function]; n > 0 {
		return n
	}
	return int(s.Attempts)
}

func (s *System) startFrontend(name string) *Node {
	self := s.member(wire.RoleFrontend, name)
	cfg := frontend.Config{
		Self: self, HTTP: name, Brokers: s.brokers("frontends"), Coordinators: s.coordinators(),
		BuiltIn: []string{"echo"}, Attempts: s.attempts, MaxWait: time.Second, Log: s.Log,
	}
	cfg.Window.Count, cfg.Window.Bytes = s.Window, s.WindowBytes
	m := frontend.New(cfg)
	m.Advertise("replies", name+"/replies")
	return s.World.Start(Spec{
		Name: name, Incarnation: self.Incarnation, Machine: m,
		Kinds: map[role.Link]Kind{
			frontend.LinkReplies: Pull, frontend.LinkRequests: Push, frontend.LinkSubscribe: Sub, frontend.LinkPublish: Pub,
		},
		Binds: []Bind{{frontend.LinkReplies, name + "/replies"}},
	})
}
