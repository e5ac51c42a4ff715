package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"faasd/internal/config"
)

func settings(t *testing.T) Up {
	return Up{
		Limits: limits, Results: Window{1000, 64 << 20}, HTTP: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"),
		Queues: 3, Workers: 3, Slots: 4, Requests: Requests{Timeout: 20 * time.Second, MaxWait: time.Second, Attempts: config.ByFunction{All: 3}}, Grace: 10 * time.Second,
		Log: config.Log{Level: "warn", Format: "text"},
	}
}

// up starts a system and waits until it listens.
func up(t *testing.T, u Up) (*running, string) {
	t.Helper()
	listening := make(chan string, 1)
	r := start(t, func(ctx context.Context) error {
		return RunUp(ctx, u, quiet, func(url, _ string) { listening <- url })
	})
	select {
	case url := <-listening:
		return r, url
	case err := <-r.ended:
		r.ended <- nil
		t.Fatalf("it ended before it listened: %v", err)
	case <-time.After(patience):
		t.Fatal("it does not listen")
	}
	return nil, ""
}

// files lists what is in a folder and below, but for logs.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if name, _ := filepath.Rel(dir, path); name != "." && !strings.HasPrefix(name, logFolder) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestUpAnswersThroughRealWorkersAndLeavesNothing(t *testing.T) {
	u := settings(t)
	r, url := up(t, u)
	queues, workers := map[string]int{}, map[string]int{}
	requests := 0
	within(t, "three queues and three workers have answered", func() bool { // the first worker that joins is enough to listen
		requests++
		h := echo(t, url, fmt.Sprint("body ", requests))
		queues[h.Get("X-Faasd-Queue")]++
		workers[h.Get("X-Faasd-Worker")]++
		if h.Get("X-Faasd-Attempt") != "1" {
			t.Errorf("answered at attempt %s", h.Get("X-Faasd-Attempt"))
		}
		return len(queues) == 3 && len(workers) == 3 && requests >= 30
	})
	if queues[""] != 0 || workers[""] != 0 {
		t.Errorf("answered by queues %v and workers %v", queues, workers)
	}
	run, err := config.ReadRunning(u.Data)
	if err != nil || run.HTTP != url || run.PID != os.Getpid() || !strings.HasPrefix(run.Coordinator, "ipc://") {
		t.Errorf("operators are told %+v, %v", run, err)
	}
	within(t, "the metrics count the requests", func() bool {
		m, err := http.Get(url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer m.Body.Close()
		text, _ := io.ReadAll(m.Body)
		return strings.Contains(string(text), `faasd_http_requests_total{status="200"} 3`) &&
			strings.Contains(string(text), `faasd_bus_sent_messages_total{link="replies",name="broker1",role="broker"}`)
	})
	r.end()
	left := slices.DeleteFunc(files(t, u.Data), func(name string) bool { return strings.HasPrefix(name, storeFolder) })
	if !slices.Equal(left, []string{lockFile}) {
		t.Errorf("in the data folder are left %v, want the lock file and what is deployed alone", left)
	}
	if c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://")); err == nil {
		_ = c.Close()
		t.Error("the port is still open")
	}
}

func TestUpCanBeStartedAgainOnTheSameFolder(t *testing.T) {
	u := settings(t)
	for range 2 {
		r, url := up(t, u)
		echo(t, url, "x")
		r.end()
	}
}

func TestAFolderTakesOneSystem(t *testing.T) {
	u := settings(t)
	r, url := up(t, u)
	second := u
	err := RunUp(context.Background(), second, quiet, func(string, string) { t.Error("the second one listens") })
	if err == nil || !strings.Contains(err.Error(), u.Data) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("%v, want an error that names the folder and the process", err)
	}
	echo(t, url, "the first is not disturbed")
	r.end()
}

func TestATakenPortIsOneClearErrorAndNothingIsLeft(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u := settings(t)
	u.HTTP = l.Addr().String()
	err = RunUp(context.Background(), u, quiet, func(string, string) { t.Error("it listens") })
	if err == nil || !strings.Contains(err.Error(), u.HTTP) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want one line that names %s", err, u.HTTP)
	}
	if _, err := os.Lstat(u.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data folder, which was not there before: %v", err)
	}
}

func TestWithoutWorkersRequestsWait(t *testing.T) {
	u := settings(t)
	u.Workers = 0
	u.Timeout = 300 * time.Millisecond
	r, url := up(t, u)
	answer, err := http.Post(url+"/echo", "", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("status %d without a worker, want 504", answer.StatusCode)
	}
	r.end()
}

func TestAWorkerThatDiesIsStartedAgain(t *testing.T) {
	u := settings(t)
	u.Workers = 1
	r, url := up(t, u)
	before := echo(t, url, "x").Get("X-Faasd-Worker")
	killed := false
	for _, pid := range children(t) {
		p, err := os.FindProcess(pid)
		if err == nil && p.Kill() == nil {
			killed = true
		}
	}
	if !killed {
		t.Fatal("it has no child process")
	}
	if after := echo(t, url, "y").Get("X-Faasd-Worker"); after == before {
		t.Errorf("answered by %s, which is dead", after)
	}
	r.end()
	if left := children(t); len(left) != 0 {
		t.Errorf("children are left: %v", left)
	}
}

// children lists the child processes of this one.
func children(t *testing.T) (pids []int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		b, _ := os.ReadFile(task) // the thread may have ended
		for _, field := range strings.Fields(string(b)) {
			var pid int
			if _, err := fmt.Sscan(field, &pid); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
