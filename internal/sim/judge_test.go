package sim

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"faasd/internal/frontend"
	"faasd/internal/wire"
)

// judge waits until all is over and looks at what is left.
func (t *tormented) judge() {
	for t.Now() < t.until { // what ends may bring the next
		t.Run(t.until - t.Now())
	}
	end := t.Now() + answeredWithin
	t.Note("all faults are over")
	t.Until(end-t.Now(), func() bool { return !slices.ContainsFunc(t.calls, t.owed) })
	for _, c := range t.calls {
		if t.owed(c) {
			t.broken(c, "no answer %v after the last fault: asked at %v, %v to live", answeredWithin, c.Asked, c.timeout)
		}
	}
	if t.poison > 0 { // three runs, each of whose losses may take 3 s to notice, alone
		t.Until(time.Minute, func() bool {
			return !slices.ContainsFunc(t.calls, func(c *call) bool { return c.poison && !c.Done() && !c.gone && !c.frontend.dead })
		})
	}
	for _, c := range t.calls {
		t.judgeCall(c)
	}
	t.Run(3500 * ms)
	rest := t.rest()
	for i := 0; i < 6 && len(rest) > 0; i++ { // what kills workers may have done so until now
		t.Run(time.Second)
		rest = t.rest()
	}
	for _, what := range rest {
		t.broken(nil, "%s", what)
	}
	t.serves()
	for _, odd := range strange(t.World) {
		t.broken(nil, "%s", odd)
	}
}

// owed reports whether a client still waits that ought to have its answer.
func (t *tormented) owed(c *call) bool {
	return !c.Done() && !c.gone && !c.poison && !c.frontend.dead
}

func (t *tormented) judgeCall(c *call) {
	switch {
	case len(c.Answers) > 1:
		t.broken(c, "answered %d times", len(c.Answers))
	case len(c.Answers) == 0 || c.Refusal != frontend.Accepted:
		if c.poison && !c.Done() && !c.gone && !c.frontend.dead {
			t.broken(c, "a job that kills its workers is not given up")
		}
		return
	}
	a := c.Answers[0]
	if a.Code == wire.CodeOK && string(a.Body) != c.body {
		t.broken(c, "answered %q, want %q", a.Body, c.body)
	}
	if c.Took > c.timeout+25*ms && !c.paused {
		t.broken(c, "answered after %v, with %v to live", c.Took, c.timeout)
	}
	runs := t.watched.runs[c.ID]
	switch {
	case a.Code == wire.CodeOK && !c.poison:
	case a.Code == wire.CodeExpired && c.timeout < forGood:
	case a.Code == wire.CodeLeaving && c.frontend.dead:
	case a.Code == wire.CodeWorkersLost && c.poison:
	default:
		t.broken(c, "answered %+v after %d runs", a, len(runs))
	}
	t.checkAttempts(c)
}

// checkAttempts: a job whose worker is lost is run again, but no more runs count
// than its attempts. A run counts if its worker died in it. It does not count if
//   - the worker had said goodbye before, or an operator had told it to die;
//   - something else was lost with it: then the next one is alone at its worker,
//     and so are all after that;
//   - it was begun before some broker gave the job out anew, without being asked
//     to by the queue that had it: that one, or another broker, was taken for lost,
//     and what it knew is lost with it, and perhaps the run that goes on. The broker
//     then says how many are left, one more for each loss of each queue at most
//     (isGiven).
func (t *tormented) checkAttempts(c *call) {
	runs, given, limit := t.watched.runs[c.ID], t.watched.given[c.ID], t.attempts(c.function)
	if len(runs) <= limit {
		return
	}
	counts, before := make(map[int]int), make(map[int]*run) // by custody
	for _, r := range runs {
		custody, anew := 0, 0
		there := make(map[wire.Incarnation]giving) // by broker: where it has given it last
		for _, g := range given {
			if g.at > r.at {
				break
			}
			if limit, anew = max(limit, g.left), max(anew, g.custody); g.assignment > there[g.owner].assignment {
				there[g.owner] = g
			}
		}
		for _, g := range there {
			if g.to == r.queue {
				custody = max(custody, g.custody)
			}
		}
		if o := before[custody]; o != nil {
			switch {
			case o.alone && !r.alone && !r.foreign && r.attempt > o.attempt: // not given before that one, to a worker that stood still
				t.broken(c, "%s is given it beside others, though it must run alone", r.worker.Name)
			case t.Slots > 1 && !o.foreign && !o.alone && (r.alone || r.foreign) && t.counts(o):
				counts[custody]-- // something else was lost with it
			}
		}
		before[custody] = r
		if t.counts(r) {
			counts[custody]++
		}
		if n := counts[custody]; n > limit+anew {
			t.broken(c, "%d runs count that have cost it its worker, of %d in all; %d may", n, len(runs), limit+anew)
			return
		}
	}
}

// counts is whether a run counts against its job's attempts, if nothing else was
// lost with it.
func (t *tormented) counts(r *run) bool {
	return r.lost && !r.worker.left && !t.watched.ordered[r.worker]
}

// rest tells what is left of any job anywhere, and who does not know who is there.
func (t *tormented) rest() (wrong []string) {
	note := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	living, queues := make(map[wire.Incarnation]string), 0
	for _, n := range t.nodes {
		if n.Incarnation != 0 {
			living[n.Incarnation] = n.Name
		}
		if strings.HasPrefix(n.Name, "queue") {
			queues++
		}
		for way, count := range held(n) {
			note("%s still has %d in %s", n.Name, count, way)
		}
	}
	for _, n := range t.nodes {
		workers, seen := 0, 0
		for inc, s := range n.seen() {
			workers += s.Workers
			if seen++; living[inc] == "" {
				note("%s takes a queue for alive that is not: %s", n.Name, s.Name)
			}
		}
		if n.views() && (seen != queues || workers != len(t.workers())) {
			note("%s sees %d queues with %d workers, there are %d with %d", n.Name, seen, workers, queues, len(t.workers()))
		}
		if strings.HasPrefix(n.Name, "coordinator") {
			t.judgeCoordinator(n, living, note)
		}
	}
	return wrong
}

// judgeCoordinator checks that a coordinator has a fresh state of everybody who
// publishes one to it, and of nobody else.
func (t *tormented) judgeCoordinator(n *Node, living map[wire.Incarnation]string, note func(string, ...any)) {
	fresh := make(map[wire.Incarnation]bool)
	for i := reflect.ValueOf(n.Machine).Elem().FieldByName("states").MapRange(); i.Next(); {
		kept := i.Value().Elem()
		if n.Clock()-time.Duration(kept.FieldByName("at").Int()) >= lease {
			continue
		}
		var s wire.State
		if err := wire.DecodeJSON(kept.FieldByName("value").Bytes(), &s); err != nil {
			note("%s keeps what is no state: %v", n.Name, err)
		}
		if fresh[s.Incarnation] = true; living[s.Incarnation] == "" {
			note("%s has a fresh state of %s, which is dead", n.Name, s.Name)
		}
	}
	for inc, name := range living {
		if !fresh[inc] && !strings.HasPrefix(name, "worker") && !strings.HasPrefix(name, "coordinator") {
			note("%s has no fresh state of %s", n.Name, name)
		}
	}
}

// serves checks that all is well: requests are answered at once, at every
// frontend so many that each queue gets some.
func (t *tormented) serves() {
	t.Serve = Echo
	for _, n := range slices.Clone(t.nodes) {
		if !strings.HasPrefix(n.Name, "frontend") {
			continue
		}
		for i := range 16 {
			c := t.ask(n, &call{function: "echo", timeout: forGood, body: fmt.Sprint("after all ", i)})
			if !t.Until(time.Second, c.Done) || !c.OK() {
				t.broken(c, "afterwards a request is not answered within a second: refusal %d, %+v", c.Refusal, c.Answers)
			}
		}
	}
	if t.forgets {
		t.checkResults()
	}
}

// checkResults: with each job a queue hears which results of its frontend are
// wanted no more. After all, the last few of each are left.
func (t *tormented) checkResults() {
	for _, n := range t.nodes {
		if !strings.HasPrefix(n.Name, "queue") {
			continue
		}
		kept := reflect.ValueOf(n.Machine).Elem().FieldByName("results").Elem().FieldByName("byID").Len()
		if kept > 12 {
			t.broken(nil, "%s keeps %d results; the last requests were one by one", n.Name, kept)
		}
	}
}

func (t *tormented) workers() (names []string) {
	for name := range t.offered {
		if t.Lives(name) {
			names = append(names, name)
		}
	}
	return names
}
