package wasm

import (
	"context"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// brief is how long a run computes without a turn, while nobody has one. It is
// more than a call of a small program takes as a whole, 3 to 5 ms, so that a
// worker with such alone has no turns.
const brief = 10 * time.Millisecond

// stretch is how long a turn is if others are in line.
const stretch = 2 * time.Millisecond

// calm is how long nobody has had a turn before runs go on without, and the
// runtime gets back the number of processors that it had: changing it stops all
// goroutines for a moment.
const calm = time.Second

// turns keeps runs that compute for long from taking all processors that the Go
// runtime has: there are as many turns as it has processors but one, which is
// for whatever else the worker does. Without, its other goroutines are in line
// behind each run for as long as Go lets one compute, 10 ms, and the network is
// looked at every 10 ms only while somebody is in line. A runtime with one
// processor gets a second as long as there are turns, and not always, because
// what is brief goes faster on one.
type turns struct {
	needed atomic.Bool // by each run; changed with mu

	mu    sync.Mutex
	taken int
	// lines are of those who have had no turn yet, and of others; a channel is
	// closed when it is its run's turn. They go by turns too, so that what is
	// brief need not wait for all that is long, and what is long not for ever.
	lines  [2][]chan struct{}
	last   int         // the line that had the last
	raised bool        // the runtime has a second processor
	calm   *time.Timer // ends it all; nil: nobody has ever had a turn
}

// The lines.
const (
	first = iota
	again
)

// processors are shared by all functions of this process, as the runtime is.
var processors turns

// take waits in a line for a turn, as long as ctx allows.
func (t *turns) take(ctx context.Context, line int) error {
	mine := make(chan struct{})
	t.mu.Lock()
	t.begin()
	t.lines[line] = append(t.lines[line], mine)
	t.next()
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.lines[line], mine); i >= 0 {
		t.lines[line] = slices.Delete(t.lines[line], i, i+1)
	} else { // it came at the same time
		t.taken--
		t.next()
	}
	return ctx.Err()
}

// give gives a turn back.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken--
	t.next()
}

// wanted reports whether somebody is in line.
func (t *turns) wanted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.lines[first])+len(t.lines[again]) > 0
}

// next lets those who are first in line have the turns that are free. Callers
// hold mu.
func (t *turns) next() {
	for t.taken < max(1, runtime.GOMAXPROCS(0)-1) {
		line := 1 - t.last
		if len(t.lines[line]) == 0 {
			line = t.last
		}
		if len(t.lines[line]) == 0 {
			break
		}
		close(t.lines[line][0])
		t.lines[line] = slices.Delete(t.lines[line], 0, 1)
		t.last = line
		t.taken++
	}
	if t.taken == 0 {
		t.calm.Reset(calm)
	}
}

// begin has all runs need turns. Callers hold mu.
func (t *turns) begin() {
	t.needed.Store(true)
	if t.calm == nil {
		t.calm = time.AfterFunc(calm, t.end)
	}
	if runtime.GOMAXPROCS(0) == 1 {
		runtime.GOMAXPROCS(2)
		t.raised = true
	}
}

// end undoes what begin has done, unless somebody has a turn. Where nobody has
// said how many processors there are to be, the runtime follows again what the
// machine and its container have.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken > 0 || !t.needed.Load() {
		return
	}
	t.needed.Store(false)
	if !t.raised {
		return
	}
	t.raised = false
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.SetDefaultGOMAXPROCS()
	} else {
		runtime.GOMAXPROCS(1)
	}
}

// turn is one run's part in it. Only the goroutine that runs the module uses it.
type turn struct {
	of    *turns
	until time.Time // then it needs one, or gives it to who is in line
	taken bool
	line  int // to wait in
}

type turnKey struct{}

// withTurn is the context for a run that begins, and its turn, to be left when
// the run is over.
func withTurn(ctx context.Context) (context.Context, *turn) {
	t := &turn{of: &processors, until: time.Now().Add(brief)}
	return context.WithValue(ctx, turnKey{}, t), t
}

func turnOf(ctx context.Context) *turn { return ctx.Value(turnKey{}).(*turn) }

// tick is called some thousand times a second by a module that runs. It returns
// when the module is to go on, and not if it is to do so no more.
func tick(ctx context.Context) {
	goOn(ctx)
	t := turnOf(ctx)
	over := time.Now().After(t.until)
	switch {
	case t.taken && over && t.of.wanted():
		t.leave()
	case t.taken || !over && !t.of.needed.Load():
		return
	}
	if t.of.take(ctx, t.line) != nil {
		panic(errEnded) // see goOn
	}
	t.taken, t.line, t.until = true, again, time.Now().Add(stretch)
}

// leave gives back what the run has.
func (t *turn) leave() {
	if t.taken {
		t.taken = false
		t.of.give()
	}
}

// pause gives the turn back and does what is no computing.
func (t *turn) pause(do func()) {
	t.leave()
	began := time.Now()
	do()
	t.until = t.until.Add(time.Since(began))
}
