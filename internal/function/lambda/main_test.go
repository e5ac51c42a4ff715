package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
	"faasd/internal/function/process"
)

var (
	// work is removed when all tests have run.
	work  string
	guard *process.Guard
)

func TestMain(m *testing.M) {
	process.Main()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if work, err = os.MkdirTemp("", "lambda"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(work)
	guard = process.NewGuard(slog.New(slog.DiscardHandler))
	defer guard.Close()
	return m.Run()
}

// patience is how long tests wait for what is bound to happen.
const patience = 30 * time.Second

// goPackage is a package made with aws-lambda-go, a module that the product
// does not have: see conformance.
var goPackage = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(work, "go")
	build := exec.Command("go", "build", "-C", "../../../conformance", "-o", filepath.Join(dir, "bootstrap"), "./lambda")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

// inGo makes the function of conformance/lambda.
func inGo(t testing.TB, cfg Config) *Function {
	t.Helper()
	dir, err := goPackage()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Code = dir
	return newFunction(t, cfg)
}

// inPython makes a function of testdata/runtime.py.
func inPython(t testing.TB, handler string, cfg Config) *Function {
	t.Helper()
	text, err := os.ReadFile("testdata/runtime.py")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Code, cfg.Handler = script(t, string(text)), handler
	return newFunction(t, cfg)
}

// script is a package with that bootstrap.
func script(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bootstrap"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// newFunction makes a function that is stopped at the end of the test and then
// must have left nothing.
func newFunction(t testing.TB, cfg Config) *Function {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name, cfg.Version = "hello", 3
	}
	cfg.Guard, cfg.Work = guard, filepath.Join(t.TempDir(), "work")
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		f.Close(ended)
		left, err := os.ReadDir(cfg.Work)
		if err != nil && !errors.Is(err, os.ErrNotExist) || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	return f
}

var jobs atomic.Int64

// invocation is a new call with that body.
func invocation(body string) function.Invocation {
	return function.Invocation{
		Job: fmt.Sprintf("job-%d", jobs.Add(1)), Attempt: 1, Function: "hello", Version: 3,
		ContentType: "application/json", Body: []byte(body),
	}
}

func withPatience(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// invoke calls a function, with patience.
func invoke(t testing.TB, f *Function, body string) (function.Result, error) {
	t.Helper()
	return f.Invoke(withPatience(t), invocation(body))
}

// answers calls a function, which must return that body.
func answers(t testing.TB, f *Function, body, want string) {
	t.Helper()
	res, err := invoke(t, f, body)
	if err != nil {
		t.Fatal(err)
	}
	if string(res.Body) != want {
		t.Fatalf("answer %.200q, want %.200q", res.Body, want)
	}
}

// fails wants a failure of that type whose message contains something.
func fails(t testing.TB, err error, kind, part string) {
	t.Helper()
	var why *function.Failure
	if !errors.As(err, &why) || why.Type != kind || !strings.Contains(why.Message, part) {
		t.Fatalf("%T: %+v; want a failure %s with %q", err, err, kind, part)
	}
}

// reports wants an error of the function's own of that type whose body has that message.
func reports(t testing.TB, err error, kind, message string) {
	t.Helper()
	var own *function.Error
	if !errors.As(err, &own) || own.Type != kind {
		t.Fatalf("%T: %v; want an error of the function's own, %s", err, err, kind)
	}
	var said reported
	if err := json.Unmarshal(own.Body, &said); err != nil || said.Message != message {
		t.Fatalf("body %s (%v); want the message %q", own.Body, err, message)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	end := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// slots is how many slots of the function's processes are free.
func slots(f *Function) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.instances {
		n += len(i.open)
	}
	return n
}

// printed waits for a line of the function's output.
func printed(t testing.TB, ring *logs.Ring, want func(logs.Line) bool) {
	t.Helper()
	eventually(t, "a line in the log", func() bool {
		for _, l := range ring.Since(0, "", logs.RingSize) {
			if want(l) {
				return true
			}
		}
		return false
	})
}
