package tui

import (
	"fmt"
	"strings"
	"time"

	"faasd/internal/operator"
)

var queueColumns = []column{
	{title: "QUEUE", width: 8, grow: true},
	{title: "STATE", width: 10},
	{title: "WAITING", width: 7, right: true},
	{title: "IN-FL", width: 5, right: true, rank: 3},
	{title: "FREE/ALL", width: 8, right: true, rank: 4},
	{title: "IN/s", width: 5, right: true, rank: 6},
	{title: "OUT/s", width: 5, right: true, rank: 2},
	{title: "HANDED±", width: 11, right: true, rank: 9},
	{title: "OLDEST", width: 6, right: true, rank: 5},
	{title: "p50", width: 6, right: true, rank: 7},
	{title: "p95", width: 6, right: true, rank: 8},
	{title: "p99", width: 6, right: true, rank: 1},
	{title: "TREND", width: 8, rank: 10},
}

func queueRows(s *Snapshot) (rows []row) {
	for i := range s.Picture.Queues {
		q := &s.Picture.Queues[i]
		word, m := queueWord(q, &s.Picture)
		rows = append(rows, row{q.Incarnation.String(), []cell{
			text(q.Name), mooded(word, m), counted(q.Waiting), counted(q.Running),
			number(fmt.Sprintf("%d/%d", q.Free, q.Slots), float64(q.Free)),
			rated(q.Rates.Known, q.Rates.In), rated(q.Rates.Known, q.Rates.Out),
			number(fmt.Sprintf("+%d/-%d", q.Taken, q.Moved), float64(q.Taken+q.Moved)),
			timed(q.Oldest), timed(q.Latency.P50), timed(q.Latency.P95), timed(q.Latency.P99),
			text(sparkline(s.Trends[q.Incarnation.String()], 8)),
		}})
	}
	return rows
}

var workerColumns = []column{
	{title: "WORKER", width: 10, grow: true},
	{title: "QUEUE", width: 8, rank: 7},
	{title: "HOST/PID", width: 16, grow: true, rank: 6},
	{title: "FUNCTIONS", width: 12, grow: true, rank: 5},
	{title: "STATE", width: 8},
	{title: "IN-FL", width: 5, right: true, rank: 2},
	{title: "JOB", width: 5, rank: 4},
	{title: "RUNNING", width: 7, right: true, rank: 1},
	{title: "DONE/s", width: 6, right: true, rank: 1},
	{title: "FAIL", width: 5, right: true, rank: 8},
	{title: "p99", width: 6, right: true, rank: 3},
	{title: "HEARD", width: 6, right: true, rank: 9},
}

// workerID is the id of a worker's row: native ones keep their own id wherever
// they go, and may be listed by two queues for a while.
func workerID(w *operator.Worker) string { return w.ID + "@" + w.QueueIncarnation.String() }

// workerRows lists workers that keep says.
func workerRows(s *Snapshot, keep func(*operator.Worker) bool) (rows []row) {
	for i := range s.Picture.Workers {
		w := &s.Picture.Workers[i]
		if !keep(w) {
			continue
		}
		word, m := workerWord(w)
		last := strings.Join(s.Picture.Serves(w), ",")
		if w.Reason != "" {
			last = w.Reason
		}
		job, running := none, number(none, 0)
		if w.Job != "" {
			job, running = tail(w.Job), timed(max(w.RunMillis, 1))
		}
		rows = append(rows, row{workerID(w), []cell{
			text(w.Name), text(w.Queue), text(place(w.Host, w.PID)), text(last), mooded(word, m),
			number(fmt.Sprintf("%d/%d", w.Running, w.Slots), float64(w.Running)),
			text(job), running, rated(w.Rates.Known, w.Rates.Out), counted(w.Failed), timed(w.P99), heard(w),
		}})
	}
	return rows
}

// busySilent reports whether nothing is to be heard of a worker now: one that
// speaks REQ or Majordomo says nothing while it runs a job.
func busySilent(w *operator.Worker) bool {
	return !w.Native() && w.Running > 0 && w.State != operator.StateLost
}

// heard is how long ago a worker was.
func heard(w *operator.Worker) cell {
	if busySilent(w) {
		return number("busy", float64(w.HeardMillis))
	}
	return timed(max(w.HeardMillis, 1))
}

// anyWorker keeps all.
func anyWorker(*operator.Worker) bool { return true }

// workerAt keeps those of the queue whose row has that id.
func workerAt(queue string) func(*operator.Worker) bool {
	return func(w *operator.Worker) bool { return w.QueueIncarnation.String() == queue }
}

func place(host string, pid int) string {
	if host == "" && pid == 0 {
		return none
	}
	return fmt.Sprintf("%s/%d", host, pid)
}

var jobColumns = []column{
	{title: "JOB", width: 26},
	{title: "FUNCTION", width: 8, grow: true},
	{title: "STATE", width: 7},
	{title: "QUEUE", width: 8, rank: 5},
	{title: "WORKER", width: 10, grow: true, rank: 3},
	{title: "ATTEMPT", width: 7, right: true, rank: 2},
	{title: "MOVES", width: 5, right: true, rank: 8},
	{title: "AGE", width: 6, right: true},
	{title: "RUNNING", width: 7, right: true, rank: 4},
	{title: "LEFT", width: 6, right: true, rank: 6},
	{title: "BYTES", width: 7, right: true, rank: 7},
}

// jobRows lists jobs that keep says.
func jobRows(s *Snapshot, keep func(*operator.Job) bool) (rows []row) {
	for i := range s.Picture.Jobs {
		j := &s.Picture.Jobs[i]
		if !keep(j) {
			continue
		}
		worker := j.Worker
		if worker == "" {
			worker = none
		}
		attempt := cell{text: fmt.Sprintf("%d/%d", j.Attempt, j.AttemptLimit), sort: float64(j.Attempt), by: true}
		if j.Attempt > 1 {
			attempt.mood = caution
		}
		rows = append(rows, row{j.ID, []cell{
			text(j.ID), text(j.Function), text(j.State), text(j.Queue), text(worker), attempt, counted(j.Moves),
			timed(max(j.AgeMillis, 1)), timed(j.RunMillis), timed(j.LeftMillis), counted(j.Bytes),
		}})
	}
	return rows
}

var functionColumns = []column{
	{title: "FUNCTION", width: 12, grow: true},
	{title: "STATE", width: 8},
	{title: "WORKERS", width: 7, right: true, rank: 5},
	{title: "FREE", width: 5, right: true, rank: 4},
	{title: "WAITING", width: 7, right: true},
	{title: "IN-FL", width: 5, right: true, rank: 2},
	{title: "IN/s", width: 5, right: true, rank: 6},
	{title: "OUT/s", width: 5, right: true, rank: 1},
	{title: "FAIL/s", width: 6, right: true, rank: 3},
	{title: "OLDEST", width: 6, right: true, rank: 7},
	{title: "p50", width: 6, right: true, rank: 8},
	{title: "p95", width: 6, right: true, rank: 9},
	{title: "p99", width: 6, right: true, rank: 1},
	{title: "max", width: 6, right: true, rank: 10},
}

func functionRows(s *Snapshot) (rows []row) {
	for i := range s.Picture.Functions {
		f := &s.Picture.Functions[i]
		word, m := functionWord(f)
		failing := rated(f.Rates.Known, f.Rates.Failed)
		if f.Rates.Failed > 0.05 {
			failing.mood = bad
		}
		rows = append(rows, row{f.Name, []cell{
			text(f.Name), mooded(word, m), counted(f.Workers), counted(f.Free), counted(f.Waiting), counted(f.Running),
			rated(f.Rates.Known, f.Rates.In), rated(f.Rates.Known, f.Rates.Out), failing,
			timed(f.Oldest), timed(f.Latency.P50), timed(f.Latency.P95), timed(f.Latency.P99), timed(f.Latency.Max),
		}})
	}
	return rows
}

var partColumns = []column{
	{title: "PART", width: 12, grow: true},
	{title: "ROLE", width: 11},
	{title: "STATE", width: 8},
	{title: "HOST/PID", width: 16, grow: true, rank: 2},
	{title: "VERSION", width: 10, grow: true, rank: 4},
	{title: "UP", width: 6, right: true, rank: 3},
	{title: "HEARD", width: 6, right: true, rank: 5},
	{title: "JOBS", width: 30, grow: true, rank: 1},
}

// partRows lists frontends, brokers, coordinators and supervisors.
func partRows(s *Snapshot) (rows []row) {
	add := func(role string, p *operator.Part, jobs string) {
		word, m := partWord(p.State)
		rows = append(rows, row{p.Incarnation.String(), []cell{
			text(p.Name), text(role), mooded(word, m), text(place(p.Host, p.PID)), text(p.Version),
			number(span(since(s, p)), since(s, p).Seconds()), timed(max(p.AgeMillis, 1)), text(jobs),
		}})
	}
	for i := range s.Picture.Frontends {
		p := &s.Picture.Frontends[i]
		jobs := ""
		if f := p.Frontend; f != nil {
			jobs = fmt.Sprintf("%s open, %s refused", count(f.Open), count(f.Refused))
		}
		add("frontend", p, jobs)
	}
	for i := range s.Picture.Brokers {
		p := &s.Picture.Brokers[i]
		jobs := ""
		if b := p.Broker; b != nil {
			jobs = fmt.Sprintf("%s held, %s without a queue", count(b.Holding), count(b.Unrouted))
		}
		add("broker", p, jobs)
	}
	for i := range s.Picture.Coordinators {
		add("coordinator", &s.Picture.Coordinators[i], "")
	}
	for i := range s.Picture.Supervisors {
		p := &s.Picture.Supervisors[i]
		jobs := ""
		if v := p.Supervisor; v != nil {
			jobs = fmt.Sprintf("%d of %s run", len(v.PIDs), plural(v.Wanted, "worker"))
		}
		add("supervisor", p, jobs)
	}
	return rows
}

// since is for how long a part has been up.
func since(s *Snapshot, p *operator.Part) time.Duration {
	if p.Started == 0 {
		return 0
	}
	return max(s.Taken.Sub(time.UnixMilli(p.Started)), 0)
}

var eventColumns = []column{
	{title: "TIME", width: 8},
	{title: "LEVEL", width: 5, rank: 1},
	{title: "WHO", width: 8, grow: true},
	{title: "KIND", width: 13, grow: true, rank: 2},
	{title: "WHAT", width: 30, grow: true},
}

// eventRows lists events that keep says, the oldest first.
func eventRows(s *Snapshot, zone *time.Location, keep func(*operator.Event) bool) (rows []row) {
	for i := range s.Events {
		e := &s.Events[i]
		if !keep(e) {
			continue
		}
		level, m := "INFO", plain
		if e.Level == "warn" {
			level, m = "WARN", caution
		}
		what := e.Text
		if e.Job != "" && !strings.Contains(what, e.Job) {
			what += " (job " + tail(e.Job) + ")"
		}
		if e.Worker != "" && !strings.HasPrefix(what, e.Worker) {
			what = e.Worker + " " + what
		}
		rows = append(rows, row{fmt.Sprint(s.Begun + i), []cell{
			number(time.UnixMilli(e.Millis).In(zone).Format(time.TimeOnly), float64(e.Millis)), mooded(level, m), text(e.Name), text(e.Kind), text(what),
		}})
	}
	return rows
}
