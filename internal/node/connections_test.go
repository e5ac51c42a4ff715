package node

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// What the kernel has taken of an answer looks as if its client had read it.
func TestTheKernelTakesLittleThatAClientDoesNotRead(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	deaf := net.Dialer{Control: func(_, _ string, conn syscall.RawConn) (err error) {
		e := conn.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		return errors.Join(e, err)
	}}
	client, err := deaf.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	piece := make([]byte, 32<<10)
	if e := raw.Write(func(fd uintptr) bool {
		for err == nil {
			var n int
			n, err = syscall.Write(int(fd), piece)
			taken += max(n, 0)
		}
		return true
	}); e != nil || !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(e, err)
	}
	if taken > 4*unsent {
		t.Errorf("%d KiB were taken of a client that reads nothing", taken>>10)
	}
}
