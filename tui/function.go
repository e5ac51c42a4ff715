package tui

import (
	"fmt"
	"slices"

	"faasd/internal/operator"
)

// newFunction is the view of one function: the workers that serve it, and its jobs.
func newFunction(name string) *tabbed {
	v := &tabbed{name: clean(name)}
	v.tabs.list = []*pane{
		{table: newTable("no worker serves it", workerColumns...), kind: ofWorkers, title: "Workers"},
		{table: newTable("no job of it waits or runs", jobColumns...), kind: ofJobs, title: "Jobs"},
	}
	v.rows = []func(*Snapshot) []row{
		func(s *Snapshot) []row {
			return workerRows(s, func(w *operator.Worker) bool { return slices.Contains(w.Functions, name) })
		},
		func(s *Snapshot) []row {
			return jobRows(s, func(j *operator.Job) bool { return j.Function == name })
		},
	}
	v.about = func(s *Snapshot, th *theme) []string {
		i := slices.IndexFunc(s.Picture.Functions, func(f operator.Function) bool { return f.Name == name })
		if i < 0 {
			return []string{th.say(bad, fmt.Sprintf("function %s is no longer served; Esc goes back", v.name))}
		}
		f := &s.Picture.Functions[i]
		word, m := functionWord(f)
		return []string{
			"function " + th.say(title, v.name), th.say(m, word), "waiting " + count(f.Waiting), "in-flight " + count(f.Running),
			"oldest waits " + millis(f.Oldest), plural(f.Workers, "worker"), plural(f.Free, "slot") + " free",
			"in " + perSecond(f.Rates.In) + "/s", "out " + perSecond(f.Rates.Out) + "/s", "failed " + perSecond(f.Rates.Failed) + "/s",
			"p50 " + millis(f.Latency.P50), "p95 " + millis(f.Latency.P95), "p99 " + millis(f.Latency.P99), "max " + millis(f.Latency.Max),
		}
	}
	return v
}
