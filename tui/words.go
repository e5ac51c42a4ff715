package tui

import (
	"slices"
	"time"

	"faasd/internal/operator"
)

// backlogAfter is how long a job may wait before its queue is said to have a
// backlog.
const backlogAfter = time.Second

// The words for states. docs/OPERATING.md says what to do about each.
const (
	wordBacklog  = "!BACKLOG"
	wordNoWorker = "!NO WRK"
	wordFailed   = "!FAILED"
	wordBroken   = "!BROKEN"
	wordLost     = "!LOST"
	wordVersion  = "!VERSION"
	wordStuck    = "!STUCK"
	wordIdle     = "no work."
	wordKilled   = "killed"
)

func partWord(state string) (string, mood) {
	switch state {
	case operator.StateLost:
		return wordLost, bad
	case operator.StateOther:
		return wordVersion, bad
	case operator.StateDraining:
		return state, caution
	case operator.StateOK:
		return state, good
	}
	return state, plain
}

// queueWord says how a queue is. That it has no worker is only bad where jobs
// wait there that no worker of any queue serves: others are pulled by queues that
// have one.
func queueWord(q *operator.Queue, p *operator.Picture) (string, mood) {
	heard := q.State == operator.StateOK || q.State == operator.StateNoWorker
	switch {
	case heard && waitsInVain(q, p):
		return wordNoWorker, bad
	case heard && q.Waiting > 0 && q.Oldest >= backlogAfter.Milliseconds():
		return wordBacklog, bad
	case q.State == operator.StateNoWorker:
		return wordIdle, caution
	}
	return partWord(q.State)
}

// waitsInVain reports whether a job waits at a queue whose function has no worker
// anywhere.
func waitsInVain(q *operator.Queue, p *operator.Picture) bool {
	for name, f := range q.Functions {
		if f.Waiting > 0 && !served(p, name) {
			return true
		}
	}
	return false
}

// served reports whether some worker has a function.
func served(p *operator.Picture, function string) bool {
	return slices.ContainsFunc(p.Functions, func(f operator.Function) bool { return f.Name == function && f.Workers > 0 })
}

func functionWord(f *operator.Function) (string, mood) {
	switch {
	case f.State == operator.StateFailed:
		return wordFailed, bad
	case f.Workers == 0 && f.Waiting > 0:
		return wordNoWorker, bad
	case f.Waiting > 0 && f.Oldest >= backlogAfter.Milliseconds():
		return wordBacklog, bad
	case f.State == operator.StateBroken:
		return wordBroken, bad
	case f.State == operator.StateRemoved:
		return f.State, caution
	case f.Workers == 0:
		return wordIdle, caution
	}
	return operator.StateOK, good
}

func workerWord(w *operator.Worker) (string, mood) {
	switch {
	case w.Killed():
		return wordKilled, caution
	case w.State == operator.StateLost:
		return wordLost, bad
	case w.Stuck > 0:
		return wordStuck, bad
	case w.State == operator.WorkerUp:
		return operator.StateOK, good
	}
	return clean(w.State), caution
}
