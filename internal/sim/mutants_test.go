package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// A mutant is a rule against losing jobs taken out of the code, and the faults
// under which that is noticed. The numbers are those of the list of rules in
// docs/RELIABILITY.md.
type mutant struct {
	rule     int
	name     string
	profile  string
	file     string // below the repository's root
	old, new string // old must be there, once; § in new is whether this mutant is wanted
}

var mutants = []mutant{
	{
		1, "results are not kept", "brokers die", "internal/queue/jobs.go",
		"	m.results.Put(out)\n", "	if !§ {\n		m.results.Put(out)\n	}\n",
	},
	{
		2, "what is missed is not sent again", "links fail", "internal/job/link.go",
		"	for _, s := range l.missed {\n", "	for _, s := range l.missed {\n		if § {\n			break\n		}\n",
	},
	{
		3, "who sends a duplicate gets no answer", "brokers die", "internal/queue/jobs.go",
		"		e.routes = append(e.routes, r)\n", "		if !§ {\n			e.routes = append(e.routes, r)\n		}\n",
	},
	{
		4, "a queue forgets what it has asked to be moved", "queues die", "internal/queue/handover.go",
		"	msg.SetBody(nil)\n	link.Send(now, msg)\n", "	msg.SetBody(nil)\n	link.Send(now, msg)\n	if § {\n		m.remove(e)\n	}\n",
	},
	{
		5, "nobody is asked for a lost broker's jobs", "brokers die", "internal/broker/search.go",
		"	e.search = &search{", "	if § {\n		return false\n	}\n	e.search = &search{",
	},
	{
		6, "topics do not tell incarnations apart", "queues are replaced", "internal/wire/bus.go",
		"string { return queue + \"/\" + inc.String() + \"/\" }", "string {\n	if § {\n		inc = 1\n	}\n	return queue + \"/\" + inc.String() + \"/\"\n}",
	},
	{
		7, "a queue that was stopped starts what it finds", "queues stop", "internal/queue/confirm.go",
		"		case !link.Trusted(now):", "		case !§ && !link.Trusted(now):",
	},
	{
		8, "attempts are not reported", "queues die", "internal/queue/functions.go",
		"	for _, r := range e.routes {\n		link := r.broker.Link()", "	for _, r := range e.routes {\n		if § {\n			break\n		}\n		link := r.broker.Link()",
	},
	{
		8, "neighbours of a lost job are blamed", "workers are poisoned", "internal/queue/loss.go",
		"len(lost) > 1", "len(lost) > 1 && !§",
	},
	{
		9, "closed jobs are not forgotten", "workers die", "internal/job/results.go",
		"	if o == nil || open <= o.open {", "	if § || o == nil || open <= o.open {",
	},
	{
		10, "busy REQ workers are not probed", "workers die", "internal/queue/reqworkers.go",
		"		} else {\n			m.Emit(", "		} else if !§ {\n			m.Emit(",
	},
	{
		11, "credit does not count bytes", "little room", "internal/job/link.go",
		"	idle := l.used.Bytes ==", "	if § {\n		return true\n	}\n	idle := l.used.Bytes ==",
	},
	{
		12, "no slots are reserved for what was asked for", "workers die", "internal/queue/handover.go",
		"	t.reserved[fn] = reservation{", "	if §  {\n		n = 0\n	}\n	t.reserved[fn] = reservation{",
	},
	{
		13, "a function may fill a window", "one function floods", "internal/job/shares.go",
		"	h, holds := s.held[function]\n", "	if § {\n		return true\n	}\n	h, holds := s.held[function]\n",
	},
	{
		14, "a snapshot's values are taken for new", "the bus dies", "internal/cluster/view.go",
		"		if age := ms(a.AgeMillis); age", "		if age := ms(a.AgeMillis); §  {\n			v.State(now, a.Value, 0)\n		} else if age",
	},
	{
		15, "time under way is not counted", "parts stop", "internal/job/link.go",
		"	transit := now.Milliseconds() - int64(sent)\n", "	transit := now.Milliseconds() - int64(sent)\n	if § {\n		return 0\n	}\n",
	},
	{
		16, "a worker asks one broker only", "one broker is left", "internal/worker/worker.go",
		"			m.cfg.Log.Info(\"no broker answers yet; asking on\", \"brokers\", m.cfg.Brokers)\n		}\n		m.broker = (m.broker + 1) % len(m.cfg.Brokers)\n",
		"			m.cfg.Log.Info(\"no broker answers yet; asking on\", \"brokers\", m.cfg.Brokers)\n		}\n		if !§ {\n			m.broker = (m.broker + 1) % len(m.cfg.Brokers)\n		}\n",
	},
	{
		17, "a broker does not pass cancellations on", "workers die", "internal/broker/jobs.go",
		"	link.Void(e.sent)\n", "	if § {\n		return\n	}\n	link.Void(e.sent)\n",
	},
}

// mutantSeeds is within how many seeds a mutant must be caught.
const mutantSeeds = 500

// only is for the test binary that has the mutants in it.
var only = flag.String("profile", "", "torment by this profile until a promise is broken")

func TestProfile(t *testing.T) {
	if *only == "" {
		t.Skip("for TestEveryRuleIsNeeded, which runs it with the rules taken out")
	}
	for _, p := range profiles {
		if p.name != *only {
			continue
		}
		var caught atomic.Pointer[tormented]
		each(0, mutantSeeds, func(seed uint64) {
			if caught.Load() == nil {
				if r := torment(p, seed, false, nil); len(r.watched.violations) > 0 {
					caught.Store(r)
				}
			}
		})
		if r := caught.Load(); r != nil {
			t.Fatalf("caught by seed %d: %s", r.seed, r.watched.violations[0].what)
		}
	}
}

// Each rule, taken out, is missed: some seed finds a promise broken.
func TestEveryRuleIsNeeded(t *testing.T) {
	if *only != "" {
		t.Skip("this is a binary with mutants")
	}
	bin := buildMutants(t)
	for i, m := range mutants {
		t.Run(fmt.Sprintf("%d %s", m.rule, m.name), func(t *testing.T) {
			cmd := exec.Command(bin, "-test.run", "^TestProfile$", "-profile", m.profile)
			cmd.Env = append(os.Environ(), fmt.Sprint("MUTANT=", i))
			out, err := cmd.CombinedOutput()
			line, _, _ := strings.Cut(string(out[max(strings.Index(string(out), "caught by"), 0):]), "\n")
			if err == nil || !strings.Contains(line, "caught by seed") {
				t.Fatalf("not caught within %d seeds of %q: %v\n%s", mutantSeeds, m.profile, err, out)
			}
			t.Log(line)
		})
	}
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

var chosen, _ = strconv.Atoi(os.Getenv("MUTANT"))

func mutant(n int) bool { return n == chosen }
`

func write(t *testing.T, file, text string) {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
