package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A fault is one kind of harm. do does it to some process, has it end by itself,
// and reports what it did; empty if it found nobody.
type fault struct {
	kind string
	do   func(t *tormented) string
}

var (
	crash     = fault{"crash", func(t *tormented) string { return t.crash(t.victim(t.lives), t.forSome()) }}
	crashMid  = fault{"crash in a turn", (*tormented).crashMid}
	stop      = fault{"stop", (*tormented).stop}
	shut      = fault{"orderly stop", (*tormented).shut}
	partition = fault{"partition", (*tormented).partition}
	isolate   = fault{"isolation", (*tormented).isolate}
	breakPipe = fault{"broken connection", (*tormented).breakPipe}
	lose      = fault{"loss", (*tormented).lose}
	slowDown  = fault{"slowness", (*tormented).slowDown}
	repeating = fault{"repetition", (*tormented).repeating}
	replace   = fault{"replacement", (*tormented).replace}
	vanish    = fault{"loss for good", (*tormented).vanish}
	operate   = fault{"an operator", (*tormented).operate}
	suspend   = fault{"suspension", (*tormented).suspend}
	stopApart = fault{"stop while isolated", (*tormented).stopApart}
	orphan    = fault{"no broker", (*tormented).orphan}
)

var everything = []fault{crash, crashMid, stop, shut, partition, isolate, breakPipe, lose, slowDown, repeating, replace, vanish, operate, suspend}

// plan draws the faults of a run: of four kinds at least, if there are four.
func (t *tormented) plan() {
	kinds := append([]fault{}, t.faults...)
	t.random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	t.until = t.Now() + harmFor
	for i := range t.count + t.random.IntN(5) {
		f := kinds[i%min(len(kinds), 4)]
		if i >= 8 {
			f = kinds[t.random.IntN(len(kinds))]
		}
		t.After(t.upTo(harmFor), func() { t.harm(f) })
	}
}

// harm does one fault; if that one finds nobody, another, of a kind that has not
// been done if there is one; if all find nobody, it waits.
func (t *tormented) harm(f fault) {
	others := slices.Clone(t.faults)
	t.random.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	slices.SortStableFunc(others, func(a, b fault) int { return cmp.Compare(min(t.harmed[a.kind], 1), min(t.harmed[b.kind], 1)) })
	for _, f := range append([]fault{f}, others...) {
		for range 20 {
			if what := f.do(t); what != "" {
				t.harmed[f.kind]++
				t.Note("FAULT %s: %s", f.kind, what)
				return
			}
		}
	}
	t.ends(100*ms, func() { t.harm(f) })
}

// forSome is how long a fault lasts.
func (t *tormented) forSome() time.Duration {
	d := t.upTo(longestFault)
	if t.random.IntN(3) == 0 {
		d /= 10
	}
	return d
}

// ends has a fault end after d.
func (t *tormented) ends(d time.Duration, do func()) {
	t.until = max(t.until, t.Now()+d)
	t.After(d, do)
}

// victim draws a process that suits; empty if the one drawn does not.
func (t *tormented) victim(suits func(name string) bool) string {
	if name := t.names[t.random.IntN(len(t.names))]; suits(name) {
		return name
	}
	return ""
}

func (t *tormented) lives(name string) bool { return t.Lives(name) }
func (t *tormented) runs(name string) bool  { return t.Lives(name) && !t.Node(name).Stopped() }

func (t *tormented) crash(name string, d time.Duration) string {
	if name == "" {
		return ""
	}
	t.Node(name).Crash()
	t.ends(d, func() { t.restart(name) })
	return name
}

func (t *tormented) crashMid() string {
	name := t.victim(t.runs)
	if name == "" {
		return ""
	}
	n := t.Node(name)
	n.CrashWithin(t.random.IntN(6))
	t.ends(time.Second, func() { // an idle one has done little by then
		if !n.dead {
			n.Crash()
		}
		t.ends(t.forSome()/2, func() { t.restart(name) })
	})
	return name
}

func (t *tormented) stop() string {
	name := t.victim(t.runs)
	if name == "" {
		return ""
	}
	t.pause(t.Node(name), t.forSome(), func() {})
	return name
}

// pause stops a process, and has it go on after something is done.
func (t *tormented) pause(n *Node, d time.Duration, before func()) {
	n.Stop()
	began := t.Now()
	for _, c := range t.calls {
		c.paused = c.paused || c.frontend == n && !c.Done()
	}
	t.ends(d, func() {
		if n.dead {
			return
		}
		t.Note("%s goes on", n.Name)
		t.watched.stops[n] = append(t.watched.stops[n], [2]time.Duration{began, t.Now()})
		before()
		n.Continue()
	})
}

// suspend stops a process together with its clock, as all of a virtual machine is
// when that is suspended: the process cannot know that time has passed.
func (t *tormented) suspend() string {
	name := t.victim(t.runs)
	if name == "" || !t.Remote {
		return ""
	}
	d := time.Second + t.upTo(5*time.Second)
	n, began := t.Node(name), t.Now()
	t.suspended = append(t.suspended, suspension{n, began, began + d})
	t.pause(n, d, func() { n.born += t.Now() - began })
	return name
}

// suspension is when a process's clock stood still.
type suspension struct {
	node     *Node
	from, to time.Duration
}

// stood is how long the clock of a process, nil for all together, has stood still
// since then.
func (t *tormented) stood(n *Node, since time.Duration) (sum time.Duration) {
	for _, s := range t.suspended {
		if n == nil || n == s.node {
			sum += max(min(s.to, t.Now())-max(s.from, since), 0)
		}
	}
	return sum
}

// stopApart isolates a process for about as long as it takes to be given up, and
// stops it for less than it would notice itself.
func (t *tormented) stopApart() string {
	name := t.victim(t.runs)
	if name == "" {
		return ""
	}
	apart, still := 2500*ms+t.upTo(time.Second), 300*ms+t.upTo(200*ms)
	t.cutOff(name, apart)
	n := t.Node(name)
	t.After(t.upTo(apart-still), func() {
		if !n.dead && !n.Stopped() {
			t.pause(n, still, func() {})
		}
	})
	return name
}

func (t *tormented) shut() string {
	name := t.victim(func(name string) bool { return t.runs(name) && !foreign(name) })
	if name == "" {
		return ""
	}
	grace := t.upTo(3 * time.Second)
	d := t.upTo(longestFault - grace)
	t.until = max(t.until, t.Now()+longestFault)
	t.ShutLater(name, grace, func() { t.After(d/2, func() { t.restart(name) }) })
	return name
}

// partition cuts some processes off from some others.
func (t *tormented) partition() string {
	var what []string
	d := t.forSome()
	for range 1 + t.random.IntN(4) {
		a, b := t.victim(t.lives), t.nodes[t.random.IntN(len(t.nodes))].Name
		if a == "" || a == b || t.oneHost(a, b) {
			continue
		}
		t.Cut(a, b)
		t.ends(d, func() { t.Heal(a, b) })
		what = append(what, a+" and "+b)
	}
	return strings.Join(what, ", ")
}

// isolate cuts a process off from all others.
func (t *tormented) isolate() string {
	a := t.victim(t.lives)
	if a != "" {
		t.cutOff(a, t.forSome())
	}
	return a
}

func (t *tormented) cutOff(a string, d time.Duration) {
	for _, n := range t.nodes {
		if b := n.Name; b != a && !t.oneHost(a, b) {
			t.Cut(a, b)
			t.ends(d, func() { t.Heal(a, b) })
		}
	}
}

// oneHost reports whether two processes are a worker and a queue of one host: no
// network is between them, and a connection between them ends when one dies.
func (t *tormented) oneHost(a, b string) bool {
	return !t.Remote && (t.offered[a] != nil) != (t.offered[b] != nil)
}

// orphan cuts a queue off from all brokers, and from nobody else, for longer than
// it keeps its workers then; only one at a time.
func (t *tormented) orphan() string {
	queues := slices.DeleteFunc(slices.Clone(t.names), func(name string) bool { return !t.lives(name) || !strings.HasPrefix(name, "queue") })
	if len(queues) == 0 || t.orphaned.name != "" {
		return ""
	}
	name := queues[t.random.IntN(len(queues))]
	t.orphaned.name, t.orphaned.since = name, t.Now()
	t.ends(15*time.Second, func() { t.orphaned.name = "" })
	for i := range t.Brokers {
		b := fmt.Sprintf("broker%d", i+1)
		t.Cut(name, b)
		t.ends(15*time.Second, func() { t.Heal(name, b) })
	}
	return name
}

func (t *tormented) breakPipe() string {
	a := t.victim(t.lives)
	b := t.nodes[t.random.IntN(len(t.nodes))].Name
	if a == "" || a == b || t.oneHost(a, b) {
		return ""
	}
	t.Break(a, b)
	return a + " and " + b
}

func (t *tormented) lose() string {
	if t.loss > 0 || !t.Remote {
		return ""
	}
	t.loss = []float64{0.01, 0.05, 0.3}[t.random.IntN(3)]
	t.ends(t.forSome()/2, func() { t.loss = 0 })
	return "of messages"
}

// latest is by how much a slow process's messages are later than others'.
const latest = 150 * ms

func (t *tormented) slowDown() string {
	name := t.victim(t.lives)
	if name == "" || t.slow[name] > 0 {
		return ""
	}
	t.slow[name] = t.upTo(latest)
	t.ends(t.forSome(), func() { t.slow[name] = 0 })
	return name
}

func (t *tormented) repeating() string {
	if t.repeat > 0 {
		return ""
	}
	t.repeat = 0.1
	t.ends(t.forSome(), func() { t.repeat = 0 })
	return "of messages"
}

// replace stops a queue for so long that it is taken for dead, and has another
// process start under its name. The first goes on, and is ended later.
func (t *tormented) replace() string {
	name := t.victim(func(name string) bool {
		return t.runs(name) && strings.HasPrefix(name, "queue") && !strings.HasSuffix(name, "'")
	})
	if name == "" || t.Lives(name+"'") {
		return ""
	}
	n := t.Node(name)
	t.pause(n, 3*time.Second+t.upTo(time.Second), func() {})
	t.StartReplacement(name, name+"'")
	t.ends(4*time.Second+t.upTo(time.Second), func() {
		if !n.dead {
			n.Crash()
		}
	})
	t.ends(longestFault, func() {
		if t.Lives(name + "'") {
			t.Node(name + "'").Crash()
		}
		t.restart(name)
	})
	return name
}

// vanish ends a process for good, if it is one of several.
func (t *tormented) vanish() string {
	name := t.victim(func(name string) bool {
		return t.lives(name) && (name == "broker2" || name == "coordinator2" || name == "queueC" || name == "worker6" || name == "frontend2")
	})
	if !t.spare || name == "" {
		return ""
	}
	t.Node(name).Crash()
	return name
}
