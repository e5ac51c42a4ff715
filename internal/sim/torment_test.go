package sim

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/role"
	"faasd/internal/wire"
	"faasd/internal/worker"
)

const (
	// harmFor is for how long faults begin; most last longestFault at most.
	harmFor      = 6 * time.Second
	longestFault = 5 * time.Second
	// answeredWithin is how long after the last fault every request must be answered.
	answeredWithin = 10 * time.Second
	// forGood is the time to live of a request that outlives its run.
	forGood = 10 * time.Minute
	// poisonAttempts is how often what kills its workers may be run.
	poisonAttempts = 3
	// jobsEach is how many requests of a run are accepted at least.
	jobsEach = 200
)

// A profile says what harm is done, to whom, and what is promised even then.
type profile struct {
	name   string
	faults []fault
	count  int                    // how many there are at least
	hits   func(name string) bool // whom they may hit
	shape  func(*rand.Rand, *Layout)
	spare  bool // a process may be gone for good
	poison int  // how many jobs in a hundred kill their workers
	flood  bool // one function is asked for far more than it can do
	shared bool // all native workers serve it, and the others too
	brief  bool // most runs are over at once, and there are many
	long   int  // how many jobs in a hundred take longer than it takes to give up a peer

	// Promises that hold in spite of the profile's faults, though not of all.
	once    bool // nothing runs twice
	unique  bool // no two runs of a job have the same number
	zombies bool // no queue starts what its broker has given to another
	herd    bool // no queue asks for more jobs than it has slots
	orderly bool // nothing is started whose client has gone
	forgets bool // no queue keeps results that have arrived
}

// tormented is a system that is done harm to, and what its clients did.
type tormented struct {
	*System
	profile
	seed      uint64
	random    *rand.Rand
	names     []string            // whom faults may hit
	offered   map[string][]string // workers' functions
	calls     []*call
	byID      map[wire.JobID]*call
	watched   watched
	commander *commander

	accepted  int
	harmed    map[string]int // how often, by kind of fault
	until     time.Duration  // when the last fault will be over
	loss      float64
	repeat    float64
	slow      map[string]time.Duration // processes whose messages are under way for so long
	suspended []suspension             // when some process's clock stood still
	orphaned  struct {                 // a queue that is cut off from all brokers
		name  string
		since time.Duration
	}
}

// call is one request, and what its client knows.
type call struct {
	*Request
	number   int
	body     string
	function string
	timeout  time.Duration
	poison   bool
	gone     bool // the client has gone
	goneAt   time.Duration
	paused   bool // its frontend has been stopped meanwhile
}

// torment runs one system under the faults that its seed draws.
func torment(p profile, seed uint64, digested bool, trace func(time.Duration, string)) *tormented {
	random := rand.New(rand.NewPCG(seed, 0))
	l := Layout{
		Frontends: 1 + random.IntN(2), Brokers: 2, Coordinators: 2, Queues: 3 + random.IntN(8)/7, Slots: 1 + random.IntN(4),
		Remote: random.IntN(2) == 0, Window: []uint64{32, 256, 4096}[random.IntN(3)],
		WindowBytes: []uint64{64 << 10, 1 << 30}[random.IntN(2)], Attempts: 20, AttemptsOf: map[string]int{"poison": poisonAttempts},
	}
	if random.IntN(2) == 0 { // five times what quartz does
		l.ClockSpeed = func(string) int64 { return random.Int64N(1000) - 500 }
	}
	t := &tormented{
		profile: p, seed: seed, random: random, offered: make(map[string][]string), byID: make(map[wire.JobID]*call),
		harmed: make(map[string]int), slow: make(map[string]time.Duration),
	}
	l.Serve = t.serve
	l.Delay = func(from, to string) time.Duration {
		return 50*time.Microsecond + time.Duration(random.Int64N(int64(time.Millisecond))) + t.slow[from] + t.slow[to]
	}
	if p.shape != nil {
		p.shape(random, &l)
	}
	l.Log = slog.New(slog.DiscardHandler)
	t.System = New(l)
	t.Trace = trace
	t.Digested = digested
	t.watch()
	t.startCommander()
	for i := range 6 + random.IntN(2) {
		functions := []string{"echo"}
		if i%2 == 0 || p.shared {
			functions = append(functions, "other")
		}
		if p.poison > 0 {
			functions = append(functions, "poison")
		}
		t.offered[fmt.Sprintf("worker%d", i+1)] = functions
	}
	for i := range random.IntN(3) {
		t.offered[fmt.Sprintf("req%d", i+1)] = []string{"echo"}
	}
	for i := range random.IntN(3) {
		t.offered[fmt.Sprintf("mdp%d", i+1)] = []string{"echo"}
	}
	for _, name := range sorted(t.offered) {
		t.restart(name)
	}
	for _, n := range t.nodes {
		if n.Name != "commander" && (p.hits == nil || p.hits(n.Name)) {
			t.names = append(t.names, n.Name)
		}
	}
	t.Lose = func(string, string, role.Packet) bool { return t.loss > 0 && random.Float64() < t.loss }
	t.Repeat = func(string, string, role.Packet) bool { return t.repeat > 0 && random.Float64() < t.repeat }
	t.Run(1500 * ms)
	t.plan()
	t.load()
	t.judge()
	return t
}

// restart starts a process that is not there, as it was.
func (t *tormented) restart(name string) {
	switch {
	case t.Lives(name):
	case strings.HasPrefix(name, "worker"):
		t.StartWorker(name, t.offered[name]...)
	case strings.HasPrefix(name, "req"):
		t.StartREQWorker(name, t.offered[name]...)
	case strings.HasPrefix(name, "mdp"): // at a queue that is not lost for good
		at := QueueName(int(name[3]-'1') % min(t.Queues, 2))
		t.StartMDPWorker(name, at+"/workers", t.offered[name][0])
	default:
		t.Start(name)
	}
}

// foreign reports whether a worker is none of ours: it speaks REQ or MDP, is told
// no attempt and no deadline, and says nothing while it runs a job.
func foreign(name string) bool {
	return strings.HasPrefix(name, "req") || strings.HasPrefix(name, "mdp")
}

// load makes requests until enough are accepted and no fault begins any more.
func (t *tormented) load() {
	const rounds = 12
	end := t.Now() + harmFor
	for n := 0; n < 8*rounds && (t.accepted < jobsEach || t.Now() < end); n++ {
		t.Run(t.upTo(2 * harmFor / rounds))
		burst := 8 + t.random.IntN(20)
		if t.flood || t.brief {
			burst *= 6
		}
		for range burst {
			t.call()
		}
	}
	for _, f := range t.faults {
		if len(t.harmed) < min(4, len(t.faults)) && t.harmed[f.kind] == 0 {
			t.harm(f)
		}
	}
}

// call makes one request, at a frontend that runs.
func (t *tormented) call() {
	var at []*Node
	for _, n := range t.nodes {
		if strings.HasPrefix(n.Name, "frontend") && !n.Stopped() {
			at = append(at, n)
		}
	}
	if len(at) == 0 {
		return
	}
	c := &call{number: len(t.calls), function: "echo", timeout: forGood}
	c.body = fmt.Sprintf("%d of %d: ", c.number, t.seed) + strings.Repeat("x", t.random.IntN(300))
	if t.random.IntN(25) == 0 {
		c.body += strings.Repeat("y", 8<<10)
	}
	kind := t.random.IntN(100)
	switch {
	case kind < 15:
		c.timeout = 20*ms + t.upTo(2*time.Second)
	case t.flood && kind < 90:
		c.function = "other"
	case kind < 15+t.poison:
		c.function, c.poison = "poison", true
	case kind < 17+t.poison+20:
		c.function = "other"
	}
	t.ask(at[t.random.IntN(len(at))], c)
	if c.Refusal != frontend.Accepted {
		if t.flood && c.function != "other" && c.Refusal == frontend.Full && t.waiting(c.function) < 3 {
			t.broken(c, "refused for the flood of another function")
		}
		return
	}
	t.accepted++
	if kind >= 95 {
		t.After(t.upTo(500*ms), func() {
			if !c.Done() && !c.frontend.dead {
				c.gone, c.goneAt = true, t.Now()
				t.Note("the client of %s goes", jobName(c.ID))
				c.Cancel()
			}
		})
	}
}

// waiting is how many clients wait for a function.
func (t *tormented) waiting(function string) (n int) {
	for _, c := range t.calls {
		if c.function == function && !c.Done() && !c.gone {
			n++
		}
	}
	return n
}

// ask has a client make its request.
func (t *tormented) ask(at *Node, c *call) *call {
	c.Request = t.Ask(at.Name, frontend.Request{Function: c.function, Timeout: c.timeout, Body: []byte(c.body)})
	t.calls = append(t.calls, c)
	t.byID[c.ID] = c
	return c
}

// serve is what functions do: most are quick, some end only when they are
// stopped, and poison kills.
func (t *tormented) serve(name string, s worker.Start) (worker.Outcome, time.Duration) {
	o := worker.Outcome{Body: s.Job.Body}
	c := t.byID[s.Job.Job]
	if c == nil {
		return o, 0
	}
	if c.poison {
		n := t.Node(name)
		t.After(t.upTo(50*ms), func() {
			if !n.dead {
				t.Note("%s kills %s", jobName(c.ID), name)
				n.Crash()
				t.After(50*ms, func() { t.restart(name) })
			}
		})
		return o, Forever
	}
	if t.brief {
		if t.random.IntN(200) == 0 {
			return o, t.upTo(time.Second)
		}
		return o, t.upTo(100 * time.Microsecond)
	}
	if t.flood && c.function == "other" {
		return o, 100*ms + t.upTo(100*ms)
	}
	if t.random.IntN(1000) < max(10*t.long, 8) {
		return o, 3*time.Second + t.upTo(500*ms)
	}
	switch t.random.IntN(120) {
	case 1, 2, 3, 4, 5, 6:
		if c.timeout < forGood && !foreign(name) {
			return o, Forever
		}
		return o, t.upTo(time.Second)
	case 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18:
		return o, t.upTo(400 * ms)
	}
	return o, t.upTo(30 * ms)
}

// upTo is a random time.
func (t *tormented) upTo(d time.Duration) time.Duration {
	return time.Duration(t.random.Int64N(int64(d)))
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
