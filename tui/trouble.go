package tui

import (
	"fmt"
	"time"

	"faasd/internal/operator"
)

// backlogAfter is how long a job may wait before its queue is said to have a
// backlog.
const backlogAfter = time.Second

// The words for what is wrong. docs/OPERATING.md says what to do about each.
const (
	wordBacklog  = "!BACKLOG"
	wordNoWorker = "!NO WRK"
	wordLost     = "!LOST"
	wordVersion  = "!VERSION"
	wordStuck    = "!STUCK"
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

func queueWord(q *operator.Queue) (string, mood) {
	switch {
	case q.State == operator.StateNoWorker && q.Waiting > 0:
		return wordNoWorker, bad
	case q.State == operator.StateNoWorker:
		return "no work.", caution
	case q.State == operator.StateOK && q.Waiting > 0 && q.Oldest >= backlogAfter.Milliseconds():
		return wordBacklog, bad
	}
	return partWord(q.State)
}

func functionWord(f *operator.Function) (string, mood) {
	switch {
	case f.Workers == 0 && f.Waiting > 0:
		return wordNoWorker, bad
	case f.Workers == 0:
		return "no work.", caution
	case f.Waiting > 0 && f.Oldest >= backlogAfter.Milliseconds():
		return wordBacklog, bad
	}
	return operator.StateOK, good
}

func workerWord(w *operator.Worker) (string, mood) {
	switch {
	case w.State == operator.StateLost:
		return wordLost, bad
	case w.Stuck > 0:
		return wordStuck, bad
	case w.State == operator.WorkerUp:
		return "ok", good
	}
	return clean(w.State), caution
}

// troubles says what is wrong and what to do, the worst first.
func troubles(s *Snapshot) (list []string) {
	p := &s.Picture
	say := func(format string, args ...any) { list = append(list, clean(fmt.Sprintf(format, args...))) }
	for i := range p.Functions {
		f := &p.Functions[i]
		if word, _ := functionWord(f); word == wordNoWorker {
			say("%s has no worker and %s: start one that serves it (faasd worker)", f.Name, waits(f.Waiting))
		}
	}
	serving := 0
	for _, part := range p.Frontends {
		if part.State == operator.StateOK {
			serving++
		}
	}
	if serving == 0 {
		say("no frontend is heard: clients reach nobody; start one (faasd frontend)")
	}
	if len(p.Queues) == 0 {
		say("no queue is heard: jobs wait at brokers; start one (faasd queue --name queueA)")
	} else if p.Totals.Workers+p.Totals.WorkersDraining == 0 {
		say("no worker is there: requests wait; start one (faasd worker)")
	}
	if !some(p.Brokers, operator.StateOK) {
		say("no broker is heard: frontends refuse requests; start one (faasd broker)")
	}
	for i := range p.Functions {
		f := &p.Functions[i]
		if word, _ := functionWord(f); word == wordBacklog {
			say("%s: %s, the oldest for %s; %s", f.Name, waits(f.Waiting), millis(f.Oldest), more(f))
		}
	}
	if s.Failed > 0 {
		say("%s failed in the last minute%s: 504 is too slow or too few workers, else see functions (f) and their logs",
			plural(int(s.Failed), "request"), whose(p))
	}
	if s.Refused > 0 {
		say("%s refused with 503 in the last minute: more is asked for than the workers can do", plural(int(s.Refused), "request"))
	}
	for _, part := range p.QueueParts() {
		trouble(&part, "queue", say)
	}
	for _, kind := range []struct {
		role  string
		parts []operator.Part
	}{{"broker", p.Brokers}, {"frontend", p.Frontends}, {"coordinator", p.Coordinators}, {"supervisor", p.Supervisors}} {
		for i := range kind.parts {
			trouble(&kind.parts[i], kind.role, say)
		}
	}
	for i := range p.Workers {
		if w := &p.Workers[i]; w.Stuck > 0 {
			say("worker %s has %s that should have stopped and holds its slot: kill it (K)", w.Name, plural(w.Stuck, "run"))
		}
	}
	lostWorkers(p, say)
	return list
}

// maxLost is how many lost workers are named.
const maxLost = 5

// lostWorkers says which workers were lost, and why.
func lostWorkers(p *operator.Picture, say func(string, ...any)) {
	named := 0
	for i := range p.Workers {
		w := &p.Workers[i]
		if w.State != operator.StateLost || named == min(p.Totals.WorkersLost, maxLost) {
			continue
		}
		named++
		say("worker %s of %s was lost (%s); what it ran runs again elsewhere", w.Name, w.Queue, w.Reason)
	}
	if more := p.Totals.WorkersLost - named; more > 0 {
		were := "was"
		if more > 1 {
			were = "were"
		}
		say("%s %s lost: a lists all", plural(more, "more worker"), were)
	}
}

func trouble(p *operator.Part, role string, say func(string, ...any)) {
	switch p.State {
	case operator.StateLost:
		say("%s %s is not heard for %s: see whether it runs, and its log", role, p.Name, millis(p.AgeMillis))
	case operator.StateOther:
		say("%s %s speaks another version of the bus (%s): finish the upgrade", role, p.Name, p.Version)
	}
}

// whose names the function that fails most, if one is known to.
func whose(p *operator.Picture) string {
	most, name := 0.05, ""
	for i := range p.Functions {
		if f := &p.Functions[i]; f.Rates.Failed > most {
			most, name = f.Rates.Failed, " ("+f.Name+")"
		}
	}
	return name
}

func some(parts []operator.Part, state string) bool {
	for _, p := range parts {
		if p.State == state {
			return true
		}
	}
	return false
}

func waits(n int) string {
	if n == 1 {
		return "1 job waits"
	}
	return count(n) + " jobs wait"
}

// more is what helps against a backlog.
func more(f *operator.Function) string {
	if f.Free > 0 {
		return "slots are free elsewhere: queues hand over within a second"
	}
	return "all slots are busy: more workers, or fewer requests"
}
