package lambda

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"faasd/internal/function"
)

func TestNothingIsStartedBeforeTheFirstCall(t *testing.T) {
	if n := inGo(t, Config{}).Processes(); n != 0 {
		t.Errorf("%d processes", n)
	}
}

func TestProcessWithoutAJobIsStopped(t *testing.T) {
	f := inGo(t, Config{Idle: 50 * time.Millisecond})
	answers(t, f, `1`, `1`)
	eventually(t, "no process is left", func() bool { return f.Processes() == 0 })
	answers(t, f, `2`, `2`)
}

func TestFewProcessesStayWarm(t *testing.T) {
	f := inGo(t, Config{Processes: 3, Idle: 300 * time.Millisecond})
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			if _, err := f.Invoke(withPatience(t), invocation(`{"do":"sleep","sleep":200000000}`)); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if n := f.Processes(); n != 3 {
		t.Fatalf("%d processes for 3 calls at a time", n)
	}
	eventually(t, "one process is left, which gets all calls", func() bool {
		if slots(f) == f.Processes() {
			answers(t, f, `1`, `1`)
		}
		return f.Processes() == 1
	})
}

func TestCallsBeyondTheProcessesWait(t *testing.T) {
	f := inGo(t, Config{Processes: 2})
	var calls sync.WaitGroup
	for n := range 20 {
		calls.Go(func() {
			body := fmt.Sprintf(`{"do":"sleep","sleep":5000000,"n":%d}`, n)
			res, err := f.Invoke(withPatience(t), invocation(body))
			if err != nil || string(res.Body) != body {
				t.Errorf("%s %v", res.Body, err)
			}
		})
	}
	calls.Wait()
	if n := f.Processes(); n > 2 {
		t.Errorf("%d processes", n)
	}
}

func TestCheckStartsAProcess(t *testing.T) {
	f := inGo(t, Config{})
	for range 2 {
		if err := f.Check(withPatience(t)); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.Processes(); n != 1 {
		t.Errorf("%d processes", n)
	}
}

func TestCallThatWaitsEndsWithItsContext(t *testing.T) {
	f := inGo(t, Config{Env: map[string]string{"SLOW_START": "1h"}})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(ctx, invocation(`1`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := f.Check(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestFunctionThatNeverStartsIsTriedLessAndLess(t *testing.T) {
	count := filepath.Join(t.TempDir(), "starts")
	f := newFunction(t, Config{
		Code: script(t, "#!/bin/sh\necho >>$COUNT\nexit 3\n"), Env: map[string]string{"COUNT": count},
	})
	starts := func() int {
		text, _ := os.ReadFile(count)
		return len(text)
	}
	began := time.Now()
	for calls := 0; starts() < 4; calls++ {
		_, err := invoke(t, f, `1`)
		fails(t, err, function.TypeInit, "exit status 3")
		if time.Since(began) > patience {
			t.Fatalf("%d starts in %d calls", starts(), calls)
		}
	}
	// It rested 100, 200 and 400 ms between them.
	if d := time.Since(began); d < 700*time.Millisecond {
		t.Errorf("4 starts in %v", d)
	}
}

// dies is a bootstrap that counts its starts, takes a call, and ends with its
// body for an exit code, or answers it if that is 0.
const dies = `#!/usr/bin/env python3
import http.client, os, sys
open(os.environ["COUNT"], "a").write("x")
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    call = api.getresponse()
    body = call.read()
    if int(body):
        os._exit(int(body))
    api.request("POST", "/2018-06-01/runtime/invocation/" + call.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", body)
    api.getresponse().read()
`

func TestFunctionThatDiesInEachCallRests(t *testing.T) {
	count := filepath.Join(t.TempDir(), "starts")
	f := newFunction(t, Config{Code: script(t, dies), Env: map[string]string{"COUNT": count}})
	starts := func() int {
		text, _ := os.ReadFile(count)
		return len(text)
	}
	began := time.Now()
	run, refused := 0, 0
	for run < 5 {
		_, err := invoke(t, f, `7`)
		fails(t, err, function.TypeExit, "exit status 7")
		switch {
		case strings.Contains(err.Error(), "was not run"):
			refused++
			if function.Unstarted(err) {
				t.Fatal("a function whose processes come up is called one that does not start")
			}
		default:
			run++
		}
		if time.Since(began) > patience {
			t.Fatalf("%d of the calls have run", run)
		}
	}
	// It rested 100 and 200 ms, after the third and the fourth.
	if d := time.Since(began); d < 300*time.Millisecond || refused == 0 {
		t.Errorf("5 calls have run and %d were refused in %v", refused, d)
	}
	if n := starts(); n != run {
		t.Errorf("%d processes were started for %d calls", n, run)
	}
	// One answered call, and the row begins anew.
	eventually(t, "a call is answered", func() bool { _, err := invoke(t, f, `0`); return err == nil })
	for range patientFor + 1 {
		_, err := invoke(t, f, `8`)
		fails(t, err, function.TypeExit, "Runtime exited with error: exit status 8")
	}
}

// A request that kills its process, among others that are answered, is nobody
// else's loss.
func TestPoisonAmongGoodCallsStopsNone(t *testing.T) {
	f := newFunction(t, Config{Code: script(t, dies), Env: map[string]string{"COUNT": filepath.Join(t.TempDir(), "starts")}})
	for range 10 {
		for range patientFor {
			_, err := invoke(t, f, `9`)
			fails(t, err, function.TypeExit, "Runtime exited with error: exit status 9")
		}
		answers(t, f, `0`, `0`)
	}
}

func TestCrashLoopOfDeathsInCalls(t *testing.T) {
	var l crashLoop
	now := time.Now()
	for range patientFor {
		if rest := l.died(function.TypeExit, "exit status 1", false, now); rest != 0 || l.wait(now) > 0 {
			t.Fatalf("it rests %v", rest)
		}
		l.cameUp()
	}
	want := firstRest
	for range 10 {
		if rest := l.died(function.TypeExit, "exit status 1", false, now); rest != want || l.wait(now) != want {
			t.Fatalf("it rests %v, want %v", rest, want)
		}
		if l.died(function.TypeExit, "exit status 1", false, now); l.wait(now) != want {
			t.Fatal("another process of before the rest lengthens it")
		}
		fails(t, l.why, function.TypeExit, "exit status 1; this call was not run")
		want = min(2*want, crashRest)
		now = now.Add(l.wait(now))
		l.cameUp()
	}
	for range 10 {
		l.died(function.TypeMemory, "killed", true, now)
		now = now.Add(l.wait(now))
	}
	if l.rest != longRest {
		t.Errorf("who takes too much rests %v, want %v", l.rest, longRest)
	}
	fails(t, l.why, function.TypeMemory, "killed")
	l.answered()
	if l.died(function.TypeExit, "exit status 1", false, now); l.wait(now) > 0 {
		t.Error("an answered call does not end the row")
	}
}

func TestCrashLoopRestsUpToItsBound(t *testing.T) {
	var l crashLoop
	now := time.Now()
	why := function.Failed(function.TypeInit, "no")
	want := firstRest
	for range 20 {
		l.failed(why, now)
		if got := l.wait(now); got != want {
			t.Fatalf("rest %v, want %v", got, want)
		}
		want = min(2*want, longRest)
	}
	if l.wait(now.Add(longRest)) > 0 {
		t.Error("it never ends")
	}
}

func TestCloseLetsCallsFinish(t *testing.T) {
	f := inGo(t, Config{})
	answers(t, f, `1`, `1`)
	body := `{"do":"sleep","sleep":200000000}`
	running, waiting := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := f.Invoke(withPatience(t), invocation(body))
		running <- err
	}()
	eventually(t, "the call runs", func() bool { return busy(f) == 1 })
	go func() {
		_, err := f.Invoke(withPatience(t), invocation(body))
		waiting <- err
	}()
	eventually(t, "another waits", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.waiting) == 1 })
	f.Close(withPatience(t))
	if err := errors.Join(<-running, <-waiting); err != nil {
		t.Error(err)
	}
	if _, err := f.Invoke(withPatience(t), invocation(`1`)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := f.Check(withPatience(t)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestCloseKillsWhatDoesNotFinish(t *testing.T) {
	f := newFunction(t, Config{Code: script(t, "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.01; done\n")})
	call := make(chan error, 1)
	go func() {
		_, err := f.Invoke(withPatience(t), invocation(`1`))
		call <- err
	}()
	eventually(t, "a process is there", func() bool { return f.Processes() == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	f.Close(ctx)
	if err := <-call; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if n := f.Processes(); n != 0 {
		t.Errorf("%d processes", n)
	}
}

func busy(f *Function) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.instances {
		n += len(i.running)
	}
	return n
}

func TestLateAnswerIsRefusedOfAProcessThatRanNothingElse(t *testing.T) {
	p := play(t, Config{})
	ctx, cancel := context.WithCancel(context.Background())
	call := p.call(ctx, invocation("1"))
	job := p.next()
	cancel()
	if o := <-call; !errors.Is(o.err, context.Canceled) {
		t.Fatal(o.err)
	}
	// It may be dead already, which is as good.
	res, err := p.client.Post("http://"+p.address+"/2018-06-01/runtime/invocation/"+job+"/response", "", strings.NewReader("late"))
	if err == nil {
		defer res.Body.Close()
		if res.StatusCode != 400 {
			t.Errorf("a late answer got %d", res.StatusCode)
		}
	}
	eventually(t, "the process is gone", func() bool { return p.Processes() == 0 })
}

func TestLateAnswerOfAConcurrentProcessMakesItFitAgain(t *testing.T) {
	p := play(t, Config{Concurrency: 2})
	ctx, cancel := context.WithCancel(context.Background())
	hung := p.call(ctx, invocation("hung"))
	hungJob := p.next()
	other := p.call(withPatience(t), invocation("other"))
	otherJob := p.next()
	cancel()
	if o := <-hung; !errors.Is(o.err, context.Canceled) {
		t.Fatal(o.err)
	}
	p.accepted("invocation/"+hungJob+"/response", "late") // else the other call would die with the process
	p.accepted("invocation/"+otherJob+"/response", "in time")
	p.wants(other, "in time")
	call := p.call(withPatience(t), invocation("next"))
	p.accepted("invocation/"+p.next()+"/response", "still here")
	p.wants(call, "still here")
}

func TestProcessThatDoesNotComeBackIsKilled(t *testing.T) {
	p := play(t, Config{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	call := p.call(ctx, invocation("1"))
	p.accepted("invocation/"+p.next()+"/response", "1")
	p.wants(call, "1")
	eventually(t, "the process is gone", func() bool { return p.Processes() == 0 })
}

func TestConfigThatCannotWorkIsRefused(t *testing.T) {
	good := Config{Name: "hello", Code: "/", Work: "/nowhere", Guard: guard}
	for what, spoil := range map[string]func(*Config){
		"no name":           func(c *Config) { c.Name = "" },
		"a relative folder": func(c *Config) { c.Code = "code" },
		"a reserved name":   func(c *Config) { c.Env = map[string]string{"AWS_LAMBDA_RUNTIME_API": "x"} },
		"another":           func(c *Config) { c.Env = map[string]string{"_HANDLER": "x"} },
		"a name with =":     func(c *Config) { c.Env = map[string]string{"A=B": "x"} },
		"a zero byte":       func(c *Config) { c.Env = map[string]string{"A": "\x00"} },
	} {
		c := good
		spoil(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}
