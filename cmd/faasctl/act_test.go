package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
	"faasd/internal/proc"
)

// ctl runs the real program against the system in dir.
func ctl(t *testing.T, dir, command string, args ...string) run {
	t.Helper()
	return runProgram(t, nil, binary(t, "faasctl"), slices.Concat([]string{command, "--data", dir}, args)...)
}

// waits are the lines that say what is waited for: on a busy machine there are some.
var waits = regexp.MustCompile(`(?m)^\S+: waiting for .*\n`)

// mustCtl fails the test unless the program exits with 0 and has nothing to remark.
func mustCtl(t *testing.T, dir, command string, args ...string) string {
	t.Helper()
	r := ctl(t, dir, command, args...)
	if r.code != config.ExitOK || waits.ReplaceAllString(r.err, "") != "" {
		t.Fatalf("faasctl %s %s: exit code %d, %q, %q", command, strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

func settled(t *testing.T, dir string, workers int) operator.Picture {
	t.Helper()
	return picture(t, dir, "all workers there", func(p operator.Picture) bool {
		up := 0
		for _, w := range p.Workers {
			if w.State == "up" {
				up++
			}
		}
		return p.Totals.Workers == workers && up == workers
	})
}

// post sends a request in the background; the channel has its status and body.
func post(t *testing.T, url, body string) <-chan string {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		resp, err := http.Post(url+"/echo", "text/plain", strings.NewReader(body))
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		got <- resp.Status + " " + string(b)
	}()
	return got
}

func answered(t *testing.T, got <-chan string, body string) {
	t.Helper()
	select {
	case s := <-got:
		if s != "200 OK "+body {
			t.Errorf("answered %q, want 200 and %q", s, body)
		}
	case <-time.After(patience):
		t.Errorf("%q is not answered", body)
	}
}

func TestAKilledWorkerIsGoneAndReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	victim := settled(t, dir, 3).Workers[1]
	out := mustCtl(t, dir, "kill", victim.Name[:len(victim.Name)-1])
	times := regexp.MustCompile(` +[0-9.]+m?s  `)
	want := victim.Name + "  asked           TIME  asking " + victim.Queue + " to kill " + victim.Name + "\n" +
		victim.Name + "  acknowledged    TIME  " + victim.Queue + " has told it to die; its work (0 jobs) goes to others\n" +
		victim.Name + "  gone            TIME  lost (killed by an operator)\n"
	if got := times.ReplaceAllString(out, "  TIME  "); got != regexp.MustCompile(` +TIME`).ReplaceAllString(want, "  TIME") {
		t.Errorf("printed\n%s", out)
	}
	if err := syscall.Kill(victim.PID, 0); err == nil {
		t.Errorf("process %d still runs", victim.PID)
	}
	settled(t, dir, 3)
	if r := ctl(t, dir, "kill", victim.Name); r.code != config.ExitFailed || !strings.Contains(r.err, "is lost already (killed by an operator)") {
		t.Errorf("killed again: exit code %d, %q", r.code, r.err)
	}
	if out := mustCtl(t, dir, "events"); !strings.Contains(out, "worker-kill-asked") || !strings.Contains(out, "worker-lost") {
		t.Errorf("events do not tell of it:\n%s", out)
	}
}

func TestSeveralWorkersOrTheLastAreAskedAbout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	p := settled(t, dir, 3)
	names := []string{p.Workers[0].Name, p.Workers[1].Name}
	for _, command := range []string{"kill", "drain"} {
		if r := ctl(t, dir, command, names...); r.code != config.ExitUsage || !strings.Contains(r.err, "write --yes") || !strings.Contains(r.err, names[0]) {
			t.Errorf("%s of two workers: exit code %d, %q", command, r.code, r.err)
		}
	}
	if settled(t, dir, 3).Workers[0].Name != names[0] {
		t.Fatal("something was done without asking")
	}
	var outcomes []outcome
	if err := json.Unmarshal([]byte(mustCtl(t, dir, "kill", append(names, "--yes", "--json")...)), &outcomes); err != nil {
		t.Fatal(err)
	}
	if len(outcomes) != 2 || outcomes[0].Name != names[0] || outcomes[0].Stage != "gone" || outcomes[1].Stage != "gone" || outcomes[0].Error != "" {
		t.Errorf("outcomes %+v", outcomes)
	}
	mustCtl(t, dir, "scale", "worker=1")
	last := settled(t, dir, 1)
	i := slices.IndexFunc(last.Workers, func(w operator.Worker) bool { return w.State == "up" })
	if r := ctl(t, dir, "kill", last.Workers[i].Name); r.code != config.ExitUsage || !strings.Contains(r.err, "no worker is left in the whole system") {
		t.Errorf("the last worker: exit code %d, %q", r.code, r.err)
	}
	if r := ctl(t, dir, "scale", "worker=0"); r.code != config.ExitUsage {
		t.Errorf("scaling to none: exit code %d, %q", r.code, r.err)
	}
}

func TestWhomNobodyKnowsIsSaidSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	settled(t, dir, 3)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"kill", "nobody"}, 1, `no worker "nobody"; there are: w-`},
		{[]string{"kill", "w-"}, 1, `"w-" is ambiguous: w-`},
		{[]string{"kill", "queue", "queueZ"}, 1, `no queue "queueZ"; there are: queueA (`},
		{[]string{"kill", "queue", "queue"}, 1, `"queue" is ambiguous: queueA (`},
		{[]string{"kill", "queue"}, 2, "kill queue takes one name"},
		{[]string{"kill"}, 2, "missing argument"},
		{[]string{"kill", "broker", "broker1"}, 2, "it is the only broker"},
		{[]string{"drain", "nobody"}, 1, `no worker "nobody"`},
		{[]string{"undrain", "nobody"}, 1, `no worker "nobody"`},
		{[]string{"workers", "--queue", "queueZ"}, 1, `no queue "queueZ"`},
		{[]string{"jobs", "--queue", "queueZ"}, 1, `no queue "queueZ"`},
		{[]string{"jobs", "--state", "lost"}, 2, `--state "lost"`},
		{[]string{"job", "x"}, 1, `no listed job ends with "X"`},
		{[]string{"job", "01JQXM7C2N8RZ5V0T4W6Y3HGKE"}, 1, "no broker and no queue knows job 01JQXM7C2N8RZ5V0T4W6Y3HGKE"},
		{[]string{"job", "not-a-job-id-at-all-not-at-all"}, 2, "not the id of a job: write its 26 letters and digits"},
		{[]string{"scale", "worker"}, 2, "write worker=N"},
		{[]string{"scale", "queue=4"}, 2, "only workers can be scaled; write worker=4"},
		{[]string{"scale", "worker=-1"}, 2, "write worker=N"},
		{[]string{"scale", "worker=5000"}, 1, "5000 workers are too many for one system; at most 1000"},
	} {
		r := ctl(t, dir, c.args[0], c.args[1:]...)
		if r.code != c.code || !strings.Contains(r.err, c.want) || strings.Count(r.err, "\n") != 1 {
			t.Errorf("faasctl %s: exit code %d, %q, want %d and one line with %q", strings.Join(c.args, " "), r.code, r.err, c.code, c.want)
		}
	}
	settled(t, dir, 3)
}

func TestAJobThatWaitsIsListedAndAnsweredOnceThereIsAWorker(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startUp(t, dir, "--workers", "0")
	got := post(t, httpOf(t, p), "patience")
	var jobs []operator.Job
	deadline := time.Now().Add(patience)
	for len(jobs) != 1 {
		if err := json.Unmarshal([]byte(mustCtl(t, dir, "jobs", "--state", "waiting", "--json")), &jobs); err != nil || time.Now().After(deadline) {
			t.Fatalf("jobs %+v, %v", jobs, err)
		}
	}
	j := jobs[0]
	if j.State != "waiting" || j.Function != "echo" || j.Bytes != len("patience") || j.Attempt != 0 || j.Queue == "" {
		t.Errorf("the job is listed as %+v", j)
	}
	if out := mustCtl(t, dir, "jobs", "--state", "running"); strings.Contains(out, j.ID) {
		t.Errorf("it runs, without a worker:\n%s", out)
	}
	for _, id := range []string{j.ID, j.ID[20:], strings.ToLower(j.ID[18:])} {
		out := mustCtl(t, dir, "job", id)
		if !strings.Contains(out, "broker broker1  was given to "+j.Queue) || !strings.Contains(out, "queue "+j.Queue) {
			t.Errorf("job %s:\n%s", id, out)
		}
	}
	mustCtl(t, dir, "scale", "worker=1")
	answered(t, got, "patience")
	if out := mustCtl(t, dir, "job", j.ID); !strings.Contains(out, "done") {
		t.Errorf("once answered:\n%s", out)
	}
}

func TestADrainedWorkerLeavesInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	w := settled(t, dir, 3).Workers[0]
	out := mustCtl(t, dir, "drain", "--wait", w.Name)
	if !strings.Contains(out, "acknowledged") || !strings.HasSuffix(out, "left\n") {
		t.Errorf("printed\n%s", out)
	}
	p := settled(t, dir, 3) // another has taken its place
	if slices.ContainsFunc(p.Workers, func(o operator.Worker) bool { return o.Name == w.Name }) {
		t.Errorf("%s is still listed: %+v", w.Name, p.Workers)
	}
	if r := ctl(t, dir, "undrain", p.Workers[0].Name); r.code != config.ExitFailed || !strings.Contains(r.err, "is not draining") {
		t.Errorf("undrain of one that does not drain: exit code %d, %q", r.code, r.err)
	}
}

func TestARoleThatIsKilledComesBackAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startUp(t, dir)
	settled(t, dir, 3)
	url := httpOf(t, p)
	for _, victim := range []string{"queue queueB", "broker broker1", "coordinator coordinator1"} {
		role, name, _ := strings.Cut(victim, " ")
		killed := make(chan run, 1)
		go func() { killed <- ctl(t, dir, "kill", "--yes", role, name) }()
		sent := make(chan (<-chan string), 10_000)
		tick := time.NewTicker(5 * time.Millisecond) // from before the crash until after it
		var r run
		for over := false; !over; {
			sent <- post(t, url, victim)
			select {
			case r = <-killed:
				over = true
			case <-tick.C:
			}
		}
		tick.Stop()
		close(sent)
		if r.code != config.ExitOK || !strings.Contains(r.out, "gone") {
			t.Errorf("kill %s: exit code %d, %q, %q", victim, r.code, r.out, r.err)
		}
		if len(sent) < 20 {
			t.Errorf("only %d requests were sent meanwhile", len(sent))
		}
		for got := range sent {
			answered(t, got, victim)
		}
		picture(t, dir, victim+" back", func(p operator.Picture) bool {
			parts := slices.Concat(p.QueueParts(), p.Brokers, p.Coordinators)
			i := slices.IndexFunc(parts, func(p operator.Part) bool { return p.Name == name && p.State != operator.StateLost })
			return i >= 0 && p.Totals.Workers == 3
		})
	}
}

func TestEventsAreFollowedUntilCtrlC(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	settled(t, dir, 3)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	follow := exec.CommandContext(ctx, binary(t, "faasctl"), "events", "--follow", "--json", "--data", dir)
	var out bytes.Buffer
	pipe, err := follow.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	follow.Env = environ()
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	mustCtl(t, dir, "scale", "worker=4")
	b := make([]byte, 4096)
	for !strings.Contains(out.String(), `"kind":"scaled"`) {
		n, err := pipe.Read(b)
		if err != nil {
			t.Fatalf("%v after %s", err, out.String())
		}
		out.Write(b[:n])
	}
	if err := follow.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(pipe)
	out.Write(rest)
	if err := follow.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
	seen := make(map[string]int)
	for line := range strings.Lines(out.String()) {
		var e operator.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		seen[e.Kind]++
	}
	if seen["worker-joined"] < 3 || seen["scaled"] != 1 {
		t.Errorf("events by kind: %v; want those from before the command too", seen)
	}
	if list := since([]operator.Event{{Millis: 99}, {Millis: 100}}, 100); len(list) != 1 || list[0].Millis != 100 {
		t.Errorf("since 100: %+v", list)
	}
	if out := mustCtl(t, dir, "events", "--since", "1h"); !strings.Contains(out, "scaled") {
		t.Errorf("within the last hour: %s", out)
	}
}

func TestScalingACluster(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	layout := proc.Report()
	layout.Bin = binary(t, "faasd")
	s, err := proc.StartSystem(ctx, layout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	r := runProgram(t, nil, binary(t, "faasctl"), "scale", "worker=3", "--coordinator", s.Endpoints("coordinator", "subscribe")[0])
	if r.code != config.ExitFailed || !strings.Contains(r.err, "docker-compose up --scale worker=N") {
		t.Errorf("exit code %d, %q", r.code, r.err)
	}
	// A worker elsewhere is killed too, and nobody replaces it here.
	r = runProgram(t, nil, binary(t, "faasctl"), "kill", "worker1", "--coordinator", s.Endpoints("coordinator", "subscribe")[0])
	if r.code != config.ExitOK || s.Process("worker1").Ended() != "signal: killed" {
		t.Errorf("exit code %d, %q; worker1 ended with %q", r.code, r.err, s.Process("worker1").Ended())
	}
}

func TestTheTestsOfARunningSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	victim := settled(t, dir, 3)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--live"}, 2, "Test 3 kills the workers of queueA: "},
		{[]string{"3", "--live"}, 2, "write --yes to go on"},
		{[]string{"2", "--live"}, 2, "test 2 needs a system of its own"},
		{[]string{"--live", "--keep"}, 2, "write them without --live"},
	} {
		if r := ctl(t, dir, "test", c.args...); r.code != c.code || !strings.Contains(r.err, c.want) || r.out != "" {
			t.Errorf("test %s: exit code %d, %q, %q, want %d and %q", strings.Join(c.args, " "), r.code, r.out, r.err, c.code, c.want)
		}
	}
	if now := settled(t, dir, 3); !slices.EqualFunc(now.Workers, victim.Workers, func(a, b operator.Worker) bool { return a.Same(b) }) {
		t.Fatal("something was done without asking")
	}
	r := ctl(t, dir, "test", "--live", "--yes")
	if r.code != config.ExitOK || strings.Count(r.out, "passed in") != 3 || !strings.Contains(r.out, "queueA has given 1 job away") {
		t.Errorf("exit code %d, %q, %q", r.code, r.out, r.err)
	}
	settled(t, dir, 3) // the one killed is replaced once the test is over
}
