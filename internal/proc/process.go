// Package proc finds, starts, watches, pauses and kills faasd processes from
// outside, as an operator would. The acceptance, chaos and integration tests
// stand on it; it knows faasd by its command line and its standard output only.
//
// No process outlives the program that started it, however that one dies: each
// child is killed by the kernel with its parent (Pdeathsig) and holds a pipe
// whose end of file tells it so too ([config.LifelineVariable]).
package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"faasd/internal/config"
)

// Ready is what a process said in its ready line.
type Ready = config.Ready

// ErrExited says that a process ended before it said what was waited for.
var ErrExited = errors.New("exited")

// drainTime is how long the output of a process that has exited is waited
// for. It is all in the pipe already unless a surviving child of the process
// keeps the pipe open.
const drainTime = time.Second

// errorTail is how many lines of a process's log its errors quote.
const errorTail = 20

// Spec says what to start.
type Spec struct {
	Name    string   // in errors; "" is the program's file name
	Bin     string   // path of the program
	Args    []string // without the program's name
	Env     []string // added to this process's environment without its FAASD_ variables
	Dir     string   // working folder; "" is this process's
	LogFile string   // standard output and error are appended to it; "" for none
}

// Process is a started process, the leader of a process group of its own. Its
// methods may be called from several goroutines.
type Process struct {
	name     string
	cmd      *exec.Cmd
	lifeline *os.File // never written; its closing is the child's end
	out      *output
	exited   chan struct{} // closed once the process is reaped
}

// Start starts a process. The context bounds the start only: the process lives
// until it ends by itself, is stopped or killed, or this program ends.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Bin, err)
	}
	p := &Process{name: spec.Name, exited: make(chan struct{})}
	if p.name == "" {
		p.name = spec.Bin[strings.LastIndexByte(spec.Bin, '/')+1:]
	}
	p.cmd = exec.Command(spec.Bin, spec.Args...)
	p.cmd.Dir = spec.Dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.start(spec); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go p.reap()
	return p, nil
}

func (p *Process) start(spec Spec) (err error) {
	var opened []*os.File
	defer func() {
		if err != nil {
			closeAll(opened)
		}
	}()
	if p.out, err = newOutput(spec.LogFile); err != nil {
		return err
	}
	if p.out.log != nil {
		opened = append(opened, p.out.log)
	}
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
			opened = append(opened, r, w)
		}
		return r, w
	}
	outR, outW := pipe()
	errR, errW := pipe()
	lifeR, lifeW := pipe()
	if err != nil {
		return err
	}
	p.lifeline = lifeW
	p.cmd.Stdout, p.cmd.Stderr = outW, errW
	p.cmd.ExtraFiles = []*os.File{lifeR} // descriptor 3
	p.cmd.Env = append(cleanEnviron(), spec.Env...)
	p.cmd.Env = append(p.cmd.Env, config.LifelineVariable+"=3")
	if err = onStarter(p.cmd.Start); err != nil {
		return err
	}
	closeAll([]*os.File{outW, errW, lifeR})
	p.out.read(outR, errR)
	return nil
}

// reap waits for the process's end, on a goroutine of its own.
func (p *Process) reap() {
	_ = p.cmd.Wait() // what it says is in ProcessState too
	_ = p.lifeline.Close()
	close(p.exited)
}

// Name returns the name given in the [Spec].
func (p *Process) Name() string { return p.name }

// Pid returns the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited returns a channel that is closed once the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Tail returns the last n lines of standard output and error together; up to
// 200 are kept.
func (p *Process) Tail(n int) string { return p.out.tail(n) }

// Wait waits for the process to end and returns nil if it exited with code 0,
// else an error with its exit status and the tail of its log, or the context's
// error.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.exited:
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", p.name, context.Cause(ctx))
	}
	return p.result()
}

// result is what [Process.Wait] says of a process that has ended.
func (p *Process) result() error {
	p.drain()
	if state := p.cmd.ProcessState; !state.Success() {
		return fmt.Errorf("%s: %s%s", p.name, state, p.quote())
	}
	return nil
}

// ExitCode returns the exit code of a process that has ended, -1 while it runs
// and if a signal ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// Ended says how a process that has ended did, such as "signal: killed" or
// "exit status 1"; "" while it runs.
func (p *Process) Ended() string {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.String()
	default:
		return ""
	}
}

// Ready waits for the process's ready line: all its sockets are bound. If the
// process ends first the error wraps [ErrExited] and has the exit status and
// the tail of the log.
func (p *Process) Ready(ctx context.Context) (Ready, error) {
	return await(ctx, p, p.out.ready, "its ready line")
}

// Bound returns what the process has said so far that it bound for a link, by
// any of its ready lines: a frontend with a store has a second one, of its
// registrar. "" is nothing.
func (p *Process) Bound(link string) string {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	return p.out.bound[link]
}

// IsReady reports whether the process has said its ready line.
func (p *Process) IsReady() bool {
	select {
	case <-p.out.ready.made:
		return p.out.ready.err == nil
	default:
		return false
	}
}

// HTTP waits until the process serves HTTP and returns its URL, such as
// "http://127.0.0.1:3000". Its errors are those of [Process.Ready].
func (p *Process) HTTP(ctx context.Context) (string, error) {
	return await(ctx, p, p.out.http, "serving HTTP")
}

func await[T any](ctx context.Context, p *Process, said *announcement[T], what string) (T, error) {
	select {
	case <-said.made:
		return said.value, said.err
	case <-p.exited:
		p.drain()
	case <-ctx.Done():
	}
	select {
	case <-said.made: // among its last words
		return said.value, said.err
	default:
	}
	var none T
	select {
	case <-p.exited:
		return none, fmt.Errorf("%s %w before %s: %s%s", p.name, ErrExited, what, p.cmd.ProcessState, p.quote())
	default:
		return none, fmt.Errorf("wait for %s of %s: %w%s", what, p.name, context.Cause(ctx), p.quote())
	}
}

// drain waits until the output of the ended process has been read.
func (p *Process) drain() {
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-p.out.closed:
	case <-timer.C:
	}
}

// quote returns the tail of the log for the end of an error.
func (p *Process) quote() string {
	if tail := p.Tail(errorTail); tail != "" {
		return "\n" + tail
	}
	return ""
}

// cleanEnviron is this process's environment without faasd's settings, so that
// a test run inside a configured system tests the defaults.
func cleanEnviron() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, config.Prefix) {
			env = append(env, entry)
		}
	}
	return env
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
