package logs

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Writer is a stream of a function's output on its way into a Ring. Its methods
// may not be called concurrently.
//
// It takes what is written without delay and passes on [Rate] bytes a second,
// after a [Burst]; what is beyond is thrown away, for the price of looking for
// its end, and a line says how much it was. So a function that prints without
// end costs its worker little.
type Writer struct {
	ring   *Ring
	stream string
	job    func() string
	rest   []byte // what has no newline yet

	budget  int       // bytes that may be passed on
	filled  time.Time // when budget last grew
	skipped int       // bytes thrown away since the last line
}

// Writer splits what is written into lines of a stream; job tells, for each
// line, which job it is for. Close writes what has no newline yet.
func (r *Ring) Writer(stream string, job func() string) *Writer {
	return &Writer{ring: r, stream: stream, job: job, budget: Burst, filled: time.Now()}
}

// Write takes some output; it never fails.
func (w *Writer) Write(b []byte) (int, error) {
	n := len(b)
	if w.budget <= 0 && !w.fill() {
		w.skip(b)
		return n, nil
	}
	for len(b) > 0 {
		if w.budget <= 0 {
			w.skip(b)
			break
		}
		b = w.take(b)
	}
	return n, nil
}

// take takes a line or what there is of it, and returns what is behind it.
func (w *Writer) take(b []byte) []byte {
	i := bytes.IndexByte(b, '\n')
	switch {
	case i >= 0 && len(w.rest)+i <= MaxLine:
		w.add(append(w.rest, b[:i]...))
		return b[i+1:]
	case len(w.rest)+len(b) > MaxLine:
		most := whole(b, max(0, MaxLine-len(w.rest)))
		w.add(append(w.rest, b[:most]...))
		return b[most:]
	}
	w.rest = append(w.rest, b...)
	return nil
}

// whole returns the largest number of bytes, at most so many, behind which no
// character of b is cut in two.
func whole(b []byte, most int) int {
	for n := most; n > 0 && n > most-utf8.UTFMax; n-- {
		if utf8.RuneStart(b[n]) {
			return n
		}
	}
	return most
}

// fill lets an empty budget grow by the time that has passed, once that is
// worth it, and says whether there is some.
func (w *Writer) fill() bool {
	now := time.Now()
	grown := w.budget + int(min(now.Sub(w.filled).Seconds(), 2)*Rate)
	if grown < Burst/4 {
		return false
	}
	w.budget, w.filled = min(grown, Burst), now
	w.tellSkipped()
	return true
}

// skip throws b away, and the line that it goes on with.
func (w *Writer) skip(b []byte) {
	w.skipped += len(w.rest) + len(b)
	w.rest = w.rest[:0]
}

func (w *Writer) tellSkipped() {
	if w.skipped > 0 {
		w.ring.Add(System, w.job(), fmt.Sprintf("%d bytes of %s are not kept: more than %d KiB a second were printed", w.skipped, w.stream, Rate>>10))
		w.skipped = 0
	}
}

func (w *Writer) add(line []byte) {
	w.budget -= len(line) + perLine
	w.ring.Add(w.stream, w.job(), strings.TrimSuffix(string(line), "\r"))
	w.rest = w.rest[:0]
}

// Close adds what has no newline.
func (w *Writer) Close() error {
	w.tellSkipped()
	if len(w.rest) > 0 {
		w.add(w.rest)
	}
	return nil
}
