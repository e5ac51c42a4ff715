package lambda

import (
	"sync/atomic"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
	"faasd/internal/function/process"
)

// state is where a process is in its life.
type state uint8

const (
	starting state = iota // it has not asked for a call yet
	serving
	ending // it gets no more calls, and is about to end or has ended
)

// leastOwed is how long a process may at least take from an answer to its
// request for the next call, which counts for the call that it has answered.
const leastOwed = time.Second

// closing is why the processes of a closed function are stopped.
const closing = "the function is stopped"

// instance is one process of a function, with its Runtime API.
type instance struct {
	f      *Function
	api    *server
	prints atomic.Pointer[string] // the job that what it prints is for; nil outside of any

	process *process.Process // set before the API is open

	// Used by run only.
	output  [2]*logs.Writer
	scratch string // its HOME and TMPDIR
	reason  string // why it was stopped or killed; "" if it ended by itself

	up      chan struct{}          // closed at its first request for a call
	failed  chan *function.Failure // what it said of its failed start; room for one
	stopped chan string            // why it is to get SIGTERM; room for one
	killed  chan string            // why it is to be killed; room for one

	// Guarded by f.mu.
	state    state
	open     []*conn          // requests for the next call that have no answer yet, in order of arrival
	running  map[string]*call // what it was given and has not answered, by job
	answered string           // the job that it answered last
	used     uint64           // Function.handed when it got its last call; newer is greater
	changed  time.Time        // when it came up or answered last
	owedBy   time.Time        // by when it must have asked for the next call after that
	watch    *time.Timer      // calls look; nil until it is up
	watched  time.Time        // when that will be
}

func newInstance(f *Function) *instance {
	return &instance{
		f: f, running: make(map[string]*call),
		up: make(chan struct{}), failed: make(chan *function.Failure, 1),
		stopped: make(chan string, 1), killed: make(chan string, 1),
	}
}

// The methods below need f.mu held.

// free says whether the process may run that call, besides what it runs.
func (i *instance) free(c *call) bool {
	return i.state == serving && len(i.running) < i.f.cfg.Concurrency && !i.spoiled() && i.running[c.in.Job] == nil
}

// take notes that a call is given to the process.
func (i *instance) take(c *call) {
	i.f.handed++
	i.used = i.f.handed
	i.running[c.in.Job] = c
	c.on = i
	i.attribute()
}

// drop notes that the process does not run a call any more.
func (i *instance) drop(c *call) {
	delete(i.running, c.in.Job)
	if len(i.running) > 0 {
		i.attribute() // else what it prints is for the last job until it asks for the next
	}
}

// attribute says which job is printed for from now on.
func (i *instance) attribute() {
	if len(i.running) != 1 {
		i.prints.Store(nil)
		return
	}
	for _, c := range i.running {
		i.prints.Store(&c.in.Job)
	}
}

// abandoned counts the running calls for which nobody waits any more.
func (i *instance) abandoned() (n int) {
	for _, c := range i.running {
		if c.abandoned {
			n++
		}
	}
	return n
}

// spoiled says whether half of the process's slots or more are lost to calls
// that did not end in time. It gets no more calls then. Killing it at once
// would harm the others that it runs, so it is killed when they are answered,
// by reconsider; and if one that was lost is answered late, it is fit again.
func (i *instance) spoiled() bool {
	n := i.abandoned()
	return n > 0 && 2*n >= i.f.cfg.Concurrency
}

// reconsider kills the process if all that it runs is for nobody.
func (i *instance) reconsider() {
	if n := len(i.running); n > 0 && i.abandoned() == n {
		i.kill("nobody waits any more for what it runs")
	}
}

// expected is how many more requests for a call are about to come from the process.
func (i *instance) expected(now time.Time) int {
	if now.Sub(i.changed) >= settleTime || i.spoiled() {
		return 0
	}
	return max(0, i.f.cfg.Concurrency-len(i.open)-len(i.running))
}

// stop lets the process end: SIGTERM.
func (i *instance) stop(reason string) {
	if i.state == ending {
		return
	}
	i.state = ending
	i.stopped <- reason
}

// kill ends the process.
func (i *instance) kill(reason string) {
	i.state = ending
	select {
	case i.killed <- reason:
	default: // it is about to be
	}
}

// cameUp notes the process's first request for a call.
func (i *instance) cameUp() {
	i.state = serving
	i.changed = time.Now()
	i.watched = i.changed.Add(i.f.cfg.Idle)
	i.owedBy = i.watched
	i.watch = time.AfterFunc(i.f.cfg.Idle, i.look)
	close(i.up)
	i.f.cameUp()
}

// owe notes that the process has answered a call, and sees to it that look is
// called no later than when it must have asked for another.
func (i *instance) owe(c *call) {
	i.answered = c.in.Job
	i.changed = time.Now()
	i.owedBy = i.changed.Add(leastOwed)
	if c.deadline.After(i.owedBy) {
		i.owedBy = c.deadline
	}
	if i.watch != nil && i.owedBy.Before(i.watched) {
		i.watched = i.owedBy
		i.watch.Reset(i.owedBy.Sub(i.changed))
	}
}

// look stops the process if it has not had a job for long enough, and kills it
// if it has answered its last call and not asked for another by that call's
// deadline: what it still does counts for that call.
func (i *instance) look() {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	if i.state != serving {
		return
	}
	now := time.Now()
	next := now.Add(i.f.cfg.Idle)
	if len(i.running) == 0 {
		next = i.changed.Add(i.f.cfg.Idle)
		switch owes := len(i.open) == 0; {
		case owes && !now.Before(i.owedBy):
			i.kill("it did not ask for another call by the deadline of its last")
			return
		case !now.Before(next):
			i.stop("it had no job for " + i.f.cfg.Idle.String())
			return
		case owes && i.owedBy.Before(next):
			next = i.owedBy
		}
	}
	i.watched = next
	i.watch.Reset(next.Sub(now))
}

// died says whether the process, which has ended, did that by itself in a call
// that somebody waited for.
func (i *instance) died() bool {
	return i.reason == "" && !i.process.Lost() && len(i.running) > i.abandoned()
}

// failure says what became of a call that the process was running when it
// ended, in AWS's words.
func (i *instance) failure(c *call) *function.Failure {
	ended := i.process.Ended()
	if i.reason != "" {
		ended += ": " + i.reason
	}
	switch {
	case i.process.OutOfMemory():
		return function.Failed(function.TypeMemory,
			"RequestId: %s Error: Runtime exited with error: %s; it may use %d MB",
			c.in.Job, ended, i.f.cfg.memorySize())
	case i.process.ExitCode() == 0:
		return function.Failed(function.TypeExit, "RequestId: %s Error: Runtime exited without providing a reason", c.in.Job)
	}
	return function.Failed(function.TypeExit, "RequestId: %s Error: Runtime exited with error: %s", c.in.Job, ended)
}
