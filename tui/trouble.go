package tui

import (
	"fmt"
	"slices"
	"strings"

	"faasd/internal/operator"
)

// trouble is one thing that is wrong.
type trouble struct {
	whole string // what is wrong, and what to do
	brief string // the same in a few words, what to do before names, which may be long
}

// diagnosis is all that is wrong in a snapshot.
type diagnosis struct {
	p    *operator.Picture
	list []trouble
}

func (d *diagnosis) add(brief, whole string, args ...any) {
	d.list = append(d.list, trouble{clean(fmt.Sprintf(whole, args...)), clean(brief)})
}

// diagnose says what is wrong and what to do, the worst first.
func diagnose(s *Snapshot) []trouble {
	d := &diagnosis{p: &s.Picture}
	d.unserved()
	d.missing()
	d.backlogs()
	d.failures(s)
	d.parts()
	d.stuckWorkers()
	d.lostWorkers()
	return d.list
}

// unserved are functions that nobody can run, or not everybody who should.
func (d *diagnosis) unserved() {
	for i := range d.p.Functions {
		f := &d.p.Functions[i]
		switch word, _ := functionWord(f); word {
		case wordNoWorker:
			d.noWorker(f)
		case wordFailed:
			d.add(wordFailed+": faasctl functions "+f.Name, "no version of %s has come up: faasctl functions %s says why", f.Name, f.Name)
		case wordBroken:
			d.add(wordBroken+": faasctl functions "+f.Name, "%s does not come up at %s: faasctl functions %s says why", f.Name, brokenAt(f), f.Name)
		}
	}
}

// noWorker says of a function that no worker serves what that means, and which
// worker to start. Where none is there at all, that is said once, unless jobs wait.
func (d *diagnosis) noWorker(f *operator.Function) {
	meaning := "requests for it wait"
	switch {
	case f.Waiting > 0:
		meaning = waits(f.Waiting)
	case d.p.Totals.Workers+d.p.Totals.WorkersDraining == 0:
		return
	}
	labels, one := "", "one that serves it ("+d.starting()+")"
	if len(f.Labels) > 0 { // those of `faasd up` have none
		list := strings.Join(f.Labels, ",")
		labels, one = " with the label "+list, "one (faasd worker --label "+list+")"
	}
	d.add(wordNoWorker+": start a worker for "+f.Name, "%s has no worker%s and %s: start %s", f.Name, labels, meaning, one)
}

// brokenAt names the first worker at which a function does not come up, and how
// many more there are.
func brokenAt(f *operator.Function) string {
	first := clean(f.Broken[0].Worker)
	if more := len(f.Broken) - 1; more > 0 {
		return fmt.Sprintf("%s and %d more", first, more)
	}
	return first
}

// starting is how workers are started: `faasd up` starts its own.
func (d *diagnosis) starting() string {
	if some(d.p.Supervisors, operator.StateOK) {
		return ":scale N, or faasd worker"
	}
	return "faasd worker"
}

// missing are roles of which nobody is heard.
func (d *diagnosis) missing() {
	if !some(d.p.Frontends, operator.StateOK) {
		d.add("no frontend is heard: start one", "no frontend is heard: clients reach nobody; start one (faasd frontend)")
	}
	if len(d.p.Queues) == 0 {
		d.add("no queue is heard: start one", "no queue is heard: jobs wait at brokers; start one (faasd queue --name queueA)")
	} else if d.p.Totals.Workers+d.p.Totals.WorkersDraining == 0 {
		d.add("no worker is there: start one", "no worker is there: requests wait; start one (%s)", d.starting())
	}
	if !some(d.p.Brokers, operator.StateOK) {
		d.add("no broker is heard: start one", "no broker is heard: frontends refuse requests; start one (faasd broker)")
	}
}

func (d *diagnosis) backlogs() {
	for i := range d.p.Functions {
		f := &d.p.Functions[i]
		if word, _ := functionWord(f); word != wordBacklog {
			continue
		}
		brief, remedy := wordBacklog+": more workers for "+f.Name, fmt.Sprintf("all slots that serve %s are busy: more workers for it, or fewer requests", f.Name)
		if f.Free > 0 {
			brief, remedy = wordBacklog+": queues hand over "+f.Name, "slots that serve it are free elsewhere: queues hand over within a second"
		}
		d.add(brief, "%s: %s, the oldest for %s; %s", f.Name, waits(f.Waiting), millis(f.Oldest), remedy)
	}
}

// failures are requests that were not answered with OK in the last minute.
func (d *diagnosis) failures(s *Snapshot) {
	f := &s.Failed
	whose, logs := "", "functions (f) and faasctl logs"
	if f.Function != "" && max(f.Errors, f.Others, f.Expired) == f.Errors+f.Others+f.Expired { // of several kinds it is not known which is whose
		whose, logs = " ("+f.Function+")", "faasctl logs "+f.Function
		if f.Several {
			whose, logs = " ("+f.Function+" and others)", "functions (f) and "+logs
		}
	}
	for _, kind := range []struct {
		count        uint64
		brief, whole string // why, and what to do
	}{
		{f.Errors, "(500): see " + logs, "an error of the function's own (500); see " + logs},
		{f.Others, "(502): see " + logs, "the function could not be run, crashed, or lost its workers (502); see events (e), " + logs},
		{f.Expired, "(504): too slow, or few workers", "out of time (504); the function is too slow, its timeout too short, or workers are too few"},
	} {
		if n := plural(int(kind.count), "request"); kind.count > 0 {
			d.add(n+" failed "+kind.brief, "%s failed in the last minute%s: %s", n, whose, kind.whole)
		}
	}
	if n := plural(int(s.Refused), "request"); s.Refused > 0 {
		d.add(n+" refused (503): more workers", "%s refused with 503 in the last minute: more is asked for than the workers can do", n)
	}
}

// parts are those that are not heard, or not understood.
func (d *diagnosis) parts() {
	for _, kind := range []struct {
		role  string
		parts []operator.Part
	}{
		{"queue", d.p.QueueParts()}, {"broker", d.p.Brokers}, {"frontend", d.p.Frontends},
		{"coordinator", d.p.Coordinators}, {"supervisor", d.p.Supervisors},
	} {
		for _, p := range kind.parts {
			name := kind.role + " " + p.Name
			switch p.State {
			case operator.StateLost:
				d.add(wordLost+": see the log of "+name, "%s is not heard for %s: see whether it runs, and its log", name, millis(p.AgeMillis))
			case operator.StateOther:
				d.add(wordVersion+": upgrade "+name, "%s speaks another version of the bus (%s): finish the upgrade", name, p.Version)
			}
		}
	}
}

func (d *diagnosis) stuckWorkers() {
	for i := range d.p.Workers {
		if w := &d.p.Workers[i]; w.Stuck > 0 {
			d.add(wordStuck+": kill (K) "+w.Name, "worker %s has %s that should have stopped and holds its slot: kill it (K)", w.Name, plural(w.Stuck, "run"))
		}
	}
}

// maxLost is how many lost workers are named.
const maxLost = 5

// lostWorkers says which workers were lost, and why.
func (d *diagnosis) lostWorkers() {
	lost := d.p.Lost()
	for _, w := range lost[:min(len(lost), maxLost)] {
		d.add(wordLost+": "+w.Name+" ("+w.Reason+")", "worker %s of %s was lost (%s); %s", w.Name, w.Queue, w.Reason, d.fate(w))
	}
	if more := len(lost) - maxLost; more > 0 {
		d.add(plural(more, "more worker")+" lost: a lists all", "%s %s lost: a lists all", plural(more, "more worker"), was(more))
	}
}

// fate is what becomes of that which a lost worker ran.
func (d *diagnosis) fate(w *operator.Worker) string {
	alone := slices.DeleteFunc(slices.Clone(w.Functions), d.p.Served)
	switch {
	case len(alone) == 0:
		return "what it ran runs again elsewhere"
	case len(alone) == len(w.Functions):
		return "what it ran waits: nobody else serves " + firstFew(alone)
	}
	return "what it ran runs again elsewhere, but " + firstFew(alone) + " waits: nobody else serves it"
}

// firstFew lists the first three of many names.
func firstFew(names []string) string {
	const most = 3
	if more := len(names) - most; more > 0 {
		return strings.Join(names[:most], ", ") + " and " + plural(more, "other")
	}
	return strings.Join(names, ", ")
}

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func waits(n int) string {
	if n == 1 {
		return "1 job waits"
	}
	return count(n) + " jobs wait"
}

func some(parts []operator.Part, state string) bool {
	return slices.ContainsFunc(parts, func(p operator.Part) bool { return p.State == state })
}
