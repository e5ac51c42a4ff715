package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
	"faasd/internal/proc"
)

var update = flag.Bool("update", false, "write golden files anew instead of comparing them")

// patience bounds every wait for something that takes milliseconds on a quiet
// machine.
const patience = 30 * time.Second

// faasctl runs the program as its users do and returns what it printed.
func faasctl(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = config.Main(program(), args, config.Stdio{Out: &o, Err: &e, Env: func(string) string { return "" }})
	return code, o.String(), e.String()
}

// startUp starts a real `faasd up` with its data in dir.
func startUp(t *testing.T, dir string, args ...string) *proc.Process {
	t.Helper()
	bin := binary(t, "faasd") // it may have to be built first
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := proc.Start(ctx, proc.Spec{Bin: bin, Args: append([]string{"up", "--http", "127.0.0.1:0", "--data", dir}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Stop(stop); err != nil {
			t.Error(err)
		}
	})
	if _, err := p.HTTP(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

// picture asks for JSON until it is as wanted.
func picture(t *testing.T, dir, want string, ok func(operator.Picture) bool) operator.Picture {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		code, out, errs := faasctl("status", "--json", "--data", dir)
		var p operator.Picture
		if code != config.ExitOK {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		if err := json.Unmarshal([]byte(out), &p); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if ok(p) {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("want %s, got %s", want, out)
		}
	}
}

func TestStatusShowsARunningSystemAndItsLosses(t *testing.T) {
	dir := t.TempDir()
	startUp(t, dir, "--queues", "3", "--workers", "3", "--slots", "2")
	p := picture(t, dir, "three workers, spread", func(p operator.Picture) bool {
		return p.Totals.Workers == 3 && p.Totals.Free == 6 && len(p.Workers) == 3
	})
	for _, q := range p.Queues {
		if q.Workers != 1 || q.State != "ok" || q.Slots != 2 {
			t.Errorf("queue %+v: want one worker with two slots", q)
		}
	}
	if len(p.Frontends) != 1 || len(p.Brokers) != 1 || len(p.Coordinators) != 1 {
		t.Errorf("%d frontends, %d brokers, %d coordinators, want one of each", len(p.Frontends), len(p.Brokers), len(p.Coordinators))
	}

	victim := p.Workers[0]
	if process, err := os.FindProcess(victim.PID); err != nil || process.Kill() != nil {
		t.Fatalf("cannot kill worker %s, process id %d", victim.Name, victim.PID)
	}
	killed := time.Now()
	picture(t, dir, "the killed worker lost", func(p operator.Picture) bool {
		return slices.ContainsFunc(p.Workers, func(w operator.Worker) bool { return w.Name == victim.Name && w.State == operator.StateLost })
	})
	if took := time.Since(killed); took > 3*time.Second {
		t.Errorf("the death of an idle worker was noticed after %s, want 3 s at most", took)
	}
	picture(t, dir, "the killed worker lost and another in its place", func(p operator.Picture) bool {
		lost := false
		for _, w := range p.Workers {
			lost = lost || w.Name == victim.Name && w.State == operator.StateLost
		}
		return lost && p.Totals.Workers == 3
	})
	code, out, _ := faasctl("status", "--data", dir)
	if code != config.ExitOK || !strings.Contains(out, "!LOST") || !strings.Contains(out, victim.Name) {
		t.Errorf("exit code %d, the table does not show the loss of %s:\n%s", code, victim.Name, out)
	}
}

// Whoever looks after a call has been answered sees that it was. Parts say so in
// time unless the machine is too busy, which it may be now and then.
func TestStatusShowsTheCallBefore(t *testing.T) {
	t.Parallel()
	dir, url := startWithWorkers(t)
	late := ""
	for i := range 20 {
		answered200(t, url+"/echo", "x")
		var p operator.Picture
		if err := json.Unmarshal([]byte(mustCtl(t, dir, "status", "--json")), &p); err != nil {
			t.Fatal(err)
		}
		if p.Totals.Done != uint64(i+1) || p.Totals.Running != 0 || p.Totals.Free != p.Totals.Slots {
			late += fmt.Sprintf("after %d calls: %d done, %d run, %d of %d slots free\n", i+1, p.Totals.Done, p.Totals.Running, p.Totals.Free, p.Totals.Slots)
		}
	}
	if strings.Count(late, "\n") > 5 {
		t.Errorf("the state before is shown:\n%s", late)
	}
}

func TestNoClusterIsOneLineAndExitCode3(t *testing.T) {
	for _, args := range [][]string{
		{"status", "--data", t.TempDir()},
		{"status", "--within", "100ms", "--coordinator", "tcp://127.0.0.1:1"},
	} {
		code, out, errs := faasctl(args...)
		if code != config.ExitNoCluster || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "faasd up") {
			t.Errorf("faasctl %s: exit code %d, %q, %q; want 3 and one line that says how to start one", args, code, out, errs)
		}
	}
}
