package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"faasd/internal/frontend/httpserver"
)

// When `up` and its workers are gathered on one processor, and when they are let go.
// A request that comes alone counts for 1, one that finds others under way for
// -accompanied; the sum stays from 0 to gatherAt.
const (
	gatherAt    = 32
	accompanied = 8
	// gatheredFor, and as many requests, is how long they stay there: then the kernel
	// may choose another processor.
	gatheredFor      = 2 * time.Second
	gatheredRequests = 256
	// gatheredIdle is how long they stay there without a request, about: what else
	// there is to do, a deployment for example, may go on everywhere.
	gatheredIdle = time.Second
	// apartFor is how long they stay apart, at least.
	apartFor = 100 * time.Millisecond
	// maxGathered is how many workers are gathered: moving more costs more than
	// it brings.
	maxGathered = 32
)

// A gatherer has `up` and its workers run on one processor while requests come one
// at a time, whose steps through the roles then never run side by side. The kernel
// would put each step on a processor that is idle, which has to be woken for it: a hop
// between two processes takes 65 µs like that and 22 µs on one processor. As soon as
// requests come together, all may run everywhere again. Functions always may
// (process.Main).
type gatherer struct {
	log     *slog.Logger
	members func() []int // processes to be gathered, this one apart

	underWay atomic.Int64
	change   chan struct{} // of wanted; has room for one

	mu       sync.Mutex // guards what follows
	score    int
	wanted   bool
	since    time.Time // of wanted
	requests int       // since then

	moving     sync.Mutex  // held while processes are moved or started; guards what follows
	everywhere unix.CPUSet // where this process may run when none are gathered
	here       unix.CPUSet // where they are gathered
	gathered   []int       // processes that are; nil: none
}

// newGatherer makes a gatherer, or nil, which gathers nobody, where there is nothing
// to choose from, or where an operator has chosen by GOMAXPROCS how this process runs.
func newGatherer(members func() []int, log *slog.Logger) *gatherer {
	g := &gatherer{log: log, members: members, change: make(chan struct{}, 1)}
	if os.Getenv(processorsVariable) != "" || unix.SchedGetaffinity(0, &g.everywhere) != nil || g.everywhere.Count() < 2 {
		return nil
	}
	return g
}

// watch has the gatherer see each request that next serves.
func (g *gatherer) watch(next func(*httpserver.Exchange)) func(*httpserver.Exchange) {
	if g == nil {
		return next
	}
	return func(x *httpserver.Exchange) {
		alone := g.underWay.Add(1) == 1
		defer g.underWay.Add(-1)
		g.came(alone, x.Began())
		next(x)
	}
}

// came notes a request that came alone or not.
func (g *gatherer) came(alone bool, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.requests++; alone {
		g.score = min(g.score+1, gatherAt)
	} else {
		g.score = max(g.score-accompanied, 0)
	}
	lasted := now.Sub(g.since)
	switch {
	case g.wanted && (g.score == 0 || lasted >= gatheredFor && g.requests >= gatheredRequests):
		g.score = 0
	case !g.wanted && g.score == gatherAt && lasted >= apartFor:
	default:
		return
	}
	g.wanted, g.since, g.requests = !g.wanted, now, 0
	select {
	case g.change <- struct{}{}:
	default:
	}
}

// run moves processes as it is wanted until ctx ends, and then lets them go.
func (g *gatherer) run(ctx context.Context) {
	if g == nil {
		return
	}
	idle := time.NewTimer(gatheredIdle)
	defer idle.Stop()
	for seen := -1; ; {
		select {
		case <-g.change:
		case <-idle.C:
			seen = g.rest(seen)
		case <-ctx.Done():
			g.apart(func() {})
			return
		}
		g.mu.Lock()
		wanted := g.wanted
		g.mu.Unlock()
		g.move(wanted)
		if wanted {
			idle.Reset(gatheredIdle)
		}
	}
}

// rest has them not wanted together if no request has come since so many had, and
// returns how many have now.
func (g *gatherer) rest(seen int) (requests int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wanted && g.requests == seen {
		g.wanted, g.score = false, 0
	}
	return g.requests
}

func (g *gatherer) move(together bool) {
	g.moving.Lock()
	defer g.moving.Unlock()
	if together == (g.gathered != nil) {
		return
	}
	if g.letGo(); !together {
		return
	}
	members := g.members()
	if len(members) > maxGathered {
		return
	}
	cpu, err := lastCPU()
	if err != nil {
		return
	}
	g.here.Zero()
	g.here.Set(cpu)
	g.gathered = append(members, os.Getpid())
	for _, pid := range g.gathered {
		place(pid, &g.everywhere, &g.here)
	}
	g.log.Debug("requests come one at a time; gathered on one processor", "processor", cpu, "processes", len(g.gathered))
}

// apart runs fn, which starts a process, while none are gathered: it would inherit that.
func (g *gatherer) apart(fn func()) {
	if g == nil {
		fn()
		return
	}
	g.moving.Lock()
	defer g.moving.Unlock()
	g.letGo()
	fn()
}

// letGo has those that are gathered run everywhere. It is called under g.moving.
func (g *gatherer) letGo() {
	for _, pid := range g.gathered {
		place(pid, &g.here, &g.everywhere)
	}
	if g.gathered != nil {
		g.log.Debug("may run on all processors again", "processes", len(g.gathered))
	}
	g.gathered = nil
}

// place has the threads of a process that run on certain processors run on others. It
// is for speed only: what the kernel refuses stays as it is, and so does what somebody
// else has chosen meanwhile.
func place(pid int, from, to *unix.CPUSet) {
	eachThread(pid, func(tid int) (changed bool) {
		var now unix.CPUSet
		return unix.SchedGetaffinity(tid, &now) == nil && now == *from && unix.SchedSetaffinity(tid, to) == nil
	})
}

// lastCPU is the processor that this thread ran on when it was looked at.
func lastCPU() (cpu int, err error) {
	stat, err := os.ReadFile("/proc/thread-self/stat")
	if err != nil {
		return 0, err
	}
	const field = 39 - 3 // proc_pid_stat(5), of those behind the name
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= field {
		return 0, errors.New("/proc/thread-self/stat does not tell the processor")
	}
	return strconv.Atoi(fields[field])
}
