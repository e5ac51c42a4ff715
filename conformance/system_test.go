// Package conformance tries faasd by what others have written for the systems
// whose interfaces it has, as they are. It knows faasd from outside only.
package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long is waited for what should take no second.
const patience = 30 * time.Second

// bin is the folder with the programs that TestMain has built; up is a system
// with workers whose functions fail, for all tests that do it no harm.
var (
	bin string
	up  *system
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "conformance-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-C", "..", "-o", bin, "./cmd/faasd", "./cmd/faasctl", "./internal/chaos/failing")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build faasd: %v\n%s", err, out)
		return 1
	}
	t := &whole{}
	defer t.end()
	up = start(t)
	up.serve(t)
	if t.failed != "" {
		fmt.Fprintln(os.Stderr, t.failed)
		return 1
	}
	return m.Run()
}

// whole is all tests, for what they share.
type whole struct {
	failed   string
	cleanups []func()
}

func (w *whole) Helper()          {}
func (w *whole) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }
func (w *whole) Fatalf(format string, args ...any) {
	w.failed = fmt.Sprintf(format, args...)
}

func (w *whole) end() {
	for i := range w.cleanups {
		w.cleanups[len(w.cleanups)-1-i]()
	}
}

// owner is whose a system is: a test, or all of them.
type owner interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// A system is a running `faasd up`.
type system struct {
	url       string
	data      string
	lifelines []*os.File // never written
}

// start starts faasd up.
func start(t owner, args ...string) *system {
	t.Helper()
	s := &system{}
	var err error
	if s.data, err = os.MkdirTemp("", "conformance-"); err != nil {
		t.Fatalf("%v", err)
		return s
	}
	t.Cleanup(func() { // after all processes of it have ended
		for _, pipe := range s.lifelines {
			_ = pipe.Close()
		}
		os.RemoveAll(s.data)
	})
	lines := s.process(t, "faasd", append([]string{"up", "--http", "127.0.0.1:0", "--data", s.data, "--workers", "1", "--log-level", "error"}, args...)...)
	for line := range lines {
		if url, ok := strings.CutPrefix(line, "listening on "); ok {
			s.url = url
			break
		}
	}
	if s.url == "" {
		t.Fatalf("faasd up does not say where it listens")
	}
	go func() {
		for range lines { // the rest interests nobody
		}
	}()
	return s
}

// process starts one of the programs and returns what it prints. It ends before
// the owner does, and with this process however that ends: its lifeline breaks.
func (s *system) process(t owner, program string, args ...string) <-chan string {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, program), args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	lines := make(chan string, 100)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = s.start(cmd)
	}
	if err != nil {
		close(lines)
		t.Fatalf("start %s: %v", program, err)
		return lines
	}
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			lines <- in.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(patience, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		defer late.Stop()
		_ = cmd.Wait()
	})
	return lines
}

// start starts a program with a lifeline.
func (s *system) start(cmd *exec.Cmd) error {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	s.lifelines = append(s.lifelines, ours)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Env = append(os.Environ(), "FAASD_LIFELINE_FD=3")
	return cmd.Start()
}

// serve adds a worker whose functions fail.
func (s *system) serve(t owner) {
	t.Helper()
	var running struct{ Coordinator string }
	b, err := os.ReadFile(filepath.Join(s.data, "running.json"))
	if err == nil {
		err = json.Unmarshal(b, &running)
	}
	if err != nil {
		t.Fatalf("%v", err)
		return
	}
	broker := filepath.Dir(strings.TrimPrefix(running.Coordinator, "ipc://")) + "/broker.ipc"
	s.process(t, "failing", "worker", "--broker", "ipc://"+broker, "--log-level", "error")
	s.until(t, "reports", func(f function) bool { return f.Workers > 0 })
}

// A function is what GET /functions/{name} says.
type function struct {
	Workers int `json:"workers"`
	Running int `json:"running"`
}

// until waits until a function is as it should be.
func (s *system) until(t owner, name string, ok func(function) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var f function
		if resp, err := http.Get(s.url + "/functions/" + name); err == nil {
			err = json.NewDecoder(resp.Body).Decode(&f)
			resp.Body.Close()
			if err == nil && resp.StatusCode == http.StatusOK && ok(f) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("function %s is %+v after %s", name, f, patience)
			return
		}
	}
}
