package bus

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"faasd/internal/role"
)

// maxSleep bounds one sleep, and so how far a wake-up time can lie ahead.
const maxSleep = time.Hour

// A poller waits for any of a host's sockets without keeping a thread. The
// sockets' ZMQ_FDs are put, level-triggered, into one epoll instance; the
// epoll file descriptor is itself pollable and sits on Go's network poller, so
// that a goroutine can wait on it with a deadline like on any connection.
//
//	ZMQ_FD ─┐
//	ZMQ_FD ─┼─▶ epoll fd ──▶ Go's network poller ──▶ wait()
//	ZMQ_FD ─┘               deadline, rouse() ─────▶
//
// A deadline in the past is also how the sleeper is woken by others: it is
// made ready in user space, with no system call and no eventfd.
type poller struct {
	file  *os.File // owns epfd; its Fd method would make epfd blocking: never call it
	conn  syscall.RawConn
	epfd  int
	zero  time.Time          // of the clock that deadlines are given by
	check func(uintptr) bool // made once: a closure per wait would be garbage

	// Owned by the goroutine that waits.
	buf   [64]syscall.EpollEvent
	n     int       // of buf, found ready
	armed role.Time // the read deadline that is set, unless rouse changed it; 0 when spent
}

func newPoller(zero time.Time) (*poller, error) {
	epfd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("opening an epoll descriptor: %w", err)
	}
	if err := syscall.SetNonblock(epfd, true); err != nil {
		_ = syscall.Close(epfd)
		return nil, fmt.Errorf("setting up an epoll descriptor: %w", err)
	}
	p := &poller{zero: zero, file: os.NewFile(uintptr(epfd), "zeromq-sockets"), epfd: epfd}
	if p.conn, err = p.file.SyscallConn(); err == nil {
		// Fails unless the descriptor really is on the network poller.
		err = p.file.SetReadDeadline(time.Time{})
	}
	if err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("setting up an epoll descriptor: %w", err)
	}
	p.check = func(uintptr) bool { return p.poll() }
	return p, nil
}

func (p *poller) close() { _ = p.file.Close() }

// add makes the poller report id when fd is readable.
func (p *poller) add(fd int, id int32) error {
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: id}
	if err := syscall.EpollCtl(p.epfd, syscall.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("watching a socket: %w", err)
	}
	return nil
}

// remove must come before libzmq closes fd: libzmq does so later, from its own
// thread, and the number may by then be another file's.
func (p *poller) remove(fd int) {
	_ = syscall.EpollCtl(p.epfd, syscall.EPOLL_CTL_DEL, fd, nil)
}

// poll looks, without waiting, which sockets are ready.
func (p *poller) poll() bool {
	n, err := syscall.EpollWait(p.epfd, p.buf[:], 0)
	for err == syscall.EINTR {
		n, err = syscall.EpollWait(p.epfd, p.buf[:], 0)
	}
	p.n = max(n, 0)
	return p.n > 0
}

// takeReady returns the ids that the last poll or wait found ready.
func (p *poller) takeReady(yield func(id int32) bool) {
	n := p.n
	p.n = 0
	for i := range n {
		if !yield(p.buf[i].Fd) {
			return
		}
	}
}

// wait returns when a socket is ready, the armed deadline has passed, or rouse
// was called. The runtime forgets earlier readiness when Read begins, and then
// calls check before it sleeps: nothing is missed in between.
func (p *poller) wait() error {
	p.n = 0
	err := p.conn.Read(p.check)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.armed = 0
		return nil
	}
	if err != nil {
		return fmt.Errorf("waiting for sockets: %w", err)
	}
	return nil
}

// arm makes wait return at the given time at the latest. A deadline that is
// set and comes sooner is left: waking once for nothing is cheaper than
// setting a deadline for every message.
func (p *poller) arm(now, at role.Time) {
	at = min(at, now+maxSleep)
	if now < p.armed && p.armed <= at {
		return
	}
	p.armed = at
	_ = p.file.SetReadDeadline(p.zero.Add(at))
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// rouse makes the present wait, or else the next one, return at once, unless
// arm is called in between. Any goroutine may call it.
func (p *poller) rouse() {
	_ = p.file.SetReadDeadline(longAgo)
}
