package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Signal sends a signal to the process, not to its children. A process that
// has ended is [os.ErrProcessDone].
func (p *Process) Signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("%s to %s: %w", sig, p.name, err)
	}
	return nil
}

// Stop asks the process to end (SIGTERM, and SIGCONT in case it is paused) and
// waits until it has. At the context's end it kills the process's whole group
// and returns an error. An exit code other than 0 is an error too; a process
// that had ended before is none.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			<-p.exited
			return nil
		}
		return err
	}
	_ = p.Signal(syscall.SIGCONT) // fails only if it has ended meanwhile
	select {
	case <-p.exited:
		return p.result()
	case <-ctx.Done():
		err := fmt.Errorf("%s did not stop and was killed: %w%s", p.name, context.Cause(ctx), p.quote())
		return errors.Join(err, p.KillGroup())
	}
}

// Kill ends the process with SIGKILL, as a crash would, and waits until it has
// ended. Its children are left to notice by themselves. A process that had
// ended before is no error.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return nil
}

// KillGroup ends the process and whatever is left of its group with SIGKILL
// and waits until the process has ended.
func (p *Process) KillGroup() error {
	// The group's id is not given to another process while the group has a
	// member, so this reaches no stranger as long as there is one to reach.
	if err := syscall.Kill(-p.Pid(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill the group of %s: %w", p.name, err)
	}
	<-p.exited
	return nil
}

// Pause stops the process (SIGSTOP), not its children, and returns once none
// of its threads runs any more. It must not be called at the same time as
// [Process.Resume].
func (p *Process) Pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return p.awaitStopped()
}

// Resume lets a paused process go on (SIGCONT).
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Arguments and results of waitid(2), from <linux/wait.h> and
// <asm-generic/siginfo.h>; package syscall has only its number.
const (
	pPid       = 1          // P_PID
	wStopped   = 0x00000002 // WSTOPPED
	wExited    = 0x00000004 // WEXITED
	wNoWait    = 0x01000000 // WNOWAIT: look, but leave it to be waited for
	cldStopped = 5          // CLD_STOPPED
)

// awaitStopped waits for the kernel to report the process stopped, which it
// does when the last thread has stopped, or ended.
func (p *Process) awaitStopped() error {
	var info struct { // siginfo_t is 128 bytes
		signo, errno, code int32
		_                  [29]int32
	}
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, pPid, uintptr(p.Pid()),
			uintptr(unsafe.Pointer(&info)), wStopped|wExited|wNoWait, 0, 0)
		switch {
		case errno == syscall.EINTR:
		case errno == 0 && info.code == cldStopped:
			return nil
		case errno == 0 || errno == syscall.ECHILD:
			return fmt.Errorf("pause %s: %w", p.name, os.ErrProcessDone)
		default:
			return fmt.Errorf("pause %s: %w", p.name, errno)
		}
	}
}
