package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

// LifelineVariable names the file descriptor of a pipe whose other end the
// starting process holds and never writes to. End of file says that the
// starter is gone, however it died, and the started process ends at once. It
// is kept beside Pdeathsig, which fires when the starting thread ends
// (golang/go#27505) and is lost across a change of user.
const LifelineVariable = Prefix + "LIFELINE_FD"

// WatchLifeline calls gone, once, on a goroutine of its own, when the pipe
// named by [LifelineVariable] ends. Without the variable it does nothing.
// Neither the descriptor nor the variable is passed on to children. [Main]
// calls it first of all.
func WatchLifeline(env func(string) string, gone func()) error {
	text := env(LifelineVariable)
	if text == "" {
		return nil
	}
	pipe, err := openPipe(text)
	if err != nil {
		return &ValueError{Source: LifelineVariable, Value: text, Err: err}
	}
	if err := os.Unsetenv(LifelineVariable); err != nil {
		return fmt.Errorf("unset %s: %w", LifelineVariable, err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, pipe)
		gone()
	}()
	return nil
}

// openPipe takes over the inherited descriptor that text gives the number of.
func openPipe(text string) (*os.File, error) {
	var stat syscall.Stat_t
	fd, err := strconv.Atoi(text)
	if err != nil || syscall.Fstat(fd, &stat) != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil, errors.New("not the number of an open pipe: leave it unset")
	}
	syscall.CloseOnExec(fd)
	// Non-blocking, so that the wait is the network poller's and costs no
	// thread.
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "lifeline"), nil
}
