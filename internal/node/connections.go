package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

const (
	// reservedFiles are kept for everything but HTTP connections: ZeroMQ's
	// sockets, child processes, logs. libzmq aborts the process when it cannot
	// accept a connection on an ipc endpoint for want of a descriptor, so
	// clients must not be able to take the last.
	reservedFiles = 512
	// leastConnections is what a frontend must be able to serve.
	leastConnections = 128

	// unsent is how many bytes of an answer the kernel takes beyond what it has
	// sent: else up to 4 MiB, of which a client must read a third before the
	// kernel takes more, and a slow one would look as if it did not read.
	unsent = 64 << 10
	// tcpNotSentLowat is TCP_NOTSENT_LOWAT of linux/tcp.h, which syscall lacks.
	tcpNotSentLowat = 25
)

// listen opens a listener for HTTP.
func listen(address string) (net.Listener, error) {
	c := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) (err error) { // its connections inherit it
		e := conn.Control(func(fd uintptr) {
			err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, unsent))
		})
		return errors.Join(e, err)
	}}
	c.SetMultipathTCP(false) // whose connections do not inherit it
	return c.Listen(context.Background(), "tcp", address)
}

// connections is how many HTTP connections may be open, by the process's limit on
// open files; more clients wait until others leave.
func connections() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("cannot read the limit on open files: %w", err)
	}
	if limit.Cur < reservedFiles+leastConnections {
		return 0, fmt.Errorf("the limit on open files is %d, and at least %d are needed; raise it with ulimit -n",
			limit.Cur, reservedFiles+leastConnections)
	}
	return int(min(limit.Cur-reservedFiles, 1<<20)), nil
}
