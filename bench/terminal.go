package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// The size of the terminal.
const (
	terminalWidth  = 160
	terminalHeight = 50
)

const (
	// settled is the pause after which what came out of a terminal is taken for complete: frames are 17 ms apart.
	settled = 5 * time.Millisecond
	// showTimeout is for something to be seen.
	showTimeout = 10 * time.Second
)

// A terminal is a pseudo-terminal with `faasctl top` in it.
type terminal struct {
	*process
	master *os.File
	more   chan struct{} // something has come out; capacity 1

	mu   sync.Mutex // guards what follows
	out  []byte     // what has come out since the last key
	last time.Time  // when the last of it came
}

// openTerminal returns both ends of a pseudo-terminal.
func openTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	control := func(request uintptr, arg unsafe.Pointer) error {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(arg)); errno != 0 {
			return errno
		}
		return nil
	}
	var unlock, number int32
	size := [4]uint16{terminalHeight, terminalWidth}
	err = errors.Join(control(syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)), control(syscall.TIOCGPTN, unsafe.Pointer(&number)),
		control(syscall.TIOCSWINSZ, unsafe.Pointer(&size)))
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		_ = master.Close()
		return nil, nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	return master, slave, nil
}

// open shows a system on a screen, and returns once that is live.
func (s *starter) open(ctx context.Context, sys *system) (*terminal, error) {
	master, slave, err := openTerminal()
	if err != nil {
		return nil, err
	}
	defer func() { _ = slave.Close() }()
	t := &terminal{master: master, more: make(chan struct{}, 1)}
	cmd := exec.Command(faasctl(s.program), "top", "--data", sys.data)
	cmd.Stdin, cmd.Stdout = slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if t.process, err = s.launch("faasctl-top", cmd); err != nil {
		_ = master.Close()
		return nil, err
	}
	go t.read()
	if err := t.await(ctx, "LIVE"); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *terminal) read() {
	chunk := make([]byte, 64<<10)
	for {
		n, err := t.master.Read(chunk)
		if err != nil { // the program has ended
			return
		}
		t.mu.Lock()
		t.out, t.last = append(t.out, chunk[:n]...), time.Now()
		t.mu.Unlock()
		select {
		case t.more <- struct{}{}:
		default:
		}
	}
}

// await waits until a text has come out since the last key.
func (t *terminal) await(ctx context.Context, text string) error {
	timeout := time.NewTimer(showTimeout)
	defer timeout.Stop()
	for {
		t.mu.Lock()
		seen := bytes.Contains(t.out, []byte(text))
		t.mu.Unlock()
		if seen {
			return nil
		}
		select {
		case <-t.more:
		case <-t.exited:
			return t.failed(fmt.Sprintf("ended before it showed %q", text))
		case <-timeout.C:
			return t.failed(fmt.Sprintf("did not show %q within %v", text, showTimeout))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// press returns how long it takes from writing a key until a text that it brings to the screen has come out, with all
// that comes together with it.
func (t *terminal) press(ctx context.Context, key, brings string) (time.Duration, error) {
	t.mu.Lock()
	t.out = t.out[:0]
	t.mu.Unlock()
	pressed := time.Now()
	if _, err := t.master.WriteString(key); err != nil {
		return 0, err
	}
	if err := t.await(ctx, brings); err != nil {
		return 0, fmt.Errorf("key %q: %w", key, err)
	}
	for {
		select {
		case <-t.more:
		case <-time.After(settled):
			t.mu.Lock()
			defer t.mu.Unlock()
			return t.last.Sub(pressed), nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// close ends the program as its user would.
func (t *terminal) close() error {
	_, err := t.master.WriteString("q")
	select {
	case <-t.exited:
	case <-time.After(stopTimeout):
		err = errors.Join(err, fmt.Errorf("faasctl top did not end within %v of q", stopTimeout), stopAll([]*process{t.process}))
	}
	return errors.Join(err, t.status, t.master.Close())
}
