package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
)

// built is what all tests share: the guest, and a cache of compiled modules.
var built struct {
	once   sync.Once
	folder string
	guest  []byte
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

// guest builds testdata/guest as users build functions.
func guest(t testing.TB) []byte {
	t.Helper()
	built.once.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "faasd-wasm-"); built.err != nil {
			return
		}
		module := filepath.Join(built.folder, "guest.wasm")
		build := exec.Command("go", "build", "-o", module, "./testdata/guest")
		build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
			return
		}
		built.guest, built.err = os.ReadFile(module)
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.guest
}

// deploy makes a function of a module, with more files in its package if any.
func deploy(t testing.TB, module []byte, cfg Config, files ...string) *Function {
	t.Helper()
	cfg.Name = "hello"
	cfg.Code = t.TempDir()
	if built.folder != "" {
		cfg.Cache = filepath.Join(built.folder, "cache")
	}
	write := func(name, text string) {
		full := filepath.Join(cfg.Code, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o777), os.WriteFile(full, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	write("hello.wasm", string(module))
	for i := 0; i < len(files); i += 2 {
		write(files[i], files[i+1])
	}
	f, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

// call calls a function that is to answer.
func call(t testing.TB, f *Function, body string) string {
	t.Helper()
	res, err := f.Invoke(context.Background(), function.Invocation{Job: "01J", Attempt: 1, Function: "hello", Body: []byte(body)})
	if err != nil {
		t.Fatalf("%q fails: %v", body, err)
	}
	return string(res.Body)
}

// failure calls a function that is to crash, and returns how.
func failure(t testing.TB, ctx context.Context, f *Function, body string) *function.Failure {
	t.Helper()
	res, err := f.Invoke(ctx, function.Invocation{Job: "01J", Attempt: 1, Function: "hello", Body: []byte(body)})
	var failure *function.Failure
	if !errors.As(err, &failure) {
		t.Fatalf("%q gives %.100q, %v; want a Failure", body, res.Body, err)
	}
	return failure
}

func TestAModuleAnswersWhatItWrites(t *testing.T) {
	f := deploy(t, guest(t), Config{})
	for _, body := range []string{"", "hola", strings.Repeat("grande ", 100_000)} {
		if got := call(t, f, "echo "+body); got != body {
			t.Errorf("it answers %.100q, want %.100q", got, body)
		}
	}
}

func TestTheTypeOfAnAnswerIsAsConfiguredOrGuessed(t *testing.T) {
	for configured, want := range map[string]string{"": "application/json", "text/csv": "text/csv"} {
		f := deploy(t, guest(t), Config{ContentType: configured})
		res, err := f.Invoke(context.Background(), function.Invocation{Body: []byte(`echo {"hola": "mundo"}`)})
		if err != nil || res.ContentType != want {
			t.Errorf("it has the type %q, %v; want %q", res.ContentType, err, want)
		}
	}
}

func TestAModuleSeesNothingOfTheWorkersEnvironment(t *testing.T) {
	t.Setenv("SECRET", "of the worker")
	f := deploy(t, guest(t), Config{Env: map[string]string{"GREETING": "hola", "FAASD_JOB": "forged"}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	end, _ := ctx.Deadline()
	res, err := f.Invoke(ctx, function.Invocation{
		Job: "01J", Attempt: 2, Function: "hello", Version: 7, Body: []byte("env"), ContentType: "text/plain",
		Request: &function.Request{Method: "GET", Path: "/x", Header: map[string][]string{"X-A": {"1"}, "Proxy": {"evil"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"CONTENT_LENGTH=3", "CONTENT_TYPE=text/plain", "FAASD_ATTEMPT=2", "FAASD_DEADLINE_MS=" + strconv.FormatInt(end.UnixMilli(), 10),
		"FAASD_FUNCTION=hello", "FAASD_JOB=01J", "FAASD_VERSION=7", "GREETING=hola", "HTTP_X_A=1", "PATH_INFO=/x", "QUERY_STRING=",
		"REQUEST_METHOD=GET",
	}
	if got := strings.Split(string(res.Body), "\n"); !slices.Equal(got, want) {
		t.Errorf("it sees\n%s\nwant\n%s", res.Body, strings.Join(want, "\n"))
	}
}

func TestMemoryIsFreshForEachCall(t *testing.T) {
	f := deploy(t, guest(t), Config{})
	for range 3 {
		if got := call(t, f, "remember the last call"); got != "nothing" {
			t.Errorf("it remembers %q", got)
		}
	}
}

func TestCallsRunSideBySide(t *testing.T) {
	f := deploy(t, guest(t), Config{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			want := fmt.Sprint("call ", i)
			res, err := f.Invoke(context.Background(), function.Invocation{Body: []byte("echo " + want)})
			if err != nil || string(res.Body) != want {
				t.Errorf("%s is answered with %q, %v", want, res.Body, err)
			}
		})
	}
	all.Wait()
}

func TestClocksAndRandomNumbersAreTheMachines(t *testing.T) {
	f := deploy(t, guest(t), Config{})
	before := time.Now().Unix()
	at, err := strconv.ParseInt(call(t, f, "time"), 10, 64)
	if err != nil || at < before || at > time.Now().Unix() {
		t.Errorf("its time is %d, %v", at, err)
	}
	if a, b := call(t, f, "draw"), call(t, f, "draw"); a == b {
		t.Errorf("it draws %s twice", a)
	}
	if got := call(t, f, "nap"); got != "true" {
		t.Error("it does not sleep as long as it wants to")
	}
}

func TestARewrittenProgramComputesTheSame(t *testing.T) {
	f := deploy(t, guest(t), Config{})
	native := exec.Command("go", "run", "./testdata/guest")
	native.Stdin = strings.NewReader("work 7")
	want, err := native.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := call(t, f, "work 7"); got != string(want) || len(want) < 500 {
		t.Errorf("it computes\n%s\nwant\n%s", got, want)
	}
}

func TestAnExitStatusIsAnErrorWithTheEndOfStandardError(t *testing.T) {
	f := deploy(t, guest(t), Config{})
	for body, want := range map[string]func([]byte) bool{
		"exit 3":     func(b []byte) bool { return string(b) == "it exits with 3\n" },
		"panic hola": func(b []byte) bool { return bytes.HasPrefix(b, []byte("panic: hola")) },
		"silent":     func(b []byte) bool { return string(b) == "exit status 1\n" },
		"much":       func(b []byte) bool { return len(b) == maxTail && bytes.HasSuffix(b, []byte("line 999\nline 1000\n")) },
	} {
		_, err := f.Invoke(context.Background(), function.Invocation{Body: []byte(body)})
		var own *function.Error
		if !errors.As(err, &own) || own.ContentType != "text/plain; charset=utf-8" || !want(own.Body) {
			t.Errorf("%s gives %v", body, err)
		}
	}
}

func TestStandardErrorIsLoggedWithItsJob(t *testing.T) {
	ring := new(logs.Ring)
	f := deploy(t, guest(t), Config{Logs: ring})
	f.Invoke(context.Background(), function.Invocation{Job: "01A", Body: []byte("exit 3")})
	f.Invoke(context.Background(), function.Invocation{Job: "01B", Body: []byte("exit 4")})
	if got := string(ring.Tail("01A", 1000)); got != "it exits with 3\nexit status 3\n" {
		t.Errorf("the log of the first job is %q", got)
	}
	if got := string(ring.Tail("01B", 1000)); got != "it exits with 4\nexit status 4\n" {
		t.Errorf("the log of the second job is %q", got)
	}
}

func TestTooLongAnAnswerEndsTheCall(t *testing.T) {
	f := deploy(t, guest(t), Config{MaxOutput: 100_000})
	if got := failure(t, context.Background(), f, "flood"); got.Type != function.TypeTooLong {
		t.Errorf("it fails with %s: %s", got.Type, got)
	}
}

func TestTooMuchMemoryEndsTheCall(t *testing.T) {
	ring := new(logs.Ring)
	f := deploy(t, guest(t), Config{Memory: 64 << 20, Logs: ring})
	if got := failure(t, context.Background(), f, "leak"); got.Type != function.TypeMemory {
		t.Errorf("it fails with %s: %s", got.Type, got)
	}
	lines := ring.Since(0, "", 1<<20) // behind what the module's own runtime says of it
	if last := lines[len(lines)-1]; last.Stream != logs.System || !strings.Contains(last.Text, "more memory than the 64 MiB") {
		t.Errorf("the last of %d lines is %+v", len(lines), last)
	}
	if got := call(t, f, "echo still there"); got != "still there" {
		t.Errorf("then it answers %q", got)
	}
}

func TestTheTimeLimitEndsACallWhateverItDoes(t *testing.T) {
	f := deploy(t, guest(t), Config{})
	if err := f.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"sleep", "spin", "fill", "random"} {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		if _, err := f.Invoke(ctx, function.Invocation{Body: []byte(body)}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s ends with %v", body, err)
		}
		cancel()
	}
}

// A collection of garbage waits for all goroutines, so one that cannot be
// interrupted holds up the whole worker.
func TestABusyModuleHoldsUpNobody(t *testing.T) {
	for _, body := range []string{"spin", "fill", "random"} {
		ring := new(logs.Ring)
		f := deploy(t, guest(t), Config{Logs: ring})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() {
			_, err := f.Invoke(ctx, function.Invocation{Job: "01J", Body: []byte(body)})
			ended <- err
		}()
		for len(ring.Tail("01J", 100)) == 0 {
			runtime.Gosched()
		}
		runtime.GC()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s ends with %v", body, err)
		}
	}
}

func TestClosingEndsWhatRuns(t *testing.T) {
	ring := new(logs.Ring)
	f := deploy(t, guest(t), Config{Logs: ring})
	ended := make(chan error)
	go func() {
		_, err := f.Invoke(context.Background(), function.Invocation{Job: "01J", Body: []byte("spin")})
		ended <- err
	}()
	for len(ring.Tail("01J", 100)) == 0 {
		runtime.Gosched()
	}
	if err := f.Close(context.Background()); err != nil {
		t.Error(err)
	}
	var stopped *function.Failure
	if err := <-ended; !errors.As(err, &stopped) || stopped.Type != function.TypeExit {
		t.Errorf("it ends with %v", err)
	}
	if got := failure(t, context.Background(), f, "echo hola"); got.Type != function.TypeExit {
		t.Errorf("called again it fails with %s: %s", got.Type, got)
	}
}
