package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/wire"
)

const ms = time.Millisecond

// A cluster is a System under test.
type cluster struct {
	*System
	t        *testing.T
	requests []*Request
}

// newCluster starts a system. In the end every step of its state machines must
// have been one that there is.
func newCluster(t *testing.T, l Layout) *cluster {
	c := &cluster{System: New(l), t: t}
	t.Cleanup(func() {
		for _, odd := range strange(c.World) {
			t.Error(odd)
		}
	})
	return c
}

// start starts a system and waits until its workers have joined and everybody
// has heard of them.
func start(t *testing.T, l Layout) *cluster {
	t.Helper()
	c := newCluster(t, l)
	c.Run(500 * ms)
	for i := range l.Workers {
		name := fmt.Sprintf("worker%d", i+1)
		c.within(5*time.Second, name+" has joined a queue", func() bool { return c.Worker(name).Joined() != "" })
	}
	c.Run(time.Second)
	return c
}

// within fails the test unless ok holds within d.
func (c *cluster) within(d time.Duration, what string, ok func() bool) {
	c.t.Helper()
	began := c.Now()
	if !c.Until(d, ok) {
		c.t.Fatalf("%v: not within %v of %v: %s", c.Now(), d, began, what)
	}
}

// ask makes a request with a body of its own at frontend1.
func (c *cluster) ask() *Request { return c.askWith(frontend.Request{}) }

func (c *cluster) askWith(r frontend.Request) *Request {
	r.Body = fmt.Appendf(nil, "body %d", len(c.requests))
	q := c.Ask("frontend1", r)
	c.requests = append(c.requests, q)
	return q
}

func (c *cluster) askMany(n int) []*Request {
	all := make([]*Request, n)
	for i := range all {
		all[i] = c.ask()
	}
	return all
}

// answered waits until all requests have an answer: one each, and its own body.
func (c *cluster) answered(d time.Duration, requests ...*Request) {
	c.t.Helper()
	if !c.Until(d, func() bool { return !slices.ContainsFunc(requests, func(r *Request) bool { return !r.Done() }) }) {
		for i, r := range requests {
			if !r.Done() {
				c.t.Errorf("request %d (job %s, asked at %v) has no answer at %v", i, r.ID, r.Asked, c.Now())
			}
		}
		for _, n := range c.nodes {
			c.t.Logf("%s holds %v", n.Name, held(n))
		}
		c.t.FailNow()
	}
	for i, r := range requests {
		if !r.OK() {
			c.t.Fatalf("request %d: refusal %d, answers %+v", i, r.Refusal, r.Answers)
		}
	}
	c.right()
}

// right checks what must hold of every request at all times.
func (c *cluster) right() {
	c.t.Helper()
	for i, r := range c.requests {
		if len(r.Answers) > 1 {
			c.t.Fatalf("request %d has been answered %d times", i, len(r.Answers))
		}
		if r.OK() && string(r.Answers[0].Body) != fmt.Sprintf("body %d", i) {
			c.t.Fatalf("request %d has the answer %q", i, r.Answers[0].Body)
		}
	}
}

// countBy counts the answers by one of their fields.
func countBy(requests []*Request, key func(frontend.Answer) string) map[string]int {
	n := make(map[string]int)
	for _, r := range requests {
		n[key(r.Answers[0])]++
	}
	return n
}

func byQueue(a frontend.Answer) string  { return a.Queue }
func byWorker(a frontend.Answer) string { return a.Worker }

// runs counts the runs of a job, over all workers.
func (c *cluster) runs(r *Request) (n int) {
	for _, starts := range c.Runs {
		for _, s := range starts {
			if s.Job.Job == r.ID {
				n++
			}
		}
	}
	return n
}

// at returns the worker that runs the job now or has run it last.
func (c *cluster) at(r *Request) string {
	for _, name := range slices.Sorted(maps.Keys(c.Runs)) {
		for _, s := range c.Runs[name] {
			if s.Job.Job == r.ID {
				return name
			}
		}
	}
	c.t.Fatalf("nobody runs job %s", r.ID)
	return ""
}

// stateful are the fields in which machines keep jobs, and nothing else: they
// are empty when nobody waits for anything.
var stateful = []string{
	".open", ".flows", ".deadlines", ".homeless.byName", ".brokers[].held", ".brokers[].shares.held", // frontend
	".jobs", ".unrouted.byName", ".queues[].jobs", ".queues[].shares.held", ".frontends[].jobs", // broker
	".functions[].line", ".functions[].lone", ".functions[].held", ".workers[].jobs", ".workers[].stopping", // queue
	".line", ".starts", ".stops", ".undelivered", // worker
}

// held returns what a process holds of jobs.
func held(n *Node) map[string]int {
	h := make(map[string]int)
	for way, count := range Footprint(n.Machine) {
		// Results are kept until their origin says that it has them.
		if slices.Contains(stateful, way) || strings.HasSuffix(way, ".link.kept") {
			h[way] = count
		}
	}
	return h
}

// empty checks that no process holds anything of any job.
func (c *cluster) empty() {
	c.t.Helper()
	for _, n := range c.nodes {
		for way, count := range held(n) {
			c.t.Errorf("%s still has %d in %s", n.Name, count, way)
		}
	}
}

// footprints returns the footprint of every process.
func (c *cluster) footprints() map[string]map[string]int {
	all := make(map[string]map[string]int)
	for _, n := range c.nodes {
		all[n.Name] = Footprint(n.Machine)
	}
	return all
}

// queueOf returns the queue that a worker is at.
func (c *cluster) queueOf(workerName string) string { return c.Worker(workerName).Joined() }

func echo(timeout time.Duration) frontend.Request { return frontend.Request{Timeout: timeout} }

// code returns the one answer's code.
func (c *cluster) code(r *Request) wire.Code {
	c.t.Helper()
	if len(r.Answers) != 1 {
		c.t.Fatalf("%d answers, want one; refusal %d", len(r.Answers), r.Refusal)
	}
	return r.Answers[0].Code
}
