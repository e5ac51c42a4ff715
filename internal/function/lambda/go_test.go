package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
	"faasd/internal/function/process"
)

// These tests run a function that is made with aws-lambda-go as it is.

func TestGoFunctionAnswersItsCalls(t *testing.T) {
	f := inGo(t, Config{})
	for n := range 20 {
		body := fmt.Sprintf(`{"n":%d}`, n)
		res, err := invoke(t, f, body)
		if err != nil || string(res.Body) != body || res.ContentType != "application/json" {
			t.Fatalf("%q %q %v", res.Body, res.ContentType, err)
		}
	}
	if n := f.Processes(); n != 1 {
		t.Fatalf("%d processes for calls one after the other", n)
	}
	long := `"` + strings.Repeat("x", 3<<20) + `"`
	answers(t, f, long, long)
}

func TestGoFunctionIsToldWhatLambdaTells(t *testing.T) {
	t.Setenv("FAASD_SECRET", "the worker's own")
	f := inGo(t, Config{Env: map[string]string{"GREETING": "hello", "AWS_REGION": "eu-west-1"}, Memory: 512 << 20, Handler: "main"})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	in := invocation(`{"do":"describe"}`)
	in.Trace = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"
	in.Client = base64.StdEncoding.EncodeToString([]byte("{\n \"client\": {\"app_title\": \"shop\"}}"))
	res, err := f.Invoke(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Request, Arn, Trace, Name, Version, Group, Stream, Folder string
		Client                                                    struct{ Client map[string]string }
		Deadline                                                  int64
		Memory                                                    int
		Environment                                               []string
	}
	if err := json.Unmarshal(res.Body, &got); err != nil {
		t.Fatalf("%v: %s", err, res.Body)
	}
	deadline, _ := ctx.Deadline()
	for what, ok := range map[string]bool{
		"request id":     got.Request == in.Job,
		"ARN":            got.Arn == "arn:aws:lambda:eu-west-1:000000000000:function:hello:3",
		"deadline":       got.Deadline == deadline.UnixMilli(),
		"trace":          got.Trace == "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
		"client context": got.Client.Client["app_title"] == "shop",
		"name":           got.Name == "hello" && got.Version == "3",
		"memory":         got.Memory == 512,
		"log":            got.Group == "/aws/lambda/hello" && strings.Contains(got.Stream, "[3]"),
		"folder":         got.Folder == f.cfg.Code,
	} {
		if !ok {
			t.Errorf("%s: %+v", what, got)
		}
	}
	var names []string
	for _, e := range got.Environment {
		name, value, _ := strings.Cut(e, "=")
		if name != process.MarkVariable {
			names = append(names, name)
		}
		if name == "GREETING" && value != "hello" || name == "HOME" && filepath.Dir(value) != f.cfg.Work {
			t.Error(e)
		}
	}
	slices.Sort(names)
	// aws-lambda-go sets _X_AMZN_TRACE_ID in its own process.
	want := []string{
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION",
		"GREETING", "HOME", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ",
		"_HANDLER", "_X_AMZN_TRACE_ID",
	}
	if !slices.Equal(names, want) {
		t.Errorf("environment %v\nwant %v", names, want)
	}
}

func TestGoFunctionsOwnErrorIsPassedOn(t *testing.T) {
	f := inGo(t, Config{})
	_, err := invoke(t, f, `{"do":"error","text":"no such customer"}`)
	reports(t, err, "errorString", "no such customer")
	_, err = invoke(t, f, `{"do":"panic","text":"out of cheese"}`)
	reports(t, err, "string", "out of cheese")
	answers(t, f, `{"after":"panic"}`, `{"after":"panic"}`)
}

func TestGoFunctionThatExitsFailsItsCallOnly(t *testing.T) {
	ring := new(logs.Ring)
	f := inGo(t, Config{Logs: ring})
	in := invocation(`{"do":"exit","code":7}`)
	_, err := f.Invoke(withPatience(t), in)
	fails(t, err, function.TypeExit, "RequestId: "+in.Job+" Error: Runtime exited with error: exit status 7")
	if tail := string(ring.Tail(in.Job, 4<<10)); tail != "leaving\n" {
		t.Errorf("the log of the call is %q", tail)
	}
	_, err = invoke(t, f, `{"do":"exit","code":0}`)
	fails(t, err, function.TypeExit, "Runtime exited without providing a reason")
	answers(t, f, `1`, `1`)
}

func TestGoFunctionThatDoesNotStartSaysSo(t *testing.T) {
	ring := new(logs.Ring)
	f := inGo(t, Config{Env: map[string]string{"FAILED_START": "no configuration"}, Logs: ring})
	fails(t, f.Check(withPatience(t)), function.TypeInit, "exit status 1")
	_, err := invoke(t, f, `1`)
	fails(t, err, function.TypeInit, "exit status 1")
	printed(t, ring, func(l logs.Line) bool {
		return l.Stream == logs.Stderr && strings.HasSuffix(l.Text, "no configuration")
	})
}

func TestGoFunctionThatStartsSlowlyIsWaitedFor(t *testing.T) {
	f := inGo(t, Config{Env: map[string]string{"SLOW_START": "300ms"}})
	answers(t, f, `1`, `1`)
}

func TestGoFunctionThatStartsTooSlowlyIsStopped(t *testing.T) {
	f := inGo(t, Config{Env: map[string]string{"SLOW_START": "1h"}, InitTimeout: 100 * time.Millisecond})
	_, err := invoke(t, f, `1`)
	fails(t, err, function.TypeInit, "within the 100ms")
	if n := f.Processes(); n != 0 {
		t.Errorf("%d processes left", n)
	}
}

func TestGoFunctionPastItsDeadlineIsKilled(t *testing.T) {
	f := inGo(t, Config{})
	answers(t, f, `1`, `1`)
	eventually(t, "the process is idle", func() bool { return slots(f) == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := f.Invoke(ctx, invocation(`{"do":"sleep","sleep":3600000000000}`))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if d := time.Since(began); d > patience/2 {
		t.Errorf("it took %v", d)
	}
	eventually(t, "the process is gone", func() bool { return f.Processes() == 0 })
	answers(t, f, `2`, `2`)
}

func TestGoFunctionRunsSeveralCallsAtATime(t *testing.T) {
	const n = 8
	f := inGo(t, Config{Concurrency: n})
	var calls sync.WaitGroup
	for range n {
		calls.Go(func() {
			res, err := f.Invoke(withPatience(t), invocation(fmt.Sprintf(`{"do":"together","code":%d}`, n)))
			if err != nil || string(res.Body) != "8" {
				t.Errorf("%s %v", res.Body, err)
			}
		})
	}
	calls.Wait()
	if n := f.Processes(); n != 1 {
		t.Errorf("%d processes", n)
	}
}

func TestGoFunctionWithOneHungCallFinishesTheOthers(t *testing.T) {
	f := inGo(t, Config{Concurrency: 4})
	answers(t, f, `1`, `1`)
	eventually(t, "the process is idle", func() bool { return slots(f) == 4 })
	short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	var calls sync.WaitGroup
	calls.Go(func() {
		if _, err := f.Invoke(short, invocation(`{"do":"sleep","sleep":3600000000000}`)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	calls.Go(func() {
		if _, err := f.Invoke(withPatience(t), invocation(`{"do":"sleep","sleep":500000000}`)); err != nil {
			t.Error(err)
		}
	})
	calls.Wait()
	eventually(t, "the process is gone", func() bool { return f.Processes() == 0 })
	answers(t, f, `2`, `2`)
}

func TestGoFunctionGetsSIGTERMBeforeItsEnd(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	f := inGo(t, Config{Env: map[string]string{"MARK_SIGTERM": mark}})
	answers(t, f, `1`, `1`)
	f.Close(context.Background())
	if text, err := os.ReadFile(mark); err != nil || string(text) != "SIGTERM" {
		t.Errorf("%q %v", text, err)
	}
}

func TestGoFunctionsStreamIsCollected(t *testing.T) {
	f := inGo(t, Config{})
	res, err := invoke(t, f, `{"do":"stream","text":"bit by bit"}`)
	if err != nil || res.ContentType != "application/vnd.awslambda.http-integration-response" {
		t.Fatalf("%q %v", res.ContentType, err)
	}
	head, body, _ := strings.Cut(string(res.Body), strings.Repeat("\x00", 8))
	if body != "bit by bit" || !strings.Contains(head, `"statusCode":201`) {
		t.Errorf("%q", res.Body)
	}
	_, err = invoke(t, f, `{"do":"stream that breaks","text":"bit by"}`)
	reports(t, err, "errorString", "the stream broke")
	answers(t, f, `1`, `1`)
}

func TestGoFunctionsAnswerMayNotBeTooLong(t *testing.T) {
	f := inGo(t, Config{MaxBody: 1000})
	answers(t, f, `{"do":"long","code":998}`, `"`+strings.Repeat("x", 998)+`"`)
	_, err := invoke(t, f, `{"do":"long","code":999}`)
	fails(t, err, function.TypeTooLong, "(1000 bytes)")
	answers(t, f, `1`, `1`)
	_, err = invoke(t, f, `{"do":"long","code":20000000}`)
	fails(t, err, function.TypeTooLong, "(1000 bytes)")
	answers(t, f, `1`, `1`)
}

func TestLinesOfOutputHaveTheirJob(t *testing.T) {
	ring := new(logs.Ring)
	f := inGo(t, Config{Logs: ring})
	for n := range 50 {
		in := invocation(fmt.Sprintf(`{"do":"print","text":"line %d"}`, n))
		if _, err := f.Invoke(withPatience(t), in); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("line %d\nline %d\n", n, n)
		if tail := string(ring.Tail(in.Job, 4<<10)); tail != want {
			t.Fatalf("log of %s: %q, want %q", in.Job, tail, want)
		}
	}
}

func TestKilledProcessIsNoticedAndReplaced(t *testing.T) {
	f := inGo(t, Config{})
	res, err := invoke(t, f, `{"do":"describe"}`)
	var got struct{ Pid int }
	if err != nil || json.Unmarshal(res.Body, &got) != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(got.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process is gone", func() bool { return f.Processes() == 0 })
	answers(t, f, `1`, `1`)
}

func TestGoFunctionThatUsesTooMuchMemorySaysSo(t *testing.T) {
	f := inGo(t, Config{Memory: 96 << 20})
	answers(t, f, `{"do":"grow","code":8}`, `8`)
	_, err := invoke(t, f, `{"do":"grow","code":4000}`)
	fails(t, err, function.TypeMemory, "it may use 96 MB")
	answers(t, f, `1`, `1`)
}
