// Package process runs the processes of functions.
package process

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// Spec says what to start and within which bounds.
type Spec struct {
	Path   string   // the program, absolute
	Args   []string // arguments without the program
	Env    []string // all that the child gets
	Dir    string   // its working folder
	Memory int64    // bytes that the whole tree may use; 0: no limit
	Stdin  *os.File // nil: /dev/null; stays the caller's, who may close it after Start

	Stdout, Stderr io.Writer // what it writes is copied there as it comes; nil: thrown away
}

// Guard starts processes and sees to it that none outlives its worker.
type Guard struct {
	log *slog.Logger
}

// NewGuard makes a guard. A program that has one must call Main first of all.
func NewGuard(log *slog.Logger) *Guard { return &Guard{log: log} }

// Main turns this process into a guard and does not return, if it was started
// as one; else it does nothing. It must come first in main, and in TestMain.
func Main() {}

// Close kills all that the guard has started.
func (g *Guard) Close() error { return nil }

// Process is a running or ended process of a function.
type Process struct {
	cmd     *exec.Cmd
	exited  chan struct{}
	drained chan struct{}
}

// Start starts a process.
func (g *Guard) Start(s Spec) (*Process, error) {
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Env, cmd.Dir = s.Env, s.Dir
	if s.Stdin != nil {
		cmd.Stdin = s.Stdin
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p := &Process{cmd: cmd, exited: make(chan struct{}), drained: make(chan struct{})}
	var copies sync.WaitGroup
	var ends []*os.File
	pipe := func(w io.Writer) (*os.File, error) {
		if w == nil {
			return nil, nil
		}
		r, child, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		ends = append(ends, child)
		copies.Go(func() {
			_, _ = io.Copy(w, r)
			_ = r.Close()
		})
		return child, nil
	}
	out, err1 := pipe(s.Stdout)
	errs, err2 := pipe(s.Stderr)
	if out != nil {
		cmd.Stdout = out
	}
	if errs != nil {
		cmd.Stderr = errs
	}
	err := errors.Join(err1, err2)
	if err == nil {
		err = cmd.Start()
	}
	for _, f := range ends {
		_ = f.Close()
	}
	if err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait()
		close(p.exited)
	}()
	go func() {
		copies.Wait()
		close(p.drained)
	}()
	return p, nil
}

// Pid is the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended. Descendants that it left are
// killed shortly after.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Drained is closed when all that its tree has written is copied.
func (p *Process) Drained() <-chan struct{} { return p.drained }

// Ended says how it ended, such as "exit status 1" or "signal: killed". Only
// valid once Exited is closed.
func (p *Process) Ended() string { return p.cmd.ProcessState.String() }

// ExitCode is its exit code, -1 if a signal ended it. Only valid once Exited is
// closed.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// OutOfMemory says whether the memory limit ended it. Only valid once Exited is
// closed.
func (p *Process) OutOfMemory() bool { return false }

// Terminate asks the process and its group to end: SIGTERM.
func (p *Process) Terminate() { _ = syscall.Kill(-p.Pid(), syscall.SIGTERM) }

// Kill ends the whole tree.
func (p *Process) Kill() { _ = syscall.Kill(-p.Pid(), syscall.SIGKILL) }
