package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"syscall"
)

// run runs a program to its end, and returns what it printed on standard output. When ctx ends, the program and all that it has
// started are ended; its temporary files are in the starter's folder, and go with that.
func (s *starter) run(ctx context.Context, program string, args ...string) (output []byte, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var said bytes.Buffer
	stdout := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, &said
	cmd.Dir = s.folder // so that no other module's go.mod counts
	cmd.Env = append(cleanEnvironment(), "TMPDIR="+s.folder, "GOTMPDIR="+s.folder, "GOBIN="+s.folder, "GOFLAGS=")
	// In a group of its own, as the other children: Ctrl-C in the terminal reaches this program only.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	group := func(signal syscall.Signal) error { return syscall.Kill(-cmd.Process.Pid, signal) }
	cmd.Cancel = func() error { return group(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	if err := s.spawn(cmd); err != nil {
		return nil, err
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		_ = group(syscall.SIGKILL) // what of it has not minded SIGTERM
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(append(said.Bytes(), stdout.Bytes()...)))
	}
	return stdout.Bytes(), nil
}
