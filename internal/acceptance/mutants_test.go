package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A mutant is a promise broken on purpose, by one change to one file, and the
// step that is to catch it.
type mutant struct {
	name     string
	file     string // below the repository's root
	old, new string // old must be there, once
	test     int
	step     string // how the step that fails begins
	seen     string // part of what it says was seen
}

var mutants = []mutant{
	{
		"a queue that does not hand over", "internal/queue/handover.go",
		"	for _, e := range give {", "	for _, e := range give[:0] {",
		3, "3 requests, one to queueA", "queueA 0 workers, 1 waiting",
	},
	{
		"a broker that gives every job to queueA", "internal/broker/jobs.go",
		"return len(q.jobs) < m.least+evenWithin && q.fits(e)", `return q.member.Name == "queueA" && len(q.jobs) < m.least+evenWithin && q.fits(e)`,
		4, "6 requests go to the queues in turn", "queueA queueA queueA",
	},
	{
		"a broker that sends every worker to queueA", "internal/broker/placement.go",
		"n := q.workers(now)", `n := len(q.member.Name)
		if q.member.Name != "queueA" {
			n++
		}`,
		4, "worker 2 starts", "2/0/0",
	},
	{
		"a queue that forgets jobs it cannot run at once", "internal/queue/jobs.go",
		"m.offer(now, f)", "m.remove(e)",
		2, "a request is sent and waits", "queueA 0 workers;",
	},
	{
		"a queue that forgets waiting jobs when a worker joins", "internal/queue/workers.go",
		"w.welcomed = true\n", `w.welcomed = true
	for _, e := range m.jobs {
		if e.state == waiting {
			m.remove(e)
		}
	}
`,
		2, "the same connection gets the answer", "none; on the bus: queueA 1 worker;",
	},
	{
		"a worker that alters the body", "internal/function/function.go",
		"Body: in.Body}", "Body: append(in.Body[:len(in.Body)-1:len(in.Body)-1], '!')}",
		1, "POST /echo is answered with its own body", "200 with the body",
	},
	{
		"a queue that never notices a dead worker", "internal/queue/loss.go",
		"if m.workers[w.key] != w {", "if m.workers[w.key] == w {",
		3, "its death is seen on the bus", "queueA 1 worker; queueB 1 worker; queueC 1 worker",
	},
}

// Each broken promise is caught by its test, and by no earlier step; but for
// it the system works: the first test passes where it is not the one.
func TestBrokenPromisesAreCaught(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	results := make([][]Result, len(mutants))
	var running sync.WaitGroup // they wait most of the time
	for i, m := range mutants {
		bin, err := m.build(t.TempDir(), root)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		tests := []Test{Tests()[m.test-1]}
		if m.test != 1 {
			tests = append(tests, Tests()[0])
		}
		results[i] = make([]Result, len(tests))
		for k, test := range tests {
			running.Go(func() {
				r, end := test.Run(t.Context(), Options{Bin: bin})
				if err := end(); err != nil {
					t.Errorf("%s: %v", m.name, err)
				}
				results[i][k] = r
			})
		}
	}
	running.Wait()
	for i, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			for _, r := range results[i] {
				if r.Logs != "" {
					defer os.RemoveAll(r.Logs)
				}
				if r.Number != m.test {
					if r.State != Passed {
						t.Errorf("test %d does not pass: %s", r.Number, show(r))
					}
					continue
				}
				last := r.Steps[len(r.Steps)-1]
				if r.State != Failed || !strings.HasPrefix(last.Text, m.step) || last.Expected == "" || !strings.Contains(last.Seen, m.seen) {
					t.Errorf("want test %d to fail at %q, with %q: got %s", r.Number, m.step, m.seen, show(r))
				}
				if logs, _ := filepath.Glob(filepath.Join(r.Logs, "queueA.log")); len(logs) != 1 {
					t.Errorf("no log of queueA in %q", r.Logs)
				}
			}
		})
	}
}

// build builds faasd with the change, in dir, and returns its path.
func (m mutant) build(dir, root string) (string, error) {
	file := filepath.Join(root, m.file)
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%q is %d times in %s, want once", m.old, n, m.file)
	}
	changed, overlay, bin := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "faasd")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return "", err
	}
	return bin, build(bin, "-overlay", overlay)
}
