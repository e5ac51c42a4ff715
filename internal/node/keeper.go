package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"faasd/internal/proc"
	"faasd/internal/supervisor"
)

// The keeper starts a worker that has died again, soon the first time and later
// the longer the more often it dies.
const (
	restartFirst = 50 * time.Millisecond
	restartMax   = 5 * time.Second
	// livedLong is how long a worker must have lived for its death to count as
	// the first.
	livedLong = 10 * time.Second
)

// keeper keeps a number of worker processes alive. Nothing is started before
// begin, and while it is held.
type keeper struct {
	bin   string // this program
	args  []string
	logs  string
	grace time.Duration // for a worker that is not wanted any more
	log   *slog.Logger
	apart func(start func()) // calls start when a process may be started

	quit    chan struct{} // closed: start no more
	hurry   chan struct{} // closed: wait for nobody any more
	begun   chan struct{} // closed: may start
	running sync.WaitGroup

	mu      sync.Mutex    // guards what follows
	free    chan struct{} // closed while nothing is held
	held    bool
	wanted  int
	kept    map[int]*kept // by number
	changed func()        // told of each start and end
}

// maxKept bounds the worker processes, those that are on their way out included.
const maxKept = 2 * supervisor.MaxWorkers

// kept is a worker that is kept alive, or is on its way out.
type kept struct {
	leave   chan struct{} // closed: not wanted any more
	leaving bool
	process *proc.Process // nil while none runs
}

func newKeeper(args []string, logs string, grace time.Duration, log *slog.Logger) (*keeper, error) {
	bin, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program's own file to start workers from: %w", err)
	}
	free := make(chan struct{})
	close(free)
	return &keeper{
		bin: bin, args: args, logs: logs, grace: grace, log: log, apart: func(start func()) { start() }, changed: func() {},
		quit: make(chan struct{}), hurry: make(chan struct{}), begun: make(chan struct{}), free: free, kept: make(map[int]*kept),
	}, nil
}

// begin lets the first workers be started.
func (k *keeper) begin() { close(k.begun) }

// want sets how many workers are kept. Those too many, the last first, finish
// what they run and end.
func (k *keeper) want(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n == k.wanted || k.stopping() {
		return
	}
	staying := 0
	for _, w := range k.kept {
		if !w.leaving {
			staying++
		}
	}
	for number := 1; staying < n && len(k.kept) < maxKept; number++ {
		if k.kept[number] == nil {
			w := &kept{leave: make(chan struct{})}
			k.kept[number] = w
			k.running.Go(func() { k.keepOne(number, w) })
			staying++
		}
	}
	for number := k.highest(); staying > n; number-- {
		if w := k.kept[number]; w != nil && !w.leaving {
			w.leaving = true
			close(w.leave)
			staying--
		}
	}
	if k.wanted = n; staying < n {
		k.wanted = staying // and the rest when others have ended
	}
}

func (k *keeper) highest() (most int) {
	for number := range k.kept {
		most = max(most, number)
	}
	return most
}

// hold holds workers that have died back from being started again, or lets
// them go.
func (k *keeper) hold(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case on && !k.held:
		k.free = make(chan struct{})
	case !on && k.held:
		close(k.free)
	}
	k.held = on
}

func (k *keeper) stopping() bool {
	select {
	case <-k.quit:
		return true
	default:
		return false
	}
}

// keepOne keeps one worker alive until it is not wanted any more.
func (k *keeper) keepOne(number int, w *kept) {
	defer k.forget(number)
	wait := restartFirst
	if !await(k.begun, w.leave, k.quit) {
		return
	}
	for k.awaitFree(w) {
		began := time.Now()
		p, err := k.start(number, w)
		if err != nil {
			k.log.Error("worker not started", "worker", number, "error", err)
		} else if !k.watch(number, w, p, began) {
			return
		}
		if time.Since(began) >= livedLong {
			wait = restartFirst
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-w.leave:
			return
		case <-k.quit:
			return
		}
		wait = min(2*wait, restartMax)
	}
}

// awaitFree waits while workers are held; false if this one is not wanted any more.
func (k *keeper) awaitFree(w *kept) bool {
	for {
		k.mu.Lock()
		free, held := k.free, k.held
		k.mu.Unlock()
		if !held {
			return true
		}
		if !await(free, w.leave, k.quit) {
			return false
		}
	}
}

// await waits for the first of its channels and reports whether it was that one.
func await(wanted, leave, quit <-chan struct{}) bool {
	select {
	case <-wanted:
		return true
	case <-leave:
		return false
	case <-quit:
		return false
	}
}

// watch waits for the end of a worker process, or ends it when it is not wanted
// any more; it reports whether another is to be started.
func (k *keeper) watch(number int, w *kept, p *proc.Process, began time.Time) (again bool) {
	select {
	case <-p.Exited():
	case <-w.leave:
		ctx, cancel := context.WithTimeout(context.Background(), k.grace)
		defer cancel()
		go func() {
			select {
			case <-k.hurry:
				cancel()
			case <-ctx.Done():
			}
		}()
		k.end(ctx, p)
	}
	k.set(w, nil)
	select {
	case <-k.quit:
		return false
	case <-w.leave:
		return false
	default:
	}
	k.log.Warn("worker process ended; another takes its place", "worker", number, "pid", p.Pid(), "lived", time.Since(began).Round(time.Millisecond), "ended", p.Ended(), "log", k.logs)
	return true
}

func (k *keeper) start(number int, w *kept) (*proc.Process, error) {
	var p *proc.Process
	var err error
	k.apart(func() {
		p, err = proc.Start(context.Background(), proc.Spec{
			Name: fmt.Sprintf("worker %d", number), Bin: k.bin, Args: k.args, Env: sharing(number),
			LogFile: filepath.Join(k.logs, fmt.Sprintf("worker%d.log", number)),
		})
	})
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	w.process = p
	late, changed := k.stopping(), k.changed // if late, stop has not seen it
	k.mu.Unlock()
	if late {
		_ = p.KillGroup() // it has done nothing yet
	}
	changed()
	return p, nil
}

func (k *keeper) set(w *kept, p *proc.Process) {
	k.mu.Lock()
	w.process = p
	changed := k.changed
	k.mu.Unlock()
	changed()
}

// ready are the ids of the workers that have said that they are.
func (k *keeper) ready() (pids []int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.kept {
		if w.process != nil && w.process.IsReady() {
			pids = append(pids, w.process.Pid())
		}
	}
	return pids
}

// tell has fn told of each start and end from now on, without the lock.
func (k *keeper) tell(fn func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changed = fn
}

func (k *keeper) forget(number int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.kept, number)
}

// pids are the process ids of the workers that run.
func (k *keeper) pids() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	pids := []int{}
	for _, w := range k.kept {
		if w.process != nil {
			pids = append(pids, w.process.Pid())
		}
	}
	slices.Sort(pids)
	return pids
}

// kill ends a worker process of ours with SIGKILL, stopped or not.
func (k *keeper) kill(pid int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.kept {
		if w.process != nil && w.process.Pid() == pid {
			_ = w.process.Signal(syscall.SIGKILL) // fails only if it has ended
		}
	}
}

func (k *keeper) end(ctx context.Context, p *proc.Process) {
	if p.Stop(ctx) != nil {
		k.log.Warn("worker did not stop in time and was killed, or failed while stopping", "pid", p.Pid(), "ended", p.Ended(), "log", k.logs)
	}
}

// stop ends all workers, in order until ctx ends, and by force then.
func (k *keeper) stop(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { close(k.hurry) })()
	k.mu.Lock()
	close(k.quit)
	var stopping sync.WaitGroup
	for _, w := range k.kept {
		if p := w.process; p != nil && !w.leaving { // a second signal would end it at once
			stopping.Go(func() { k.end(ctx, p) })
		}
	}
	k.mu.Unlock()
	stopping.Wait()
	k.running.Wait()
}
