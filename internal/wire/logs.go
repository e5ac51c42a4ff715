package wire

import "fmt"

// MaxLogBytes bounds the lines of one answer.
const MaxLogBytes = 256 << 10

// LogsWanted asks a worker what one of its functions has printed: the body of LOGS.
type LogsWanted struct {
	Number   uint64 `json:"number"` // of the question; the answer has it too
	Function string `json:"function"`
	Since    uint64 `json:"since"`         // the number of the last line that is known; 0 none
	Job      string `json:"job,omitempty"` // only lines of that job
}

// LogLines is the answer: the body of LINES, and part of a Reply.
type LogLines struct {
	Number uint64    `json:"number"`
	Last   uint64    `json:"last"`  // number of the last line there is, whether or not it is told
	Lines  []LogLine `json:"lines"` // oldest first; the newest MaxLogBytes of them
}

// LogLine is one line that a function has printed.
type LogLine struct {
	Number uint64 `json:"number"`  // +1 each line of the function at that worker, from 1
	Millis int64  `json:"time_ms"` // Unix time, ms
	Job    string `json:"job,omitempty"`
	Stream string `json:"stream"` // "stdout", "stderr" or, of what the worker says of it, "system"
	Text   string `json:"text"`
}

// Check refuses what no queue asks.
func (w *LogsWanted) Check() error {
	if !ValidFunction(w.Function) || len(w.Job) > maxText {
		return fmt.Errorf("%w: logs of function %.80q and job %.40q", ErrMalformed, w.Function, w.Job)
	}
	return nil
}

// Check refuses what no worker answers.
func (l *LogLines) Check() error {
	size := 0
	for i := range l.Lines {
		size += len(l.Lines[i].Text)
	}
	if size > MaxLogBytes {
		return fmt.Errorf("%w: %d lines of %d bytes, want %d at most", ErrMalformed, len(l.Lines), size, MaxLogBytes)
	}
	return nil
}
