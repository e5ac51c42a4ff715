package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"faasd/internal/operator"
)

// faasd is the program as it is.
var faasd string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "faasd-acceptance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	faasd = filepath.Join(dir, "faasd")
	code := 1
	if err := build(faasd); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build builds faasd, with further flags for go build.
func build(bin string, flags ...string) error {
	args := append([]string{"build", "-o", bin}, flags...)
	if out, err := exec.Command("go", append(args, "faasd/cmd/faasd")...).CombinedOutput(); err != nil {
		return fmt.Errorf("building faasd: %w\n%s", err, out)
	}
	return nil
}

// private returns a path of faasd that nobody else starts it by.
func private(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "faasd")
	if err := os.Link(faasd, bin); err != nil {
		t.Fatal(err)
	}
	return bin
}

// running returns the ids of the processes that were started by that path.
func running(bin string) (pids []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if exe, err := os.Readlink(link); err == nil && exe == bin {
			pids = append(pids, strings.Split(link, "/")[2])
		}
	}
	return pids
}

// emptyTemp makes temporary folders of the program go where nobody else's are.
func emptyTemp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return dir
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}

// show quotes a result as a user of --json has it.
func show(r Result) string {
	b, _ := json.MarshalIndent(r, "", "  ")
	return string(b)
}

func TestTheReportsFourTests(t *testing.T) {
	for _, test := range Tests() {
		t.Run(fmt.Sprint(test.Number), func(t *testing.T) {
			t.Parallel()
			bin := private(t)
			r, end := test.Run(t.Context(), Options{Bin: bin})
			if err := end(); err != nil {
				t.Error(err)
			}
			if r.State != Passed || r.Logs != "" || r.System != nil || r.RoleLogs != nil {
				t.Errorf("want it passed and nothing left, got %s", show(r))
			}
			for _, s := range r.Steps {
				if s.State != Passed || len(s.Evidence) == 0 {
					t.Errorf("want the step passed, with evidence: %+v", s)
				}
			}
			if pids := running(bin); len(pids) > 0 {
				t.Errorf("processes %v still run", pids)
			}
		})
	}
}

func TestWhoEndsATestFindsNothingOfItLeft(t *testing.T) {
	temp := emptyTemp(t)
	var all sync.WaitGroup
	for _, c := range []struct {
		test int
		at   string
	}{
		{1, "start coordinator"}, {1, "start 3 workers"}, {2, "a request is sent"}, {3, "its death"}, {4, "worker 3 starts"},
	} {
		bin := private(t)
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			observe := func(s Step) {
				if s.State == Running && strings.HasPrefix(s.Text, c.at) {
					time.AfterFunc(20*time.Millisecond, cancel) // in the middle, perhaps
					if c.at == "a request is sent" {
						cancel() // else it waits for 10 ms only
					}
				}
			}
			r, end := Tests()[c.test-1].Run(ctx, Options{Bin: bin, Keep: true, Observe: observe})
			if err := end(); err != nil {
				t.Error(err)
			}
			last := r.Steps[len(r.Steps)-1]
			if r.State != Stopped || last.State != Stopped || last.Expected != "" || r.Logs != "" || r.System != nil {
				t.Errorf("ended at %q: %s", c.at, show(r))
			}
			if pids := running(bin); len(pids) > 0 {
				t.Errorf("ended at %q: processes %v still run", c.at, pids)
			}
		})
	}
	all.Wait()
	mustBeEmpty(t, temp)
}

func TestAKeptSystemRunsUntilItIsEnded(t *testing.T) {
	temp := emptyTemp(t)
	bin := private(t)
	r, end := Tests()[0].Run(t.Context(), Options{Bin: bin, Keep: true, Logs: true})
	if r.State != Passed || r.System == nil || r.Logs == "" {
		t.Fatalf("want it passed and kept, got %s", show(r))
	}
	if n := len(running(bin)); n != 9 {
		t.Errorf("%d processes run, want the report's nine", n)
	}
	if a, err := newClient(r.System.HTTP).post(t.Context(), "still there"); err != nil || a.echoes("still there") != nil {
		t.Errorf("%+v, %v", a, err)
	}
	if !strings.Contains(r.RoleLogs["queueA"], "worker joined") || len(r.RoleLogs) != 9 {
		t.Errorf("the logs of the nine roles are asked for, got %s", show(r))
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if pids := running(bin); len(pids) > 0 {
		t.Errorf("processes %v still run", pids)
	}
	mustBeEmpty(t, temp)
}

func TestASystemThatDoesNotStartFailsTheFirstStep(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "faasd")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\necho no such luck >&2\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, end := Tests()[0].Run(t.Context(), Options{Bin: bin})
	if err := end(); err != nil {
		t.Error(err)
	}
	defer os.RemoveAll(r.Logs)
	if r.State != Failed || len(r.Steps) != 1 || !strings.Contains(r.Steps[0].Seen, "no such luck") {
		t.Errorf("want the first step failed with what the process said, got %s", show(r))
	}
	if log, err := os.ReadFile(filepath.Join(r.Logs, "coordinator1.log")); err != nil || !strings.Contains(string(log), "no such luck") {
		t.Errorf("the log that is left says %q, %v", log, err)
	}
}

// others is a system that the tests did not start: it cannot be given workers,
// and it replaces killed ones unless they are held back.
type others struct {
	*own
	did []string
}

func (o *others) StartWorker(context.Context) (string, int, error) {
	return "", 0, fmt.Errorf("not a system to start workers in")
}

func (o *others) HoldBack(context.Context) (func(), error) {
	o.did = append(o.did, "hold back")
	return func() { o.did = append(o.did, "release") }, nil
}

func (o *others) KillWorker(ctx context.Context, w operator.Worker) (string, error) {
	o.did = append(o.did, "kill")
	return o.own.KillWorker(ctx, w)
}

func TestLiveTestsRunOnASystemThatIsThere(t *testing.T) {
	t.Parallel()
	s := &others{own: &own{bin: private(t), workers: 3}}
	defer s.close(false)
	if err := s.start(t.Context(), Tests()[0].begin(nil), 0); err != nil {
		t.Fatal(err)
	}
	for _, test := range Tests() {
		if !test.Live {
			continue
		}
		var seen []string
		r := test.RunOn(t.Context(), s, func(s Step) { seen = append(seen, s.State) })
		if r.State != Passed {
			t.Errorf("%s", show(r))
		}
		want := slices.Repeat([]string{Running, Passed}, len(r.Steps))
		if !slices.Equal(seen, want) {
			t.Errorf("its observer was told %v, want %v", seen, want)
		}
	}
	if want := []string{"hold back", "kill", "release"}; !slices.Equal(s.did, want) {
		t.Errorf("it did %v, want %v", s.did, want)
	}
	if len(running(s.bin)) != 8 {
		t.Errorf("a system that is not the test's own was ended")
	}
}

func TestVictims(t *testing.T) {
	worker := func(queue, name, state string) (w operator.Worker) {
		w.Queue, w.Name, w.State, w.Functions = queue, name, state, []string{"echo"}
		return w
	}
	other := func(queue, name string) operator.Worker {
		w := worker(queue, name, up)
		w.Functions = []string{"shout"}
		return w
	}
	queues := []operator.Queue{{}, {}, {}}
	queues[0].Name, queues[1].Name, queues[2].Name = "queueA", "queueB", "queueC"
	for _, c := range []struct {
		what    string
		workers []operator.Worker
		want    string
	}{
		{"one each", []operator.Worker{worker("queueA", "w1", up), worker("queueB", "w2", up)}, "queueA w1"},
		{"two at the first", []operator.Worker{worker("queueB", "w3", up), worker("queueA", "w1", up), worker("queueA", "w2", up)}, "queueA w1, w2"},
		{"none at the first", []operator.Worker{worker("queueB", "w1", up), worker("queueC", "w2", up)}, "queueB w1"},
		{"a lost one", []operator.Worker{worker("queueA", "w1", lost), worker("queueB", "w2", up), worker("queueC", "w3", up)}, "queueB w2"},
		{"nobody to take over", []operator.Worker{worker("queueA", "w1", up), worker("queueA", "w2", up)}, " "},
		{"nobody", nil, " "},
		{"nobody who could take over", []operator.Worker{worker("queueA", "w1", up), other("queueB", "w2")}, " "},
		{"others beside", []operator.Worker{worker("queueA", "w1", up), other("queueA", "w2"), worker("queueC", "w3", up)}, "queueA w1, w2"},
	} {
		queue, workers := Victims(operator.Picture{Queues: queues, Workers: c.workers})
		if got := queue + " " + names(workers); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestTurnsAndEvenSpread(t *testing.T) {
	var got []string
	for n := range 8 {
		got = append(got, evenly(n, 3))
	}
	if want := []string{"0/0/0", "1/0/0", "1/1/0", "1/1/1", "2/1/1", "2/2/1", "2/2/2", "3/2/2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	p := operator.Picture{Queues: make([]operator.Queue, 3)}
	p.Queues[0].Name, p.Queues[1].Name, p.Queues[2].Name = "A", "B", "C"
	if got := turns(p, "B"); got != "B C A B C A" {
		t.Errorf("turns are %s", got)
	}
}
