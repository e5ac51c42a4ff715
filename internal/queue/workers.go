package queue

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"faasd/internal/job"
	"faasd/internal/latency"
	"faasd/internal/role"
	"faasd/internal/wire"
)

// Kinds of worker, by what they speak.
const (
	kindNative = "native"
	kindREQ    = "req"
	kindMDP    = "mdp" // Majordomo, ZeroMQ's RFC 7
)

// maxWorkers bounds the workers of one queue, maxFunctions the functions that
// they make known there: all of them are in every state that it publishes.
const (
	maxWorkers   = 16 << 10
	maxFunctions = 4096
)

// mayJoin refuses one worker more than there may be, or functions.
func (m *Machine) mayJoin(name string, functions []string) error {
	if len(m.workers) >= maxWorkers {
		return fmt.Errorf("%w: worker %.80q is one beyond %d workers", wire.ErrMalformed, name, maxWorkers)
	}
	return m.mayServe(name, functions)
}

// mayServe refuses a worker's functions if they are too many with all others.
func (m *Machine) mayServe(name string, functions []string) error {
	unknown := 0
	for _, fn := range functions {
		if m.functions[fn] == nil {
			unknown++
		}
	}
	if unknown > 0 && len(m.functions)+unknown > maxFunctions {
		return fmt.Errorf("%w: worker %.80q has functions beyond %d", wire.ErrMalformed, name, maxFunctions)
	}
	return nil
}

// workerKey tells workers apart: native ones by incarnation, all others by route.
type workerKey struct {
	native wire.Incarnation
	route  string
}

func routeKey(route string) workerKey { return workerKey{route: route} }

func compareWorkers(a, b workerKey) int {
	return cmp.Or(cmp.Compare(a.native, b.native), cmp.Compare(a.route, b.route))
}

// worker is one that has joined. Exactly one of link, req and mdp is set until it is lost.
type worker struct {
	key        workerKey
	id         string // for operators, unique within the queue
	name       string
	member     wire.Member   // native
	route      string        // its present routing id
	crew       *crew         // of those that serve the same functions
	builtIn    []string      // native: functions that it has without a catalogue
	follows    wire.Serves   // native: what it has said of the catalogue; zero: nothing
	telling    *wire.Message // native: the last CATALOGUE that its link carries
	slots      int
	draining   bool                  // it has said so itself
	drainAsked bool                  // an operator has asked it to drain
	undrainSeq uint64                // number of the message that takes that back; 0: none is on its way
	doomed     role.Time             // since when it should be dead, by an operator's command; 0 it need not
	welcomed   bool                  // has been counted in
	alone      bool                  // what it runs, if anything, must be the only thing
	kept       bool                  // it is given nothing until it is empty
	cut        bool                  // a packet to it found no connection, and nothing has come since
	quiet      bool                  // native: nothing has come for job.QuietAfter
	recheck    map[wire.JobID]*entry // its link is new, and its first HELLO says which of these it has; nil otherwise
	jobs       map[wire.JobID]*entry
	ahead      job.FIFO[*entry]         // of jobs, those that it was given ahead and that wait for a slot there
	aheadFrom  role.Time                // before then it is given none ahead
	long       int                      // of jobs, those whose function was thought to take long when they were given
	brief      int                      // likewise, those of functions whose runs were brief
	stopping   map[wire.JobID]role.Time // not wanted from it since then, and perhaps still running; each holds a slot
	stuck      bool                     // it was said that one of them does not stop
	inLine     bool                     // it stands in its crew's idle line
	lined      uint64                   // its number there; who came first has the lowest
	joined     role.Time
	heard      role.Time
	done       uint64
	failed     uint64         // of done
	took       latency.Window // of what it has returned, from its being given to it
	dropped    bool           // it is this queue's no more
	state      uint8          // see workerStates
	gone       role.Time      // when it was lost
	reason     string

	link *job.Acceptor // native
	req  *reqState     // REQ
	mdp  *mdpState     // MDP
	give func(now role.Time, e *entry)
}

func (w *worker) kind() string {
	switch {
	case w.req != nil:
		return kindREQ
	case w.mdp != nil:
		return kindMDP
	}
	return kindNative
}

// foreign reports whether a worker is another's program: it has no link, and one
// slot, and cannot be told anything while it runs a job.
func (w *worker) foreign() bool { return w.req != nil || w.mdp != nil }

// foreigner returns the worker behind a route that is no native one's; nil if
// there is none. One that speaks otherwise than before is one no more.
func (m *Machine) foreigner(now role.Time, route, kind string) *worker {
	w := m.workers[routeKey(route)]
	if w != nil && w.kind() != kind {
		m.workerGone(now, w, "broke the protocol: it speaks as a worker of kind "+kind+" now")
		return nil
	}
	return w
}

// free is how many more jobs it can run now.
func (w *worker) free() int {
	if !w.takes() {
		return 0
	}
	return max(w.slots-len(w.jobs)-len(w.stopping), 0)
}

// takes reports whether it may be given jobs at all.
func (w *worker) takes() bool {
	switch {
	case !w.welcomed || w.gone != 0 || w.draining || w.drainAsked || w.doomed != 0 || w.cut || w.quiet:
		return false
	case w.req != nil && w.req.phase != reqReady, w.mdp != nil && w.mdp.phase != mdpReady:
		return false
	case w.link != nil && !w.link.Ready():
		return false
	}
	return !w.alone && !w.kept || w.empty()
}

// stuckAfter is how long a run may go on after it was told to stop before people
// are told of it: its function does not end with its context, and its slot is lost
// until it does.
const stuckAfter = 5 * time.Second

// hung counts the runs that do not stop.
func (w *worker) hung(now role.Time) (n int) {
	for _, since := range w.stopping {
		if now-since >= stuckAfter {
			n++
		}
	}
	return n
}

// tellStuck tells once that a worker has runs that do not stop.
func (m *Machine) tellStuck(now role.Time, w *worker) {
	n := w.hung(now)
	if n > 0 && !w.stuck {
		m.cfg.Log.Warn("runs do not stop", "worker", w.name, "runs", n, "functions", w.crew.functions)
		m.event(now, wire.LevelWarn, "worker-stuck", w.name, "", fmt.Sprintf(
			"%s told to stop %s ago still going on: the function does not end with its time, and holds a slot", wire.Plural(n, "run"), stuckAfter))
	}
	w.stuck = n > 0
	for _, since := range w.stopping {
		if due := since + stuckAfter; now < due {
			m.timer.By(now, due)
		}
	}
}

// empty reports whether it runs nothing, not even what is to be stopped.
func (w *worker) empty() bool { return len(w.jobs)+len(w.stopping) == 0 }

// excuse takes back silence that this process has slept through.
func (w *worker) excuse(slept role.Time) {
	switch {
	case w.link != nil:
		w.link.Excuse(slept)
	case w.req != nil:
		w.req.since += slept
	case w.mdp != nil:
		w.mdp.since += slept
	}
}

func (m *Machine) newWorker(now role.Time, key workerKey, name, route string, functions []string, slots int) *worker {
	w := &worker{
		key: key, id: key.native.String(), name: name, route: route, slots: slots, joined: now, heard: now,
		jobs: make(map[wire.JobID]*entry), stopping: make(map[wire.JobID]role.Time),
	}
	m.workers[key] = w
	m.join(w, functions)
	m.look(w)
	return w
}

// welcome counts a worker in once it can be given jobs.
func (m *Machine) welcome(now role.Time, w *worker) {
	if w.welcomed {
		m.serve(now, w)
		return
	}
	w.welcomed = true
	m.look(w)
	if w.key.native != 0 { // one that comes back is lost no more
		m.lost = slices.DeleteFunc(m.lost, func(o *worker) bool { return o.key == w.key })
	}
	m.cfg.Log.Info("worker joined", "worker", w.name, "kind", w.kind(), "functions", w.crew.functions, "slots", w.slots)
	m.event(now, wire.LevelInfo, "worker-joined", w.name, "", fmt.Sprintf("joined %s with %s", m.name, wire.Plural(w.slots, "slot")))
	m.serve(now, w)
	m.workersChanged(now)
}

// serve gives waiting jobs of the worker's functions to whoever is free.
func (m *Machine) serve(now role.Time, w *worker) {
	m.lineUp(w)
	if names := w.crew.functions; len(names) == 1 {
		m.dispatch(now, m.function(names[0]))
	} else {
		m.dispatchFairly(now, w.crew.serves)
	}
	m.giveAhead(now, w)
	m.bus.Changed()
	m.pull(now)
}

// resultArrived takes a worker's result. The first one of a job counts,
// whichever run it comes from.
func (m *Machine) resultArrived(now role.Time, w *worker, msg *wire.Message) {
	delete(w.stopping, msg.Job)
	e := m.jobs[msg.Job]
	if e == nil {
		m.late++ // cancelled, moved, or answered by another run
		m.serve(now, w)
		return
	}
	if e.state == running && e.worker != w {
		m.cancelAt(now, e)
	}
	f := e.function
	ran := time.Duration(msg.RanMicros) * time.Microsecond
	f.lasted(ran)
	m.returned(now, w, f, e, ran, msg.Code)
	msg.Header = wire.Header{Code: msg.Code, BodyLength: msg.BodyLength, BodyChecksum: msg.BodyChecksum, FunctionVersion: msg.FunctionVersion}
	msg.Meta = wire.Meta{ContentType: msg.Meta.ContentType, Worker: w.name, Reason: msg.Meta.Reason, ErrorType: msg.Meta.ErrorType, LogTail: msg.Meta.LogTail}
	m.finish(now, e, msg)
	m.serve(now, w)
}

// wants reports whether the result of a job that was given to a foreign worker is
// still wanted from it, and counts it as late if not.
func (m *Machine) wants(w *worker, e *entry) bool {
	if m.jobs[e.msg.Job] != e || e.worker != w {
		m.late++ // cancelled meanwhile
		return false
	}
	return true
}

// liveWorkers counts those that take jobs, and those among them that know no
// other queue.
func (m *Machine) liveWorkers() (all, pinned int) {
	for _, w := range m.workers {
		if w.welcomed && !w.draining && !w.drainAsked && w.doomed == 0 {
			all++
			if w.mdp != nil {
				pinned++
			}
		}
	}
	return all, pinned
}
