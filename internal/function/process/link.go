package process

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// link is a worker's conversation with one guard process.
type link struct {
	log      *slog.Logger
	conn     *net.UnixConn
	cmd      *exec.Cmd
	limits   Limits
	patience time.Duration // for an answer, before the guard is killed
	gone     chan struct{} // closed when the guard process has ended and nothing it started is left

	sending sync.Mutex // held while a request is written to conn

	mu      sync.Mutex
	started uint64                  // ids given
	waiting map[uint64]chan<- reply // starts that are not answered yet
	running map[uint64]*Process
	lost    bool // the other side has gone; nothing is added any more
	closing bool // we let it go
}

// dial starts a guard process; a bare one leaves cgroups alone.
func dial(log *slog.Logger, bare bool, patience time.Duration) (*link, error) {
	if !hasMain {
		return nil, errors.New("this program does not call process.Main first of all")
	}
	if err := prctl(prSetChildSubreaper, 1); err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	_ = ours.Close()
	if err != nil {
		return nil, err
	}
	// By this name it is the same program even if the file has been replaced.
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{guardName, processors()}, Env: []string{}, Stderr: os.Stderr,
		ExtraFiles: []*os.File{theirs}, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	if bare {
		cmd.Args = append(cmd.Args, bareGuard)
	}
	if err := startGuard(cmd); err != nil {
		_ = conn.Close()
		return nil, err
	}
	l := &link{log: log, conn: conn.(*net.UnixConn), cmd: cmd, patience: patience, gone: make(chan struct{}),
		waiting: make(map[uint64]chan<- reply), running: make(map[uint64]*Process)}
	_ = theirs.Close() // else its end would not be the end of file
	ready, err := receiveReply(l.conn)
	if err != nil || ready.op != opReady {
		_ = conn.Close()
		_ = cmd.Process.Kill()
		return nil, errors.Join(errors.New("it ended at once"), err, waitGuard(cmd))
	}
	l.limits = Limits(ready.flags)
	go l.read()
	return l, nil
}

func startGuard(cmd *exec.Cmd) error {
	guards.mu.Lock()
	defer guards.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	guards.pids[cmd.Process.Pid] = true
	return nil
}

func waitGuard(cmd *exec.Cmd) error {
	err := cmd.Wait()
	guards.mu.Lock()
	defer guards.mu.Unlock()
	delete(guards.pids, cmd.Process.Pid)
	return err
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "guard"), os.NewFile(uintptr(fds[1]), "worker"), nil
}

func (l *link) isLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// start has the guard start a process.
func (l *link) start(s Spec) (*Process, error) {
	o, err := openOutputs(s)
	if err != nil {
		return nil, err
	}
	defer o.closeTheirs()
	answer := make(chan reply, 1)
	p := &Process{link: l, exited: make(chan struct{}), drained: make(chan struct{})}
	l.mu.Lock()
	if l.lost {
		l.mu.Unlock()
		o.closeOurs()
		return nil, errGuardLost
	}
	l.started++
	p.id = l.started
	l.waiting[p.id], l.running[p.id] = answer, p
	l.mu.Unlock()

	r := request{op: opStart, id: p.id, spec: s, files: [3]*os.File{s.Stdin, o.theirs[0], o.theirs[1]}}
	if err := l.send(&r); err != nil && !isBroken(err) {
		l.forget(p.id)
		o.closeOurs()
		return nil, err
	}
	slow := time.AfterFunc(l.patience, func() {
		l.log.Error("the guard of function processes does not answer; killing it", "pid", l.cmd.Process.Pid, "after", l.patience)
		_ = l.cmd.Process.Kill()
	})
	got, ok := <-answer
	slow.Stop()
	switch {
	case !ok:
		o.closeOurs()
		return nil, errGuardLost
	case got.op == opFailed:
		o.closeOurs()
		return nil, syscall.Errno(got.value)
	}
	p.streams = o.copy(s.Stdout, s.Stderr, p.drained)
	return p, nil
}

var errGuardLost = errors.New("the guard of function processes was killed: try again")

// isBroken says whether the error is the loss of the guard, which the reader
// notices too and tells all.
func isBroken(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, net.ErrClosed)
}

func (l *link) send(r *request) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	return r.send(l.conn)
}

// ask sends a request that is not answered. A guard that is lost has nothing
// left to ask for.
func (l *link) ask(what op, id uint64) { _ = l.send(&request{op: what, id: id}) }

func (l *link) forget(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
	delete(l.running, id)
}

// read takes what the guard says until it ends.
func (l *link) read() {
	for {
		r, err := receiveReply(l.conn)
		if err != nil {
			l.ended(err)
			return
		}
		l.take(r)
	}
}

func (l *link) take(r reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.running[r.id]
	if p == nil {
		return
	}
	switch r.op {
	case opStarted, opFailed:
		if r.op == opFailed {
			delete(l.running, r.id)
		} else {
			p.pid = int(r.value) // before its starter goes on
		}
		l.waiting[r.id] <- r // has room
		delete(l.waiting, r.id)
	case opEnded:
		p.status, p.flags = syscall.WaitStatus(r.value), r.flags
		close(p.exited)
		delete(l.running, r.id)
	}
}

// ended cleans up behind a guard that has ended, on its own or ours.
func (l *link) ended(err error) {
	_ = l.conn.Close()
	l.mu.Lock()
	closing := l.closing
	l.lost = true
	running := l.running
	for id, answer := range l.waiting {
		close(answer)
		delete(running, id)
	}
	l.waiting, l.running = nil, nil
	l.mu.Unlock()

	waited := waitGuard(l.cmd)
	if !closing {
		if !errors.Is(err, io.EOF) {
			waited = errors.Join(waited, err)
		}
		l.log.Error("the guard of function processes has ended; running calls fail, the next starts another", "pid", l.cmd.Process.Pid, "error", waited)
	}
	killAdopted()
	for _, p := range running {
		p.flags |= flagLost
		close(p.exited)
	}
	close(l.gone)
}

// close lets the guard go, which kills all that it has started, and waits for
// the end of it.
func (l *link) close() error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	_ = l.conn.CloseWrite() // fails if it has ended
	<-l.gone
	return nil
}
