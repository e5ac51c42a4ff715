package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// guardName is the first argument of a guard, by which Main knows one.
const guardName = "faasd-guard"

// bareGuard is an argument of one that leaves cgroups alone.
const bareGuard = "bare"

// hasMain says that this program can be started as a guard.
var hasMain bool

// Main turns this process into a guard and does not return, if it was started
// as one; else it does nothing. It must come first in main, and in TestMain.
func Main() {
	hasMain = true
	noteProcessors()
	if len(os.Args) == 0 || os.Args[0] != guardName {
		return
	}
	if err := guard(); err != nil {
		fmt.Fprintln(os.Stderr, "the guard of function processes:", err)
		syscall.Exit(1)
	}
	syscall.Exit(0) // at once; os.Exit waits in programs built with -race
}

// keeper is the guard's own side: what it has started and what has become of
// it. All of it is one goroutine's, which is locked to its thread: the kernel
// takes that thread's end for the guard's (Pdeathsig).
type keeper struct {
	conn    *net.UnixConn
	pid     int
	mark    string
	null    *os.File // for what has no input or output
	groups  *cgroups // nil: none
	victims adjustment
	limits  Limits
	trees   map[uint64]*tree // those of which something may be left
	roots   map[int]*tree    // the same by the id of the first process
	owners  map[int]owner    // what was found out of processes in the last look, by id
	procs   table
	timer   *time.Timer   // when to look
	hurry   time.Duration // how soon to look again while something is to die
	signals chan os.Signal
}

// guard is the life of a guard: until the worker has gone and nothing that was
// started for it is left.
func guard() error {
	runtime.LockOSThread()
	takeProcessors(os.Args)
	// Not ignored, which what we start would inherit, but noted and forgotten:
	// a guard ends with its worker.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	k := &keeper{
		pid: os.Getpid(), mark: guardMark(os.Getpid()), timer: time.NewTimer(Sample), signals: make(chan os.Signal, 1),
		trees: make(map[uint64]*tree), roots: make(map[int]*tree), owners: make(map[int]owner),
	}
	signal.Notify(k.signals, syscall.SIGCHLD)
	const socket = 3 // the first of ExtraFiles
	keepFiles()
	file := os.NewFile(socket, "worker")
	conn, err := net.FileConn(file) // a copy
	if err != nil {
		return fmt.Errorf("talk to the worker: %w", err)
	}
	_ = file.Close()
	k.conn = conn.(*net.UnixConn)
	if k.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return err
	}
	_ = os.WriteFile("/proc/self/comm", []byte(guardName), 0)
	if err := prctl(prSetChildSubreaper, 1); err != nil {
		return fmt.Errorf("become the parent of orphans: %w", err)
	}
	if k.limits, err = limitSelf(); err != nil {
		return fmt.Errorf("limit open files: %w", err)
	}
	if k.victims = openAdjustment(); k.victims.file != nil {
		k.limits |= FirstToBeFree
	}
	if !slices.Contains(os.Args, bareGuard) {
		k.groups = findCgroups(k.mark)
	}
	if k.groups != nil {
		k.limits |= k.groups.limits
	}
	if err := (reply{op: opReady, flags: flags(k.limits)}).send(k.conn); err == nil {
		go killStale(k.mark)
		k.serve()
	}
	k.killEverything()
	return nil
}

// keepFiles keeps what the worker was started with, this socket above all, from
// what is started here.
func keepFiles() {
	list, _ := os.ReadDir("/proc/self/fd")
	for _, f := range list {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd) // of one that is closed already it does nothing
		}
	}
}

// serve does what the worker asks, until it has gone.
func (k *keeper) serve() {
	requests := make(chan request)
	go func() {
		defer close(requests)
		for {
			r, err := receive(k.conn)
			if err != nil {
				return
			}
			requests <- r
		}
	}()
	for {
		select {
		case r, ok := <-requests:
			if !ok {
				return
			}
			k.do(r)
		case <-k.signals:
			k.reap()
		case <-k.timer.C:
			k.look()
		}
	}
}

func (k *keeper) do(r request) {
	if r.op == opStart {
		k.start(r)
		return
	}
	t := k.trees[r.id]
	if t == nil {
		return
	}
	switch r.op {
	case opTerminate:
		if !t.hasEnded() {
			_ = syscall.Kill(-t.root, syscall.SIGTERM)
		}
	case opKill:
		k.doom(t, 0)
		k.look()
	}
}

// start starts a process and answers.
func (k *keeper) start(r request) {
	defer closeAll(r.files[:])
	t, err := k.fork(&r)
	if err != nil {
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			errno = syscall.EIO
		}
		_ = reply{op: opFailed, id: r.id, value: uint32(errno)}.send(k.conn)
		return
	}
	if len(k.trees) == 0 {
		k.timer.Reset(Sample)
	}
	k.trees[t.id], k.roots[t.root] = t, t
	lower(t.root)
	_ = reply{op: opStarted, id: r.id, value: uint32(t.root)}.send(k.conn)
}

func (k *keeper) fork(r *request) (*tree, error) {
	files := make([]uintptr, 3)
	for i, f := range r.files {
		if f == nil {
			f = k.null
		}
		files[i] = f.Fd()
	}
	var err error
	t := &tree{id: r.id, mark: newMark(k.mark), memory: r.spec.Memory}
	sys := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if k.groups != nil {
		if t.group, err = k.groups.add(r.id, r.spec.Memory); err != nil {
			return nil, err
		}
		defer t.group.close()
		sys.UseCgroupFD, sys.CgroupFD = true, t.group.fd
	}
	_ = k.victims.raise()
	defer func() { _ = k.victims.restore() }()
	t.root, err = syscall.ForkExec(r.spec.Path, append([]string{r.spec.Path}, r.spec.Args...), &syscall.ProcAttr{
		Dir: r.spec.Dir, Env: append([]string{MarkVariable + "=" + t.mark}, r.spec.Env...), Files: files, Sys: sys,
	})
	if err != nil && t.group != nil {
		_ = t.group.remove()
	}
	return t, err
}

// reap takes the ends of children, functions' processes and orphans alike. It
// returns false when there is no child at all.
func (k *keeper) reap() bool {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return false
		case pid == 0:
			return true
		}
		if t := k.roots[pid]; t != nil && !t.hasEnded() {
			t.ended = time.Now()
			if t.group != nil && t.group.ranOut() {
				t.why |= flagMemory
			}
			if t.group != nil && status != 0 && t.group.wasFull() {
				t.why |= flagTasks
			}
			_ = reply{op: opEnded, id: t.id, value: uint32(status), flags: t.why}.send(k.conn)
		}
	}
}

// killEverything kills all descendants until none is left.
func (k *keeper) killEverything() {
	for wait := time.Millisecond; k.reap(); wait = min(2*wait, Sample) {
		for _, t := range k.trees {
			k.doom(t, 0)
		}
		if list, _, err := k.procs.below(k.pid); err == nil {
			killAll(list)
		}
		k.timer.Reset(wait)
		select {
		case <-k.signals:
		case <-k.timer.C:
		}
	}
	if k.groups != nil {
		k.groups.remove()
	}
}
