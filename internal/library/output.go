package library

import (
	"faasd/internal/function/logs"
	"faasd/internal/wire"
)

// Tail is the end of what was printed for a job.
func (l *Library) Tail(name, job string, most int) string {
	if r := l.ring(name); r != nil {
		return string(r.Tail(job, most))
	}
	return ""
}

// Lines answers what a queue wants to know of a function's output.
func (l *Library) Lines(wanted wire.LogsWanted) wire.LogLines {
	answer := wire.LogLines{Number: wanted.Number, Last: wanted.Since, Lines: []wire.LogLine{}}
	r := l.ring(wanted.Function)
	if r == nil {
		return answer
	}
	answer.Last = r.Last()
	for _, line := range r.Since(wanted.Since, wanted.Job, wire.MaxLogBytes) {
		answer.Lines = append(answer.Lines, wire.LogLine{
			Number: line.Number, Millis: line.Time.UnixMilli(), Job: line.Job, Stream: line.Stream, Text: line.Text,
		})
	}
	return answer
}

func (l *Library) ring(name string) *logs.Ring {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.shelf[name]; t != nil {
		return t.logs
	}
	return nil
}
