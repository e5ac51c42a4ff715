// Package logs keeps the last lines that a function has printed, each with the
// job that it was printed for.
package logs

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what is kept and passed on.
const (
	MaxLine  = 8 << 10   // bytes of a line; longer ones are cut into several
	RingSize = 256 << 10 // bytes of lines that are kept of each function, the newest
	perLine  = 64        // bytes that a line counts besides its text

	Rate  = 1 << 20 // bytes of lines a second that a Writer passes on, in the long run
	Burst = 1 << 20 // bytes of lines that it passes on at once
)

// The streams that a line can come from.
const (
	Stdout = "stdout"
	Stderr = "stderr"
	System = "system" // what the worker says of the function: started, killed, why
)

// Line is one line that a function has printed.
type Line struct {
	Number uint64    `json:"number"` // +1 each line of the function at its worker, from 1
	Time   time.Time `json:"time"`
	Job    string    `json:"job,omitempty"` // "" outside of any, or in one of several at a time
	Stream string    `json:"stream"`
	Text   string    `json:"text"` // valid UTF-8, without the newline
}

// Ring keeps the last lines of one function. It is safe for concurrent use. The
// zero Ring is empty and ready to use.
type Ring struct {
	mu     sync.Mutex // guards all below
	lines  []Line     // oldest first
	bytes  int
	number uint64
}

// Add appends one line, and drops the oldest if there are too many.
func (r *Ring) Add(stream, job, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	l := Line{Number: r.number, Time: time.Now(), Job: job, Stream: stream, Text: strings.ToValidUTF8(text, "\uFFFD")}
	r.lines = append(r.lines, l)
	r.bytes += len(l.Text) + perLine
	drop := 0
	for r.bytes > RingSize && drop < len(r.lines)-1 {
		r.bytes -= len(r.lines[drop].Text) + perLine
		drop++
	}
	// They move in memory only when append has no room left: once for as many
	// lines as there are.
	clear(r.lines[:drop])
	r.lines = r.lines[drop:]
}

// Since returns the lines behind that number, oldest first, at most so many
// bytes of text; with a job, only those of it. What does not fit are the oldest.
func (r *Ring) Since(number uint64, job string, most int) []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	first, size := len(r.lines), 0
	var list []Line
	for first > 0 && r.lines[first-1].Number > number {
		l := r.lines[first-1]
		if job == "" || l.Job == job {
			if size += len(l.Text) + perLine; size > most {
				break
			}
			list = append(list, l)
		}
		first--
	}
	slices.Reverse(list)
	return list
}

// Tail is the end of what was printed for a job, at most so many bytes, whole
// lines but for the first.
func (r *Ring) Tail(job string, most int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var parts []string
	size := 0
	for i := len(r.lines) - 1; i >= 0 && size < most; i-- {
		if l := r.lines[i]; l.Job == job {
			parts = append(parts, l.Text+"\n")
			size += len(l.Text) + 1
		}
	}
	slices.Reverse(parts)
	tail := []byte(strings.Join(parts, ""))
	return tail[max(0, len(tail)-most):]
}

// Last is the number of the last line; 0 there was none.
func (r *Ring) Last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.number
}
