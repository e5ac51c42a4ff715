package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 20 * time.Second // for a process to print what it is waited for
	stopTimeout  = 20 * time.Second // from SIGTERM to SIGKILL
	stopPromise  = 10 * time.Second // in which faasd promises to be gone; it is said if it was not
)

// A process is one child. Its standard output is read line by line; its standard error goes to a file that is shown
// if something goes wrong.
type process struct {
	name   string
	cmd    *exec.Cmd
	stderr string        // a file
	lines  chan string   // its standard output while somebody waits for a line of it
	listen chan struct{} // closed when nobody waits any more; output is thrown away from then on
	heard  sync.Once
	exited chan struct{} // closed once the process is gone
	status error         // why it is gone; read it only after exited is closed
}

// A starter starts children. All are started by one operating system thread that lives as long as this program, because
// the signal that the kernel sends them at their parent's death is sent at the death of the thread that started them.
type starter struct {
	folder    string // temporary files
	program   string // faasd
	functions string // folder of the functions that are deployed
	calls     chan func()
	started   int // only to number the files
}

func newStarter(folder, program, functions string) *starter {
	s := &starter{folder: folder, program: program, functions: functions, calls: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for call := range s.calls {
			call()
		}
	}()
	return s
}

// spawn starts a child on the thread that all are started by.
func (s *starter) spawn(cmd *exec.Cmd) error {
	result := make(chan error)
	s.calls <- func() { result <- cmd.Start() }
	return <-result
}

// process starts a program in a process group of its own: Ctrl-C in the terminal reaches this program only, which then
// ends its children in its own order.
func (s *starter) process(name, program string, args ...string) (*process, error) {
	stdout, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = write.Close() }()
	cmd := exec.Command(program, args...)
	cmd.Stdout = write
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p, err := s.launch(name, cmd)
	if err != nil {
		_ = stdout.Close()
		return nil, err
	}
	go p.read(stdout)
	return p, nil
}

// launch starts a child that dies with this program.
func (s *starter) launch(name string, cmd *exec.Cmd) (*process, error) {
	s.started++
	stderr, err := os.Create(filepath.Join(s.folder, fmt.Sprintf("%03d-%s.stderr", s.started, name)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = stderr.Close() }()
	p := &process{
		name:   name,
		cmd:    cmd,
		stderr: stderr.Name(),
		lines:  make(chan string),
		listen: make(chan struct{}),
		exited: make(chan struct{}),
	}
	cmd.Env = append(cleanEnvironment(), "XDG_STATE_HOME="+s.folder)
	cmd.Stderr = stderr
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	if err := s.spawn(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.status = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// cleanEnvironment is this program's without faasd's settings and those of Go's runtime, which would change what is measured,
// and with a terminal of one kind wherever this runs.
func cleanEnvironment() []string {
	env := []string{"TERM=xterm-256color", "LC_ALL=C.UTF-8"}
	left := []string{"TERM", "LC_ALL", "NO_COLOR", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG"}
	for _, setting := range os.Environ() {
		name, _, _ := strings.Cut(setting, "=")
		if !strings.HasPrefix(name, "FAASD_") && !slices.Contains(left, name) {
			env = append(env, setting)
		}
	}
	return env
}

func (p *process) read(stdout io.ReadCloser) {
	defer func() { _ = stdout.Close() }()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		select {
		case p.lines <- lines.Text():
		case <-p.listen:
		}
	}
	close(p.lines)
	_, _ = io.Copy(io.Discard, stdout) // after a line too long to scan, so that the process is not blocked
}

// await returns what pick makes of the first line of output that it accepts.
func (p *process) await(ctx context.Context, what string, pick func(line string) bool) error {
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				<-p.exited
				return p.failed("ended before it printed " + what)
			}
			if pick(line) {
				return nil
			}
		case <-timeout.C:
			return p.failed(fmt.Sprintf("did not print %s within %v", what, startTimeout))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// done lets the rest of the output pass unread.
func (p *process) done() { p.heard.Do(func() { close(p.listen) }) }

// alive returns an error if the process is gone.
func (p *process) alive() error {
	select {
	case <-p.exited:
		return p.failed("ended by itself")
	default:
		return nil
	}
}

// failed makes an error of what happened and the end of what the process said about it.
func (p *process) failed(what string) error {
	select {
	case <-p.exited:
		what += fmt.Sprintf(" (%v)", p.cmd.ProcessState)
	default:
	}
	said, _ := os.ReadFile(p.stderr)
	lines := strings.Split(string(bytes.TrimSpace(said)), "\n")
	tail := strings.Join(lines[max(0, len(lines)-10):], "\n    ")
	return fmt.Errorf("%s %s; on standard error it said:\n    %s", p.name, what, tail)
}

// stopAll asks all to end, the last started first, and kills those that do not within stopTimeout.
func stopAll(processes []*process) error {
	for i := len(processes) - 1; i >= 0; i-- {
		processes[i].done()
		_ = processes[i].cmd.Process.Signal(syscall.SIGTERM)
	}
	began, deadline := time.Now(), time.After(stopTimeout)
	late := false
	var err error
	for _, p := range processes {
		if !late {
			select {
			case <-p.exited:
				if took := time.Since(began); took > stopPromise {
					fmt.Fprintf(os.Stderr, "bench: %s took %v to end\n", p.name, took.Round(time.Millisecond))
				}
				continue
			case <-deadline:
				late = true
			}
		}
		select {
		case <-p.exited:
		default:
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // its process group, which p leads
			<-p.exited
			err = errors.Join(err, fmt.Errorf("%s did not end within %v of SIGTERM and was killed", p.name, stopTimeout))
		}
	}
	return err
}
