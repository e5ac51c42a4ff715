package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/proc"
)

const (
	// patience is how long a test waits for what must happen soon. Only a
	// failing test waits that long.
	patience = 15 * time.Second
	// stopWithin is the time that the project promises to stop in.
	stopWithin = 10 * time.Second
	// lookEvery is how often a condition that announces itself to nobody is
	// looked at again.
	lookEvery = 5 * time.Millisecond
)

// A system is a running faasd as its clients and its operator have it: `faasd
// up`, or each role a process of its own, linked over tcp.
type system struct {
	t      testing.TB
	url    string
	client *http.Client

	leader *proc.Process // of `faasd up`; nil if the roles run apart
	data   string        // its data folder
	apart  *proc.System  // nil if it is `faasd up`

	logs  string
	ended bool // the test has ended it itself
}

// startUp starts `faasd up` on ports and a folder of its own.
func startUp(t testing.TB, args ...string) *system {
	t.Helper()
	return startUpOn(t, t.TempDir(), args...)
}

func startUpOn(t testing.TB, data string, args ...string) *system {
	t.Helper()
	logs := t.TempDir()
	leader, err := proc.Start(deadline(t, patience), proc.Spec{
		Name: "faasd up", Bin: self(t), Env: environment(), LogFile: filepath.Join(logs, "up.log"),
		Args: append([]string{"up", "--http", "127.0.0.1:0", "--data", data}, args...),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &system{t: t, leader: leader, data: data, logs: logs, client: newClient()}
	t.Cleanup(s.close)
	if s.url, err = leader.HTTP(deadline(t, patience)); err != nil {
		t.Fatal(err)
	}
	return s
}

// startApart starts every role as a process of its own.
func startApart(t testing.TB, layout proc.Layout) *system {
	t.Helper()
	layout.Bin, layout.Dir = self(t), t.TempDir()
	layout.Env = append(environment(), layout.Env...)
	apart, err := proc.StartSystem(deadline(t, 2*patience), layout)
	if err != nil {
		t.Fatal(err)
	}
	s := &system{t: t, apart: apart, logs: layout.Dir, client: newClient()}
	t.Cleanup(s.close)
	if urls := apart.URLs(); len(urls) > 0 {
		s.url = urls[0]
	}
	return s
}

// inBothModes runs a test on `faasd up` and on the report's nine processes,
// each with a worker at each of three queues.
func inBothModes(t *testing.T, test func(t *testing.T, s *system)) {
	t.Run("up", func(t *testing.T) {
		s := startUp(t)
		s.awaitWorkers(3)
		test(t, s)
	})
	t.Run("apart", func(t *testing.T) { test(t, startReport(t, proc.Layout{})) })
}

// startReport starts the report's nine processes, with the arguments and
// environment of the layout, the workers only once all queues can be joined,
// so that each has one.
func startReport(t testing.TB, layout proc.Layout) *system {
	t.Helper()
	layout.Coordinators, layout.Brokers, layout.Queues, layout.Frontends = 1, 1, 3, 1
	s := startApart(t, layout)
	w := s.watch()
	w.awaitQueues(3)
	for range 3 {
		s.addWorker()
	}
	w.awaitWorkers("queueA 1, queueB 1, queueC 1")
	s.awaitWorkers(3)
	return s
}

// close stops the system in order and checks that nothing of it is left.
func (s *system) close() {
	s.client.CloseIdleConnections()
	pids := s.processes()
	if !s.ended {
		ctx, cancel := context.WithTimeout(context.Background(), 3*stopWithin)
		defer cancel()
		if err := s.stop(ctx); err != nil {
			s.t.Error(err)
		}
	}
	s.mustBeGone(pids)
	if s.leader != nil {
		_ = s.leader.KillGroup()
	} else {
		_ = s.apart.Kill()
	}
	s.inspectLogs()
}

func (s *system) stop(ctx context.Context) error {
	if s.leader != nil {
		return s.leader.Stop(ctx)
	}
	return s.apart.Stop(ctx)
}

func (s *system) mustBeGone(pids []int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := proc.WaitGone(ctx, pids...); err != nil {
		s.t.Error(err)
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// accident finds what no log may hold.
var accident = regexp.MustCompile(`WARNING: DATA RACE|panic: |fatal error: |unexpected fault|SIGSEGV|Assertion failed`)

// inspectLogs fails the test if a process crashed or raced, and quotes the logs
// of a test that has failed.
func (s *system) inspectLogs() {
	for name, text := range s.readLogs() {
		if at := accident.FindStringIndex(text); at != nil {
			s.t.Errorf("%s: %s", name, text[at[0]:min(len(text), at[0]+4000)])
		}
	}
	if !s.t.Failed() {
		return
	}
	for name, text := range s.readLogs() {
		s.t.Logf("the end of %s:\n%s", name, text[max(0, len(text)-4000):])
	}
}

func (s *system) readLogs() map[string]string {
	files, _ := filepath.Glob(filepath.Join(s.logs, "*.log"))
	if s.data != "" {
		more, _ := filepath.Glob(filepath.Join(s.data, "logs", "*.log"))
		files = append(files, more...)
	}
	logs := make(map[string]string)
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			logs[filepath.Base(file)] = string(text)
		}
	}
	return logs
}

// processes returns the ids of all processes that run now.
func (s *system) processes() []int {
	all := []*proc.Process{s.leader}
	if s.apart != nil {
		all = all[:0]
		for _, name := range s.apart.Names() {
			all = append(all, s.apart.Process(name))
		}
	}
	var pids []int
	for _, p := range all {
		select {
		case <-p.Exited():
			continue
		default:
		}
		below, err := p.Descendants()
		if err != nil {
			s.t.Error(err)
		}
		pids = append(append(pids, p.Pid()), below...)
	}
	return pids
}

// workers returns the process ids of the workers that run now.
func (s *system) workers() []int {
	s.t.Helper()
	if s.leader != nil {
		pids, err := s.leader.Descendants()
		if err != nil {
			s.t.Fatal(err)
		}
		slices.Sort(pids)
		return pids
	}
	var pids []int
	for _, name := range s.apart.Names("worker") {
		p := s.apart.Process(name)
		select {
		case <-p.Exited():
		default:
			pids = append(pids, p.Pid())
		}
	}
	return pids
}

// addWorker starts one more worker, in the way that fits the system, and
// returns its process.
func (s *system) addWorker() *proc.Process {
	s.t.Helper()
	if s.apart != nil {
		p, err := s.apart.AddWorker(deadline(s.t, patience))
		if err != nil {
			s.t.Fatal(err)
		}
		return p
	}
	return s.start("worker", "--broker", "ipc://"+filepath.Join(s.data, "sockets", "broker.ipc"))
}

// start starts one more process beside the system, for as long as the test
// runs, and returns it once it is ready.
func (s *system) start(args ...string) *proc.Process {
	s.t.Helper()
	p, err := proc.Start(deadline(s.t, patience), proc.Spec{
		Name: args[0], Bin: self(s.t), Env: environment(), Args: args,
		LogFile: filepath.Join(s.logs, args[0]+"-beside.log"),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.KillGroup() })
	if _, err := p.Ready(deadline(s.t, patience)); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// part returns the current process of a role that runs apart.
func (s *system) part(name string) *proc.Process {
	s.t.Helper()
	p := s.apart.Process(name)
	if p == nil {
		s.t.Fatalf("no part %s", name)
	}
	return p
}

// coordinator is the endpoint at which the system can be watched.
func (s *system) coordinator() string {
	s.t.Helper()
	if s.apart != nil {
		return s.apart.Endpoints("coordinator", "subscribe")[0]
	}
	running, err := config.ReadRunning(s.data)
	if err != nil {
		s.t.Fatal(err)
	}
	return running.Coordinator
}

// A functionState is what GET /functions says of a function.
type functionState struct {
	Name                      string
	Workers, Waiting, Running int
}

// echoState is how /echo is, as the frontend sees it.
func (s *system) echoState() (functionState, error) {
	resp, err := s.client.Get(s.url + "/functions/echo")
	if err != nil {
		return functionState{}, err
	}
	defer resp.Body.Close()
	var state functionState
	if resp.StatusCode != http.StatusOK {
		return state, fmt.Errorf("GET /functions/echo: %s", resp.Status)
	}
	return state, json.NewDecoder(resp.Body).Decode(&state)
}

// awaitWorkers waits until n workers have joined.
func (s *system) awaitWorkers(n int) {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		state, err := s.echoState()
		if err == nil && state.Workers != n {
			err = fmt.Errorf("%d workers have joined, want %d", state.Workers, n)
		}
		return err
	})
}

// awaitHeld waits until n jobs are in the system: waiting or at a worker.
func (s *system) awaitHeld(n int) {
	s.t.Helper()
	eventually(s.t, patience, func() error {
		state, err := s.echoState()
		if err == nil && state.Waiting+state.Running != n {
			err = fmt.Errorf("%d jobs wait and %d run, want %d together", state.Waiting, state.Running, n)
		}
		return err
	})
}

// pause stops processes and returns once none of their threads runs.
func pause(t testing.TB, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range pids {
		eventually(t, patience, func() error {
			files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			if err != nil || len(files) == 0 {
				return fmt.Errorf("process %d is not there: %v", pid, err)
			}
			for _, file := range files {
				stat, err := os.ReadFile(file)
				if err != nil {
					continue // a thread that has ended
				}
				if state := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])[0]; string(state) != "T" {
					return fmt.Errorf("a thread of %d is in state %s", pid, state)
				}
			}
			return nil
		})
	}
}

// resume lets paused processes go on.
func resume(t testing.TB, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

// kill ends a process as a crash would, and returns once its parent has been
// told: only then have all its threads ended and its sockets been closed.
func kill(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() error {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		if err == nil {
			err = fmt.Errorf("process %d is still there", pid)
		} else if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return err
	})
}

// residentBytes is the memory of a process that is in RAM.
func residentBytes(t testing.TB, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatalf("process %d has no VmRSS", pid)
	return 0
}

// eventually waits until check finds nothing to complain about.
func eventually(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for err := check(); err != nil; err = check() {
		if time.Since(began) >= limit {
			t.Fatalf("after %s still: %v", limit, err)
		}
		<-tick.C
	}
}

// deadline is a context for one step of the test.
func deadline(t testing.TB, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, errors.New("the test has waited "+limit.String()))
	t.Cleanup(cancel)
	return ctx
}
