package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A mutant is a rule against losing jobs taken out of the code, the faults under
// which that is noticed, and by which broken promise. The numbers are those of
// the list of rules in docs/RELIABILITY.md.
type mutant struct {
	rule     int
	name     string
	profile  string
	broken   string // part of what the violation says
	file     string // below the repository's root
	old, new string // old must be there, once; § in new is whether this mutant is wanted
}

var mutants = []mutant{
	{
		1, "results are not kept", "brokers die", "runs it again", "internal/queue/jobs.go",
		"	m.results.Put(out)\n", "	if !§ {\n		m.results.Put(out)\n	}\n",
	},
	{
		2, "what is missed is not sent again", "links fail", "no answer", "internal/job/link.go",
		"	for _, s := range l.missed {\n", "	for _, s := range l.missed {\n		if § {\n			break\n		}\n",
	},
	{
		3, "who sends a duplicate gets no answer", "brokers die", "no answer", "internal/queue/jobs.go",
		"		e.routes = append(e.routes, r)\n", "		if !§ {\n			e.routes = append(e.routes, r)\n		}\n",
	},
	{
		4, "a queue forgets what it has asked to be moved", "queues die", "no answer", "internal/queue/handover.go",
		"	msg.SetBody(nil)\n	link.Send(now, msg)\n", "	msg.SetBody(nil)\n	link.Send(now, msg)\n	if § {\n		m.remove(e)\n	}\n",
	},
	{
		5, "nobody is asked for a lost broker's jobs", "brokers die", "runs it again", "internal/broker/search.go",
		"	e.search = &search{", "	if § {\n		return false\n	}\n	e.search = &search{",
	},
	{
		6, "topics do not tell incarnations apart", "queues are replaced", "for another incarnation", "internal/wire/bus.go",
		"string { return queue + \"/\" + inc.String() + \"/\" }", "string {\n	if § {\n		inc = 1\n	}\n	return queue + \"/\" + inc.String() + \"/\"\n}",
	},
	{
		7, "a queue that was stopped starts what it finds", "queues stop", "has given to another queue", "internal/queue/confirm.go",
		"		case !link.Trusted(now):", "		case !§ && !link.Trusted(now):",
	},
	{
		7, "a worker that was stopped starts what it finds", "workers stop", "to worker", "internal/worker/jobs.go",
		"&& m.trusted(now) {", "&& (§ || m.trusted(now)) {",
	},
	{
		8, "attempts are not reported", "queues die", "both run attempt", "internal/queue/functions.go",
		"	for _, r := range e.routes {\n		link := r.broker.Link()", "	for _, r := range e.routes {\n		if § {\n			break\n		}\n		link := r.broker.Link()",
	},
	{
		8, "neighbours of a lost job are blamed", "workers are poisoned", "alone with its worker", "internal/queue/loss.go",
		"len(lost)+len(w.stopping) > 1", "len(lost)+len(w.stopping) > 1 && !§",
	},
	{
		8, "a run that was lost alone does not count", "workers are poisoned", "runs count that have cost it its worker", "internal/queue/loss.go",
		"		if !died || together {", "		if !died || together || § && e.msg.Attempt == 1 {",
	},
	{
		9, "closed jobs are not forgotten", "workers die", "results; the last requests were one by one", "internal/job/results.go",
		"	if o == nil || open <= o.open {", "	if § || o == nil || open <= o.open {",
	},
	{
		10, "busy REQ workers are not probed", "workers die", "no answer", "internal/queue/reqworkers.go",
		"		} else {\n			m.Emit(", "		} else if !§ {\n			m.Emit(",
	},
	{
		10, "idle REQ workers are not pinged", "workers die", "workers, there are", "internal/queue/reqworkers.go",
		"		r.next = now + pingEvery\n", "		r.next = now + pingEvery\n		if § && r.phase == reqReady {\n			return\n		}\n",
	},
	{
		10, "MDP workers are sent no heartbeats", "workers die", "no answer", "internal/queue/mdpworkers.go",
		"		m.sayMDP(w.route, wire.MDPHeartbeat)\n", "		if !§ {\n			m.sayMDP(w.route, wire.MDPHeartbeat)\n		}\n",
	},
	{
		11, "credit does not count bytes", "little room", "bytes of one peer's jobs", "internal/job/link.go",
		"out func([][]byte)) *Link {\n	return", "out func([][]byte)) *Link {\n	if § {\n		window.Bytes = 1 << 40\n	}\n	return",
	},
	{
		12, "no slots are reserved for what was asked for", "workers die", "asks others for", "internal/queue/handover.go",
		"	m.timer.By(now, now+reservedFor)\n", "	m.timer.By(now, now+reservedFor)\n	if § {\n		delete(t.reserved, fn)\n	}\n",
	},
	{
		13, "a function may fill a window", "one function floods", "refused for the flood", "internal/job/shares.go",
		"	h, holds := s.held[function]\n", "	if § {\n		return true\n	}\n	h, holds := s.held[function]\n",
	},
	{
		13, "slots go to the function of most jobs", "a flood shares workers", "beside a flood", "internal/queue/fair.go",
		"	return f.running < g.running ||", "	if § {\n		return f.line.Len() > g.line.Len()\n	}\n	return f.running < g.running ||",
	},
	{
		14, "a snapshot's values are taken for new", "the bus dies", "for alive", "internal/cluster/view.go",
		"		if age := ms(a.AgeMillis); age", "		if age := ms(a.AgeMillis); §  {\n			v.State(now, a.Value, 0)\n		} else if age",
	},
	{
		15, "time under way is not counted", "parts stop", "after its time had run out", "internal/job/link.go",
		"	transit := now.Milliseconds() - int64(sent)\n", "	transit := now.Milliseconds() - int64(sent)\n	if § {\n		return 0\n	}\n",
	},
	{
		16, "a worker asks one broker only", "one broker is left", "workers, there are", "internal/worker/worker.go",
		"			m.cfg.Log.Info(\"no broker answers yet; asking on\", \"brokers\", m.brokers)\n		}\n		m.broker++\n",
		"			m.cfg.Log.Info(\"no broker answers yet; asking on\", \"brokers\", m.brokers)\n		}\n		if !§ {\n			m.broker++\n		}\n",
	},
	{
		17, "a broker does not pass cancellations on", "workers die", "after its client has gone", "internal/broker/jobs.go",
		"	link.Void(e.sent)\n", "	if § {\n		return\n	}\n	link.Void(e.sent)\n",
	},
	{
		18, "a queue without a broker keeps its workers", "a queue has no broker", "has had no broker", "internal/queue/loss.go",
		"now-m.lastLink >= orphanedAfter", "!§ && now-m.lastLink >= orphanedAfter",
	},
}

// mutantSeeds is within how many seeds a mutant must be caught.
const mutantSeeds = 500

var expected = flag.String("broken", "", "part of what TestProfile's violation must say")

// isMutants is whether this is a binary with mutants in it, which it is told by
// the number of the one that is wanted; noMutant is none.
func isMutants() bool { return os.Getenv("MUTANT") != "" }

const noMutant = -1

// TestProfile torments by one profile until the expected promise is broken.
func TestProfile(t *testing.T) {
	if !isMutants() {
		t.Skip("for TestEveryRuleIsNeeded, which runs it with the rules taken out")
	}
	p := profiles[slices.IndexFunc(profiles, func(p profile) bool { return p.name == *only })]
	var mu sync.Mutex // guards what follows
	caught, what, others := uint64(math.MaxUint64), "", make(map[string]uint64)
	each(*from, *from+*seeds, func(seed uint64) {
		mu.Lock()
		done := caught < seed
		mu.Unlock()
		if done {
			return
		}
		r := torment(p, seed, false, nil)
		mu.Lock()
		defer mu.Unlock()
		for _, v := range r.watched.violations {
			if !strings.Contains(v.what, *expected) {
				others[v.what] = seed
			} else if seed < caught {
				caught, what = seed, v.what
			}
		}
	})
	switch {
	case what != "":
		t.Fatalf("caught by seed %d: %s", caught, what)
	case len(others) > 0:
		t.Fatalf("nothing said %q, but other promises were broken, by these seeds: %v", *expected, others)
	}
}

// Each rule, taken out, is missed: some seed finds the promise broken that it is
// for, and finds nothing with the rule in place.
func TestEveryRuleIsNeeded(t *testing.T) {
	if isMutants() {
		t.Skip("this is a binary with mutants")
	}
	bin := buildMutants(t)
	for i, m := range mutants {
		t.Run(fmt.Sprintf("%d %s", m.rule, m.name), func(t *testing.T) {
			out, err := runMutant(bin, i, m.profile, "-broken", m.broken, "-seeds", fmt.Sprint(mutantSeeds))
			var seed uint64
			line, _, _ := strings.Cut(out[max(strings.Index(out, "caught by"), 0):], "\n")
			if n, _ := fmt.Sscanf(line, "caught by seed %d:", &seed); err == nil || n != 1 {
				t.Fatalf("not caught within %d seeds of %q: %v\n%s", mutantSeeds, m.profile, err, out)
			}
			t.Log(line)
			if out, err := runMutant(bin, noMutant, m.profile, "-from", fmt.Sprint(seed), "-seeds", "1"); err != nil {
				t.Errorf("with the rule in place seed %d is no better: %v\n%s", seed, err, out)
			}
		})
	}
}

// runMutant runs TestProfile with one mutant, or with none.
func runMutant(bin string, mutant int, profile string, flags ...string) (string, error) {
	cmd := exec.Command(bin, append([]string{"-test.run", "^TestProfile$", "-profile", profile}, flags...)...)
	cmd.Env = append(os.Environ(), fmt.Sprint("MUTANT=", mutant))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// buildMutants builds this package's tests with all mutants in them, of which
// one is chosen by the environment.
func buildMutants(t *testing.T) string {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace, sources := make(map[string]string), make(map[string]string)
	for i, m := range mutants {
		if sources[m.file] == "" {
			b, err := os.ReadFile(filepath.Join(root, m.file))
			if err != nil {
				t.Fatal(err)
			}
			sources[m.file] = string(b)
			folder := filepath.Dir(m.file)
			sources[filepath.Join(folder, "mutant.go")] = fmt.Sprintf(chooser, filepath.Base(folder))
		}
		if n := strings.Count(sources[m.file], m.old); n != 1 {
			t.Fatalf("%s: %q is %d times in %s, want once", m.name, m.old, n, m.file)
		}
		sources[m.file] = strings.Replace(sources[m.file], m.old, strings.ReplaceAll(m.new, "§", fmt.Sprintf("mutant(%d)", i)), 1)
	}
	for file, source := range sources {
		changed := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		write(t, changed, source)
		replace[filepath.Join(root, file)] = changed
	}
	b, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay, bin := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "mutants.test")
	write(t, overlay, string(b))
	if out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// chooser is added to each package that has mutants in it.
const chooser = `package %s

import (
	"os"
	"strconv"
)

var chosen, chosenErr = strconv.Atoi(os.Getenv("MUTANT"))

func mutant(n int) bool { return chosenErr == nil && n == chosen }
`

func write(t *testing.T, file, text string) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
