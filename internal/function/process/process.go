package process

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// Spec says what to start and within which bounds.
type Spec struct {
	Path   string   // the program, absolute
	Args   []string // arguments without the program
	Env    []string // all that the process gets, but for [MarkVariable]
	Dir    string   // its working folder
	Memory int64    // bytes that the whole tree may use; 0: no limit
	Stdin  *os.File // nil: /dev/null; it stays the caller's, who may close it after Start

	Stdout, Stderr io.Writer // what is written is copied there as it comes; nil: thrown away
}

// Process is a process that a Guard has started, with all that it starts: its
// tree. The methods may be called concurrently.
type Process struct {
	link    *link
	id      uint64
	pid     int
	exited  chan struct{} // closed after status and flags are set
	drained chan struct{}
	streams []*stream // set before Start returns
	status  syscall.WaitStatus
	flags   flags
}

// Pid is the process's id.
func (p *Process) Pid() int { return p.pid }

// Exited is closed when the process has ended. What is left of its tree is
// killed [Linger] later.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Drained is closed when all that its tree has written is copied, or when a
// writer of the Spec has failed: then no more of that is read.
func (p *Process) Drained() <-chan struct{} { return p.drained }

// Flush returns when all that the tree has written by now is copied. Without
// it, what a process wrote before it said something by another way may be
// copied after that is known.
func (p *Process) Flush() {
	for _, s := range p.streams {
		s.flush()
	}
}

// Ended says how it ended, such as "exit status 1" or "signal: killed", and
// why, if it was killed for something. Only to be called once Exited is closed.
func (p *Process) Ended() string {
	text := ending(p.status)
	switch {
	case p.flags&flagLost != 0:
		return "killed, because the guard of its worker was lost"
	case p.flags&flagMemory != 0:
		return text + ", because it used more memory than it may"
	case p.flags&flagTasks != 0:
		return fmt.Sprintf("%s, because it had or wanted more than %d processes and threads", text, MaxTasks)
	}
	return text
}

func ending(s syscall.WaitStatus) string {
	switch {
	case s.Exited():
		return fmt.Sprintf("exit status %d", s.ExitStatus())
	case s.CoreDump():
		return "signal: " + s.Signal().String() + " (core dumped)"
	}
	return "signal: " + s.Signal().String()
}

// ExitCode is its exit code, -1 if it was killed. Only to be called once Exited
// is closed.
func (p *Process) ExitCode() int {
	if p.flags&flagLost != 0 {
		return -1
	}
	return p.status.ExitStatus()
}

// OutOfMemory says whether the memory limit ended it. Only to be called once
// Exited is closed.
func (p *Process) OutOfMemory() bool { return p.flags&flagMemory != 0 }

// TookTooMuch says whether a limit ended it, that of memory or that of processes
// and threads. Only to be called once Exited is closed.
func (p *Process) TookTooMuch() bool { return p.flags&(flagMemory|flagTasks) != 0 }

// Lost says whether the loss of the guard ended it. Only to be called once
// Exited is closed.
func (p *Process) Lost() bool { return p.flags&flagLost != 0 }

// Terminate asks the process and its group to end: SIGTERM.
func (p *Process) Terminate() { p.link.ask(opTerminate, p.id) }

// Kill ends the whole tree, whatever its processes have done to get away. It
// does not wait; a tree that has ended is none of its business.
func (p *Process) Kill() { p.link.ask(opKill, p.id) }
