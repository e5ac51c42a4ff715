package lambda

import (
	"slices"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
)

// What the pool of a function's processes goes by.
const (
	// settleTime is for how long a process that has just come up, or has just
	// answered, is expected to ask for its next call; meanwhile no other is
	// started for a call that it could take.
	settleTime = 20 * time.Millisecond
	// maxStarting bounds the processes of a function that start at a time.
	maxStarting = 4
)

// The methods in this file need the function's mu held.

// take gives a call to the free slot of the process that was used last. It
// returns the connection to hand it to, nil if no slot is free.
func (f *Function) take(c *call) *conn {
	var best *instance
	for _, i := range f.instances {
		if len(i.open) > 0 && i.free(c) && (best == nil || i.used > best.used) {
			best = i
		}
	}
	if best == nil {
		return nil
	}
	last := len(best.open) - 1
	k := best.open[last]
	best.open = best.open[:last]
	k.open = false
	best.take(c)
	return k
}

// dispatch gives waiting calls to free slots, where slots have become free
// other than by a request for the next call.
func (f *Function) dispatch() {
	f.waiting = slices.DeleteFunc(f.waiting, func(c *call) bool {
		k := f.take(c)
		if k != nil {
			go k.hand(c)
		}
		return k != nil
	})
}

// nextFor takes the call that has waited longest, of those that the process may
// run, and gives it to it; nil if there is none.
func (f *Function) nextFor(i *instance) *call {
	for n, c := range f.waiting {
		if i.free(c) {
			f.waiting = slices.Delete(f.waiting, n, n+1)
			i.take(c)
			return c
		}
	}
	return nil
}

// unqueue takes a call out of those that wait.
func (f *Function) unqueue(c *call) {
	if n := slices.Index(f.waiting, c); n >= 0 {
		f.waiting = slices.Delete(f.waiting, n, n+1)
	}
}

// giveBack lets a call wait again, first of all, that could not be handed to
// its process.
func (f *Function) giveBack(c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.on == nil || c.claimed {
		return
	}
	i := c.on
	i.drop(c)
	c.on = nil
	if c.over {
		i.reconsider()
		return
	}
	f.waiting = slices.Insert(f.waiting, 0, c)
	f.dispatch()
	f.provide()
}

// serving says whether any process is up.
func (f *Function) serving() bool {
	return slices.ContainsFunc(f.instances, func(i *instance) bool { return i.state == serving })
}

// hopeless returns why a call need not wait: no process is up or starting, and
// the next may not be started yet.
func (f *Function) hopeless() error {
	alive := slices.ContainsFunc(f.instances, func(i *instance) bool { return i.state != ending })
	if alive || f.crash.wait(time.Now()) <= 0 {
		return nil
	}
	return f.crash.why
}

// provide starts processes for the calls that wait beyond what those that are
// there will take.
func (f *Function) provide() {
	need := len(f.waiting)
	if need == 0 && len(f.probes) > 0 {
		need = 1
	}
	if need == 0 {
		return
	}
	now := time.Now()
	starts, sure, soon := 0, 0, 0
	for _, i := range f.instances {
		switch i.state {
		case starting:
			starts++
			sure += f.cfg.Concurrency
		case serving:
			soon += i.expected(now)
		}
	}
	back := f.crash.wait(now)
	for need > sure+soon && back <= 0 && starts < maxStarting && len(f.instances) < f.cfg.Processes {
		f.start()
		starts++
		sure += f.cfg.Concurrency
	}
	switch {
	case need <= sure || len(f.instances) >= f.cfg.Processes:
	case back > 0:
		f.arm(back)
	case soon > 0:
		f.arm(settleTime)
	}
}

// arm sees to it that provide is called again.
func (f *Function) arm(after time.Duration) {
	if f.armed {
		return
	}
	f.armed = true
	if f.alarm != nil {
		f.alarm.Reset(after)
		return
	}
	f.alarm = time.AfterFunc(after, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.armed = false
		f.provide()
	})
}

// start starts a process.
func (f *Function) start() {
	i := newInstance(f)
	f.instances = append(f.instances, i)
	go i.run()
}

// cameUp notes that a process has asked for its first call.
func (f *Function) cameUp() {
	f.crash.cameUp()
	for _, p := range f.probes {
		p <- nil
	}
	f.probes = nil
}

// ended notes that a process is gone; why is set if it never came up though
// nobody had stopped it.
func (f *Function) ended(i *instance, why *function.Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.instances = slices.DeleteFunc(f.instances, func(o *instance) bool { return o == i })
	died := why == nil && i.died()
	var last *function.Failure
	for _, c := range i.running {
		last = i.failure(c)
		c.finish(function.Result{}, last)
	}
	clear(i.running)
	now := time.Now()
	switch {
	case why != nil:
		why.Unstarted = true // for whoever waits, and for those who come while the next may not be started
		f.crash.failed(why, now)
		for _, p := range f.probes {
			p <- why
		}
		f.probes = nil
		if !f.serving() {
			f.refuse(why)
		}
	case died && f.crash.died(last.Type, i.process.Ended(), i.process.TookTooMuch(), now) > 0:
		f.cfg.Logs.Add(logs.System, "", "rests for "+f.crash.String())
		f.cfg.Log.Warn("a function rests", "for", f.crash.rest, "deaths", f.crash.deaths)
		if why := f.hopeless(); why != nil {
			f.refuse(why)
		}
	}
	f.provide()
	f.letClose()
}

// refuse ends the calls that wait.
func (f *Function) refuse(why error) {
	for _, c := range f.waiting {
		c.finish(function.Result{}, why)
	}
	f.waiting = nil
}

// letClose lets Close go on when there is nothing left to wait for.
func (f *Function) letClose() {
	if !f.closed {
		return
	}
	busy := len(f.waiting) > 0
	for _, i := range f.instances {
		switch {
		case len(i.running) > 0:
			busy = true
		case len(f.waiting) == 0:
			i.stop(closing)
		}
	}
	if !busy {
		shut(f.quiet)
	}
	if len(f.instances) == 0 && len(f.waiting) == 0 {
		shut(f.empty)
	}
}

// shut closes a channel once.
func shut(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}
