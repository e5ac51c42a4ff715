package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
)

// An attempt is what came of starting the program.
type attempt struct {
	code           int
	stdout, stderr string
}

// try runs the program, which is expected to fail, to its end, and fails the
// test if a process of it is left.
func try(t testing.TB, env []string, args ...string) attempt {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self(t), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, config.Prefix) {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(append(cmd.Env, environment()...), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		t.Fatalf("it runs, though it cannot:\n%s%s", &stdout, &stderr)
	}
	if err := syscall.Kill(-cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		t.Errorf("a process is left: %v", err)
	}
	return attempt{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// mustSay fails the test unless the program ended with that code and one line,
// in which all of the words stand.
func (a attempt) mustSay(t testing.TB, code int, words ...string) {
	t.Helper()
	if a.code != code {
		t.Errorf("exit code %d, want %d", a.code, code)
	}
	if a.stdout != "" {
		t.Errorf("standard output: %s", a.stdout)
	}
	if strings.Count(a.stderr, "\n") != 1 || !strings.HasSuffix(a.stderr, "\n") || !strings.HasPrefix(a.stderr, "faasd") {
		t.Errorf("standard error is not one line that begins with the program's name:\n%s", a.stderr)
	}
	for _, word := range words {
		if !strings.Contains(a.stderr, word) {
			t.Errorf("standard error does not have %q:\n%s", word, a.stderr)
		}
	}
}

// takenPort is an address that somebody listens on.
func takenPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// aFile is a file that is not a folder and not a socket.
func aFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
			t.Errorf("the file now holds %q, %v", text, err)
		}
	})
	return path
}

const (
	// notOurs is an address of no machine (RFC 5737).
	notOurs = "192.0.2.1"
	free    = "tcp://127.0.0.1:0"
)

func TestWhatCannotStartSaysWhyInOneLineAndLeavesNothing(t *testing.T) {
	t.Parallel()
	taken, file := takenPort(t), aFile(t)
	broker := func(args ...string) []string {
		return append([]string{"broker", "--frontend-bind", free, "--worker-bind", free, "--job-bind", free, "--response-bind", free}, args...)
	}
	frontend := func(args ...string) []string {
		return append([]string{"frontend", "--http", "127.0.0.1:0", "--reply-bind", free}, args...)
	}
	up := func(args ...string) []string { return append([]string{"up", "--http", "127.0.0.1:0"}, args...) }
	for _, c := range []struct {
		name string
		env  []string
		args []string // {data} is a folder of its own
		code int
		says []string
	}{
		{"up on a taken port", nil, up("--data", "{data}", "--http", taken), config.ExitFailed, []string{taken, "in use", "--http"}},
		{"up with metrics on a taken port", nil, up("--data", "{data}", "--metrics", taken), config.ExitFailed, []string{taken, "in use", "--metrics"}},
		{"up on an address of another machine", nil, up("--data", "{data}", "--http", notOurs+":0"), config.ExitFailed, []string{notOurs, "--http"}},
		{"up on no address", nil, up("--data", "{data}", "--http", "nonsense"), config.ExitUsage, []string{"--http", "nonsense"}},
		{"up in a folder below a file", nil, up("--data", file+"/data"), config.ExitFailed, []string{file + "/data", "--data"}},
		{"up in a file", nil, up("--data", file), config.ExitFailed, []string{file, "--data"}},
		{"up in a folder that cannot be written", nil, up("--data", "/proc/faasd"), config.ExitFailed, []string{"/proc/faasd", "--data"}},
		{"up without queues", nil, up("--data", "{data}", "--queues", "0"), config.ExitUsage, []string{"--queues", `"0"`}},
		{"up with a number of workers that is none", nil, up("--data", "{data}", "--workers", "many"), config.ExitUsage, []string{"--workers", `"many"`}},
		{"up with attempts of no number", nil, up("--data", "{data}", "--attempts", "3,mail"), config.ExitUsage, []string{"--attempts", `"mail"`, "mail=N"}},
		{"up with bodies that its window has no room for", nil, up("--data", "{data}", "--max-body", "100MiB"), config.ExitUsage,
			[]string{"--max-body 100MiB", "--window-bytes 256MiB", "to 64MiB", "to 400MiB"}},
		{"up with a window that has room for no body", nil, up("--data", "{data}", "--window-bytes", "3"), config.ExitUsage,
			[]string{"much open; raise --window-bytes to 24MiB"}},
		{"up on a port that is none", nil, []string{"up", "--data", "{data}", "--http", "127.0.0.1:99999"}, config.ExitUsage, []string{"--http", "99999"}},
		{"up with no attempt", nil, up("--data", "{data}", "--attempts", "0"), config.ExitUsage, []string{"--attempts", `"0"`}},
		{"up with an unusable variable", []string{"FAASD_QUEUES=some"}, up("--data", "{data}"), config.ExitUsage, []string{"FAASD_QUEUES", `"some"`}},
		{"up with an unusable level", []string{"FAASD_LOG_LEVEL=loud"}, up("--data", "{data}"), config.ExitUsage, []string{"FAASD_LOG_LEVEL", `"loud"`}},
		{"an unknown flag", nil, up("--data", "{data}", "--worker", "3"), config.ExitUsage, []string{"--worker", "--workers"}},
		{"an unknown command", nil, []string{"upp"}, config.ExitUsage, []string{"upp", "did you mean up"}},
		{"an argument too many", nil, up("--data", "{data}", "now"), config.ExitUsage, []string{"now"}},
		{"a flag without its value", nil, []string{"up", "--http"}, config.ExitUsage, []string{"--http"}},

		{"broker on a taken port for frontends", nil, broker("--frontend-bind", "tcp://"+taken), config.ExitFailed, []string{"frontends", taken}},
		{"broker on a taken port for queues", nil, broker("--response-bind", "tcp://"+taken), config.ExitFailed, []string{"responses", taken}},
		{"broker on an address of another machine", nil, broker("--job-bind", "tcp://"+notOurs+":8447"), config.ExitFailed, []string{"jobs", notOurs}},
		{"broker on a host name", nil, broker("--worker-bind", "tcp://example.org:8558"), config.ExitUsage, []string{"--worker-bind", "example.org"}},
		{"broker with a port that is none", nil, broker("--worker-bind", "tcp://127.0.0.1:99999"), config.ExitUsage, []string{"--worker-bind", "99999"}},
		{"broker on a file that is no socket", nil, broker("--worker-bind", "ipc://"+file), config.ExitFailed, []string{"workers", file}},
		{"broker in a folder that is not there", nil, broker("--worker-bind", "ipc://"+filepath.Dir(file)+"/none/socket"), config.ExitFailed, []string{"workers", "none"}},
		{"broker with a path that is too long", nil, broker("--worker-bind", "ipc:///tmp/"+strings.Repeat("x", 120)), config.ExitUsage, []string{"--worker-bind", "107"}},
		{"frontend on a taken port", nil, frontend("--http", taken), config.ExitFailed, []string{taken, "--http"}},
		{"frontend on a taken port for replies", nil, frontend("--reply-bind", "tcp://"+taken), config.ExitFailed, []string{"replies", taken}},
		{"frontend with a timeout that is none", []string{"FAASD_TIMEOUT=soon"}, frontend(), config.ExitUsage, []string{"FAASD_TIMEOUT", "soon"}},
		{"frontend with such bodies", nil, frontend("--window-bytes", "16MiB"), config.ExitUsage, []string{"--max-body 6MiB", "--window-bytes 16MiB"}},
		{"broker with such bodies", nil, broker("--window-bytes", "16MiB"), config.ExitUsage, []string{"--max-body 6MiB", "--window-bytes 16MiB"}},
		{"queue with such bodies", nil, []string{"queue", "--worker-bind", free, "--name", "queueA", "--window-bytes", "16MiB"}, config.ExitUsage, []string{"--max-body 6MiB"}},
		{"coordinator on a taken port", nil, []string{"coordinator", "--publish-bind", free, "--subscribe-bind", "tcp://" + taken}, config.ExitFailed, []string{"subscribe", taken}},
		{"queue on a taken port", nil, []string{"queue", "--name", "queueA", "--worker-bind", "tcp://" + taken}, config.ExitFailed, []string{"workers", taken}},
		{"queue without a name", nil, []string{"queue", "--worker-bind", free}, config.ExitUsage, []string{"--name"}},
		{"queue with a route's name", nil, []string{"queue", "--worker-bind", free, "--name", "functions"}, config.ExitUsage, []string{"--name", "functions"}},
		{"queue with a name of two words", nil, []string{"queue", "--worker-bind", free, "--name", "q a"}, config.ExitUsage, []string{"--name", `"q a"`}},
		{"queue with half a broker", nil, []string{"queue", "--worker-bind", free, "--name", "queueA", "--broker", "tcp://a:1,tcp://b:1", "--broker-jobs", "tcp://a:2"}, config.ExitUsage, []string{"--broker", "--broker-jobs"}},
		{"queue with two brokers on a host", nil, []string{"queue", "--worker-bind", free, "--name", "queueA", "--broker", "tcp://a:1,tcp://a:2"}, config.ExitUsage, []string{"tcp://a:2", "--broker-jobs"}},
		{"worker with a broker's port 0", nil, []string{"worker", "--broker", free}, config.ExitUsage, []string{"--broker", "port 0"}},
		{"worker without slots", nil, []string{"worker", "--slots", "0"}, config.ExitUsage, []string{"--slots"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			args := make([]string, len(c.args))
			for i, arg := range c.args {
				args[i] = strings.ReplaceAll(arg, "{data}", data)
			}
			try(t, c.env, args...).mustSay(t, c.code, c.says...)
			if _, err := os.Lstat(data); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the data folder, which was not there before, is left: %v", err)
			}
		})
	}
}

func TestASecondUpOnTheSameFolderIsRefusedAndTheFirstGoesOn(t *testing.T) {
	t.Parallel()
	s := startUp(t)
	s.awaitWorkers(3)
	before, err := config.ReadRunning(s.data)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.data, link); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{s.data, s.data + "/../" + filepath.Base(s.data), link} {
		try(t, nil, "up", "--http", "127.0.0.1:0", "--data", data).
			mustSay(t, config.ExitFailed, data[strings.LastIndexByte(data, '/'):], "in use", "process id")
	}
	after, err := config.ReadRunning(s.data)
	if err != nil || after != before {
		t.Errorf("the note of the first says %+v, %v; before it was %+v", after, err, before)
	}
	allEchoed(t, s.sendEchoes(30))
	s.awaitWorkers(3)
}

// What stopped a start is no obstacle to the next one.
func TestUpStartsWhereOneHasFailedToStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	try(t, nil, "up", "--http", takenPort(t), "--data", data).mustSay(t, config.ExitFailed)
	s := startUpOn(t, data)
	s.awaitWorkers(3)
	s.mustEcho("at last")
}

func TestUpTakesAnyFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with, a comma", "with 'quotes\" and $signs", "día", "%41", "tcp:host", "*"} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), name)
			s := startUpOn(t, data, "--workers", "1")
			s.awaitWorkers(1)
			s.mustEcho("here")
			end(t, s.leader, syscall.SIGTERM, config.ExitOK)
			mustHaveLeft(t, data)
		})
	}
}
