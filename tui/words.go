package tui

import (
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
	wordBare     = "no workers" // of a queue; functions that no worker serves are wordNoWorker
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
// wait in vain.
func queueWord(q *operator.Queue, p *operator.Picture) (string, mood) {
	heard := q.State == operator.StateOK || q.State == operator.StateNoWorker
	switch {
	case heard && p.WaitInVain(q):
		return wordNoWorker, bad
	case heard && q.Waiting > 0 && q.Oldest >= backlogAfter.Milliseconds():
		return wordBacklog, bad
	case q.State == operator.StateNoWorker:
		return wordBare, caution
	}
	return partWord(q.State)
}

func functionWord(f *operator.Function) (string, mood) {
	switch {
	case f.State == operator.StateFailed:
		return wordFailed, bad
	case f.Workers == 0 && f.State == operator.StateBroken:
		return wordBroken, bad
	case f.Workers == 0 && f.Waiting > 0:
		return wordNoWorker, bad
	case f.Waiting > 0 && f.Oldest >= backlogAfter.Milliseconds():
		return wordBacklog, bad
	case f.State == operator.StateBroken:
		return wordBroken, bad
	case f.State == operator.StateRemoved:
		return f.State, caution
	case f.Workers == 0:
		return wordNoWorker, bad
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
