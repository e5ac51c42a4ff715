package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"faasd/internal/config"
	"faasd/internal/operator"
	"faasd/tui"
)

// A pane is a terminal, of tmux's, with a program in it.
type pane struct {
	t      *testing.T
	socket string
	status string // a file that has the program's exit code when it has ended
}

// openPane runs a command in a terminal of that size.
func openPane(t *testing.T, w, h int, env []string, command ...string) *pane {
	t.Helper()
	dir, err := os.MkdirTemp("", "pane") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	p := &pane{t, filepath.Join(dir, "s"), filepath.Join(dir, "code")}
	line := strings.Join(command, " ") + "; echo $? > " + p.status
	args := append([]string{"env", "-u", "NO_COLOR", "LC_ALL=C.UTF-8"}, env...)
	p.tmux("new-session", "-d", "-x", fmt.Sprint(w), "-y", fmt.Sprint(h), strings.Join(append(args, "sh", "-c", quote(line)), " "))
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", p.socket, "kill-server").Run() // it ends by itself when the program has
		_ = os.RemoveAll(dir)
	})
	return p
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-f", "/dev/null", "-S", p.socket}, args...)...)
	cmd.Env = environ("TERM=xterm-256color")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (p *pane) keys(keys ...string) { p.t.Helper(); p.tmux(append([]string{"send-keys"}, keys...)...) }

func (p *pane) screen() string {
	out, _ := exec.Command("tmux", "-S", p.socket, "capture-pane", "-p").Output() // empty once it has ended
	return string(out)
}

// shows waits until the screen matches all patterns.
func (p *pane) shows(patterns ...string) string {
	p.t.Helper()
	for _, pattern := range patterns {
		re := regexp.MustCompile(pattern)
		eventually(p.t, func() bool { return re.MatchString(p.screen()) }, func() string {
			return fmt.Sprintf("%q is not on the screen:\n%s", pattern, p.screen())
		})
	}
	return p.screen()
}

// isDrawnAnew waits until so many pictures have come, one a second.
func (p *pane) isDrawnAnew(times int) {
	p.t.Helper()
	up := regexp.MustCompile(`up [0-9.]+m?s`)
	for range times {
		last := up.FindString(p.screen())
		eventually(p.t, func() bool { return up.FindString(p.screen()) != last }, p.screen)
	}
}

// ends waits until the program has ended, and returns its exit code.
func (p *pane) ends() string {
	p.t.Helper()
	var code []byte
	eventually(p.t, func() bool {
		code, _ = os.ReadFile(p.status)
		return len(code) > 0
	}, func() string { return "it has not ended:\n" + p.screen() })
	return strings.TrimSpace(string(code))
}

// eventually waits for a condition.
func eventually(t *testing.T, ok func() bool, why func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(why())
		}
	}
}

func TestTheScreenOfARunningSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	up := startUp(t, dir)
	p := openPane(t, 100, 30, nil, binary(t, "faasctl"), "top", "--data", dir)
	p.shows(`LIVE 1s`, `READ-WRITE`, `Queues 3`, `queueA +ok`, `queueB +ok`, `queueC +ok`, `workers 3 up`)
	for range 50 {
		answered(t, post(t, httpOf(t, up), "x"), "x")
	}
	p.shows(`in [1-9]`, `p99 [0-9.]+ms`)

	victim := regexp.MustCompile(`(?m)^> (w-[0-9a-f]+)`).FindStringSubmatch(p.shows(`(?m)^> w-`))[1]
	p.keys("Tab", "K")
	p.shows(`KILL 1 worker`, regexp.QuoteMeta(victim)+` on `, `> Cancel`)
	p.keys("Tab", "Tab")
	p.shows(`> Kill`)
	p.isDrawnAnew(2) // Enter does not count before a dialog has been seen
	p.keys("Enter")
	p.shows(`kill `+victim+` gone`, victim+` .*killed`, `1 killed`, `all is well`, `workers 3 up`) // and replaced

	p.keys("t")
	p.shows(`Acceptance tests`)
	p.keys("Enter")
	p.shows(`1 passed`, `✓ .*POST /echo is answered`)
	p.keys("Down", "Enter")
	p.shows(`2 running`)
	p.keys("q") // the test's system ends with the screen
	if code := p.ends(); code != "0" {
		t.Errorf("exit code %s", code)
	}
}

func TestTheScreenOutlivesItsSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	up := startUp(t, dir)
	p := openPane(t, 80, 24, nil, binary(t, "faasctl"), "top", "--data", dir)
	p.shows(`LIVE`, `queueC +ok`)
	if err := up.Kill(); err != nil {
		t.Fatal(err)
	}
	p.shows(`STALE [3-9]`, `queueC +ok`, `not heard for`)
	p.keys("K")
	p.shows(`nothing can be done while the system is not heard`)
	startUp(t, dir)
	p.shows(`LIVE 1s`, `queueC +ok`, `all is well`)
	p.tmux("resize-window", "-x", "100", "-y", "40")
	p.tmux("resize-window", "-x", "40", "-y", "10")
	p.shows(`too small`)
	p.tmux("resize-window", "-x", "60", "-y", "15")
	p.shows(`queueC +ok`)
	p.keys("C-c")
	if code := p.ends(); code != "0" {
		t.Errorf("exit code %s", code)
	}
}

func TestNoColourIsNoColourOnTheScreen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	p := openPane(t, 80, 24, []string{"NO_COLOR=1", "LC_ALL=C"}, binary(t, "faasctl"), "top", "--data", dir)
	p.shows(`(?m)^> queueA`, `LIVE`)
	if out := p.tmux("capture-pane", "-p", "-e"); strings.Contains(out, "\x1b[") {
		t.Errorf("there are colours:\n%q", out)
	}
	for _, r := range p.screen() {
		if r > 0x7e {
			t.Errorf("LC_ALL=C, and a %q on the screen", r)
			break
		}
	}
}

func TestSnapshotsForPrograms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	bin := binary(t, "faasctl")
	for _, args := range [][]string{{"top"}, {"top", "--once"}} { // not a terminal
		r := runProgram(t, nil, bin, append(args, "--data", dir)...)
		if r.code != 0 || !strings.Contains(r.out, "Queues 3") || !strings.Contains(r.out, "in 0/s") || strings.Contains(r.out, "\x1b") {
			t.Errorf("%v: exit code %d, %s%s", args, r.code, r.out, r.err)
		}
	}
	var s tui.Record
	r := runProgram(t, nil, bin, "top", "--json", "--data", dir)
	if err := json.Unmarshal([]byte(r.out), &s); err != nil || len(s.Picture.Queues) != 3 || !ratesKnown(s.Picture) {
		t.Errorf("--json: %v, %s", err, r.out)
	}
	if r := runProgram(t, nil, bin, "top", "--json", "--once", "--data", dir); r.code != config.ExitUsage {
		t.Errorf("two outputs: exit code %d, %s", r.code, r.err)
	}
	if r := runProgram(t, nil, bin, "top", "--data", t.TempDir()); r.code != config.ExitNoCluster || strings.Count(r.err, "\n") != 1 {
		t.Errorf("no cluster: exit code %d, %s", r.code, r.err)
	}
}

func TestPlainLinesAndWatchedSnapshotsEndWithCtrlC(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	for flag, want := range map[string]string{"--plain": "all is well. in 0/s", "--watch": `"picture":{`} {
		cmd := exec.Command(binary(t, "faasctl"), "top", flag, "--interval", "250ms", "--data", dir)
		cmd.Env = environ()
		var out syncBuffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return strings.Contains(out.String(), want) }, func() string { return flag + ": " + out.String() })
		if flag == "--plain" {
			workers := settled(t, dir, 3).Workers
			mustCtl(t, dir, "kill", workers[0].Name)
			eventually(t, func() bool { return strings.Contains(out.String(), workers[0].Name+" lost") }, out.String)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ends with %v: %s", flag, err, out.String())
		}
	}
}

// bubbletea asks the terminal for its background when a program starts, and can
// wait for seconds where nothing answers.
func TestNoCommandAsksTheTerminalAnything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startUp(t, dir)
	bin := binary(t, "faasctl")
	for _, args := range [][]string{{"--help"}, {"version"}, {"status", "--data", dir}, {"top", "--data", dir}, {"top", "--once", "--data", dir}, {"test", "--help"}} {
		master, slave := pseudoTerminal(t)
		cmd := exec.Command(bin, args...)
		cmd.Env = environ("TERM=xterm-256color", "LC_ALL=C.UTF-8")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var out syncBuffer
		copied := make(chan struct{})
		go func() { defer close(copied); _, _ = io.Copy(&out, master) }() // ends with the terminal
		if args[0] == "top" && len(args) == 3 {
			eventually(t, func() bool { return strings.Contains(out.String(), "queueC") }, out.String)
			if _, err := master.WriteString("q"); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		slave.Close()
		<-copied
		for _, question := range []string{"\x1b]10;?", "\x1b]11;?", "\x1b[6n", "\x1b[c", "\x1b[>c"} {
			if strings.Contains(out.String(), question) {
				t.Errorf("%v asks the terminal %q", args, question)
			}
		}
	}
}

func TestTheLocaleSaysWhetherThereIsUnicode(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"LANG": "es_ES.UTF-8"}, true}, {map[string]string{"LANG": "C.utf8"}, true}, {map[string]string{"LANG": "C"}, false},
		{map[string]string{"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, false}, {nil, false}, {map[string]string{"LC_CTYPE": "UTF-8", "LANG": "C"}, true},
	} {
		if got := unicode(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %t", c.env, got)
		}
	}
}

func TestASnapshotWaitsUntilAllRatesAreKnown(t *testing.T) {
	known, unknown := operator.Rates{Known: true}, operator.Rates{}
	queue := func(state string, rates operator.Rates) operator.Queue {
		return operator.Queue{Part: operator.Part{State: state}, Rates: rates}
	}
	worker := func(state string, rates operator.Rates) (w operator.Worker) {
		w.State, w.Rates = state, rates
		return w
	}
	for _, c := range []struct {
		name   string
		totals operator.Rates
		queue  operator.Queue
		worker operator.Worker
		want   bool
	}{
		{"all", known, queue(operator.StateOK, known), worker(operator.WorkerUp, known), true},
		{"no frontend's", unknown, queue(operator.StateOK, known), worker(operator.WorkerUp, known), false},
		{"not a queue's", known, queue(operator.StateNoWorker, unknown), worker(operator.WorkerUp, known), false},
		{"not a worker's", known, queue(operator.StateOK, known), worker(operator.WorkerUp, unknown), false},
		{"those that are lost have none", known, queue(operator.StateLost, unknown), worker(operator.StateLost, unknown), true},
	} {
		p := operator.Picture{Totals: operator.Totals{Rates: c.totals}, Queues: []operator.Queue{c.queue}, Workers: []operator.Worker{c.worker}}
		if got := ratesKnown(p); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// The screen needs of an operator no more than this.
var _ tui.System = (*operator.Operator)(nil)

// syncBuffer is written to by a program while a test reads it.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
