package node

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/function"
	"faasd/internal/function/process"
)

// TestMain lets this test binary be the worker that `up` starts from its own
// file.
func TestMain(m *testing.M) {
	process.Main()
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(workerMain(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "stubborn" {
		stubborn()
	}
	if len(os.Args) > 1 && os.Args[1] == "debugged" {
		debugged()
	}
	// The race detector's program waits a second when it ends, and so would
	// every worker.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// stubborn is a worker that does not end in order until it gets SIGUSR1.
func stubborn() {
	signal.Ignore(syscall.SIGTERM)
	enough := make(chan os.Signal, 1)
	signal.Notify(enough, syscall.SIGUSR1)
	if err := config.WatchLifeline(os.Getenv, func() { os.Exit(1) }); err != nil {
		os.Exit(1)
	}
	fmt.Println("stubborn")
	<-enough
	os.Exit(0)
}

func workerMain(args []string) int {
	if err := config.WatchLifeline(os.Getenv, func() { os.Exit(1) }); err != nil {
		return 1
	}
	w := Worker{Functions: functions}
	set := flag.NewFlagSet("worker", flag.ContinueOnError)
	broker := set.String("broker", "", "")
	set.IntVar(&w.Slots, "slots", 1, "")
	set.Int64Var(&w.MaxBody, "max-body", 0, "")
	grace := set.Duration("grace", time.Second, "")
	set.StringVar(&w.Deployed.Work, "work", "", "")
	set.DurationVar(&w.Deployed.Idle, "idle", time.Minute, "")
	set.String("log-level", "", "")
	set.String("log-format", "", "")
	if err := set.Parse(args); err != nil {
		return 2
	}
	w.Brokers = []string{*broker}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, w, Process{Grace: *grace, Log: quiet, Announce: func(r config.Ready) { fmt.Println(r) }}); err != nil {
		return 1
	}
	return 0
}

// functions are what workers of `up` have.
var functions = map[string]function.Function{function.EchoName: function.Echo{}}

var quiet = slog.New(slog.DiscardHandler)

var limits = Limits{MaxBody: 1 << 20, WindowJobs: 1000, WindowBytes: 64 << 20}

// patience is how long anything may take here; it is only used up by what is
// broken.
const patience = 30 * time.Second

// within waits until ok holds.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// from waits for a value.
func from[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
	}
	return v
}

// echo calls /echo and returns the answer's header.
func echo(t *testing.T, url, body string) http.Header {
	t.Helper()
	r, err := http.Post(url+"/echo", "text/x", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || string(got) != body || r.Header.Get("Content-Type") != "text/x" {
		t.Fatalf("status %d, %q of type %q, %v; want %q back", r.StatusCode, got, r.Header.Get("Content-Type"), err, body)
	}
	return r.Header
}

// A running role or system.
type running struct {
	t     *testing.T
	stop  context.CancelFunc
	ended chan error
}

// start runs what run runs until stop is called, at the latest when the test ends.
func start(t *testing.T, run func(ctx context.Context) error) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, stop: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if r.ended != nil {
			<-r.ended
		}
	})
	return r
}

// end stops it and checks that it ends in order.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := from(r.t, r.ended, "it ends"); err != nil {
		r.t.Errorf("it ends with %v", err)
	}
	r.ended = nil
}
