package cluster

import (
	"cmp"
	"slices"
	"time"

	"faasd/internal/latency"
	"faasd/internal/wire"
)

// States of a part in a Picture.
const (
	StateOK       = "ok"
	StateDraining = "draining"
	StateLost     = "lost"          // silent for StaleAfter
	StateNoWorker = "no-workers"    // a queue without workers, or a function that none serves
	StateFailed   = "failed"        // a function of which no version has come up
	StateBroken   = "broken"        // a function whose current version does not come up at some workers
	StateRemoved  = "removed"       // a function that takes no requests any more, and still has jobs
	StateOther    = "other-version" // it speaks another version of the bus: nothing else is known of it
)

// Picture is a View at one moment, as plain data for people and programs.
type Picture struct {
	Totals       Totals          `json:"totals"`
	Queues       []Queue         `json:"queues"`
	Functions    []Function      `json:"functions"` // of queues that are heard, and deployed ones, by name
	removed      map[string]bool // functions that take no requests any more
	Workers      []Worker        `json:"workers"`
	Frontends    []Part          `json:"frontends"`
	Brokers      []Part          `json:"brokers"`
	Coordinators []Part          `json:"coordinators"`
	Supervisors  []Part          `json:"supervisors"` // of the workers of `faasd up`
	Registrars   []Part          `json:"registrars"`  // of what is deployed
	Jobs         []Job           `json:"jobs"`        // those that have been in their queues longest, the oldest first
}

// Job is one job at a queue.
type Job = wire.JobDetail

// Totals add up what is not lost.
type Totals struct {
	Queues  int    `json:"queues"`
	Workers int    `json:"workers"`
	Slots   int    `json:"slots"`
	Free    int    `json:"free"`
	Waiting int    `json:"waiting"`
	Running int    `json:"running"`
	Done    uint64 `json:"done"`

	JobsTotal       int     `json:"jobs_total"`       // at queues
	WorkersLost     int     `json:"workers_lost"`     // in the last 30 s; besides Workers
	WorkersKilled   int     `json:"workers_killed"`   // likewise, by an operator's command; not among WorkersLost
	WorkersDraining int     `json:"workers_draining"` // or told to die; besides Workers, which are those that take jobs
	Latency         Latency `json:"latency"`          // at queues

	// At frontends: Rates are of requests accepted, answered and failed.
	Open        int     `json:"open"`
	Failed      uint64  `json:"failed"`
	Errors      uint64  `json:"errors"`  // of Failed: errors of the function's own (500)
	Expired     uint64  `json:"expired"` // of Failed: past the deadline or the function's own timeout (504)
	Refused     uint64  `json:"refused"`
	RefusedRate float64 `json:"refused_rate"` // per second; known with Rates
	Rates       Rates   `json:"rates"`
}

// Part is what all members have.
type Part struct {
	Name        string              `json:"name"`
	State       string              `json:"state"`
	Incarnation wire.Incarnation    `json:"incarnation"`
	Host        string              `json:"host"`
	PID         int                 `json:"pid"`
	Version     string              `json:"version"`
	AgeMillis   int64               `json:"age_ms"`     // of what is said here
	Clock       int64               `json:"clock_ms"`   // its own, of what is said here; 0 unknown
	Started     int64               `json:"started_ms"` // Unix time; 0 unknown
	Malformed   uint64              `json:"malformed"`
	Endpoints   map[string]string   `json:"endpoints"`
	Broker      *wire.BrokerState   `json:"broker,omitempty"`
	Frontend    *wire.FrontendState `json:"frontend,omitempty"`

	Supervisor *wire.SupervisorState `json:"supervisor,omitempty"`
}

// Queue is one queue.
type Queue struct {
	Part
	Workers   int                           `json:"workers"`
	Slots     int                           `json:"slots"`
	Free      int                           `json:"free"`
	Waiting   int                           `json:"waiting"`
	Running   int                           `json:"running"`
	Oldest    int64                         `json:"oldest_ms"`  // age of the job that has waited longest
	JobsTotal int                           `json:"jobs_total"` // waiting, running or on their way to another queue
	Arrived   uint64                        `json:"arrived"`
	Done      uint64                        `json:"done"`
	Failed    uint64                        `json:"failed"` // of Done, other than OK
	Moved     uint64                        `json:"moved"`
	Taken     uint64                        `json:"taken"`
	Functions map[string]wire.FunctionState `json:"functions"`
	Spread    []latency.Bin                 `json:"spread,omitempty"` // of Latency
	Latency   Latency                       `json:"latency"`
	Rates     Rates                         `json:"rates"` // of jobs that arrive, are done, and failed
}

// Picture draws the view as of now.
func (v *View) Picture(now time.Duration) Picture {
	p := Picture{
		Queues: []Queue{}, Workers: []Worker{},
		Frontends: v.parts(now, wire.RoleFrontend), Brokers: v.parts(now, wire.RoleBroker),
		Coordinators: v.parts(now, wire.RoleCoordinator), Supervisors: v.parts(now, wire.RoleSupervisor),
		Registrars: v.parts(now, wire.RoleRegistrar),
	}
	var all latency.Sum
	var jobs []*Job
	var broken []wire.Broken
	var heard []*Entry
	byName := make(functions)
	for _, e := range v.Members(now, wire.RoleQueue) {
		q := drawQueue(now, e)
		var rates map[string]Rates
		if q.State != StateLost {
			q.Rates, rates = queueRates(e.said)
			p.Totals.add(&q)
			all.Add(&e.latency().all)
			byName.add(e, rates)
			broken = append(broken, e.broken()...)
			heard = append(heard, e)
			jobs = e.appendJobs(jobs)
		}
		p.Queues = append(p.Queues, q)
		p.Workers = append(p.Workers, drawWorkers(&q, e)...)
	}
	p.Totals.Latency = latencyOf(&all)
	byName.deploy(v.Catalogue(now), broken)
	for _, e := range heard {
		byName.addPast(e)
	}
	p.Functions = byName.draw()
	p.removed = byName.removed()
	p.Workers = withoutReturned(p.Workers)
	p.Jobs = oldestFirst(jobs)
	slices.SortStableFunc(p.Workers, func(a, b Worker) int { return cmp.Compare(a.Name, b.Name) })
	p.countWorkers()
	for _, e := range v.Members(now, wire.RoleFrontend) {
		if !e.Stale(now) && e.State.Frontend != nil {
			p.Totals.addFrontend(e)
		}
	}
	return p
}

func (e *Entry) appendJobs(jobs []*Job) []*Job {
	if e.Detail != nil {
		for i := range e.Detail.Jobs {
			jobs = append(jobs, &e.Detail.Jobs[i])
		}
	}
	return jobs
}

// oldestFirst sorts jobs, of which there may be thousands.
func oldestFirst(jobs []*Job) []Job {
	slices.SortStableFunc(jobs, func(a, b *Job) int { return cmp.Compare(b.AgeMillis, a.AgeMillis) })
	list := make([]Job, 0, len(jobs))
	for _, j := range jobs {
		list = append(list, *j)
	}
	return list
}

// QueueParts returns what queues have in common with all other members.
func (p *Picture) QueueParts() []Part {
	parts := make([]Part, len(p.Queues))
	for i, q := range p.Queues {
		parts[i] = q.Part
	}
	return parts
}

func (v *View) parts(now time.Duration, role string) []Part {
	parts := []Part{}
	for _, e := range v.Members(now, role) {
		parts = append(parts, drawPart(now, e))
	}
	return parts
}

func drawPart(now time.Duration, e *Entry) Part {
	s := &e.State
	p := Part{
		Name: s.Name, State: StateOK, Incarnation: s.Incarnation, Host: s.Host, PID: s.PID, Version: s.Version,
		AgeMillis: (now - e.At).Milliseconds(), Clock: s.Clock, Started: s.Started, Malformed: s.Malformed, Endpoints: s.Endpoints,
		Broker: s.Broker, Frontend: s.Frontend, Supervisor: s.Supervisor,
	}
	switch {
	case e.Stale(now):
		p.State = StateLost
	case otherVersion(&s.Member):
		p.State = StateOther
	case s.Draining:
		p.State = StateDraining
	}
	return p
}

func drawQueue(now time.Duration, e *Entry) Queue {
	q := Queue{Part: drawPart(now, e), Workers: e.State.Workers, Functions: map[string]wire.FunctionState{}}
	if s := e.State.Queue; s != nil {
		q.Slots, q.Free, q.Waiting, q.Running = s.Slots, s.Free, s.Waiting, s.Running
		q.Arrived, q.Done, q.Failed, q.Moved, q.Taken, q.Functions = s.Arrived, s.Done, s.Failed, s.Moved, s.Taken, s.Functions
		for _, f := range s.Functions {
			q.Oldest = max(q.Oldest, f.Oldest)
		}
	}
	if e.Detail != nil {
		q.JobsTotal, q.Latency, q.Spread = e.Detail.JobsTotal, latencyOf(&e.latency().all), e.latency().all.Bins()
	}
	if q.State == StateOK && q.Workers == 0 {
		q.State = StateNoWorker
	}
	return q
}

func (t *Totals) add(q *Queue) {
	t.Queues++
	t.Workers += q.Workers
	t.Slots += q.Slots
	t.Free += q.Free
	t.Waiting += q.Waiting
	t.Running += q.Running
	t.Done += q.Done
	t.JobsTotal += q.JobsTotal
}

func (t *Totals) addFrontend(e *Entry) {
	f := e.State.Frontend
	t.Open += f.Open
	t.Failed += f.Failed
	t.Errors += f.Errors
	t.Expired += f.Expired
	t.Refused += f.Refused
	rates, refused := frontendRates(e.said)
	t.Rates.add(rates)
	t.RefusedRate += refused
}
