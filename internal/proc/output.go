package proc

import (
	"bufio"
	"io"
	"maps"
	"os"
	"strings"
	"sync"

	"faasd/internal/config"
)

// tailLines is how many lines of a process's output are kept in memory.
const tailLines = 200

// announcement is something that a process says once.
type announcement[T any] struct {
	made  chan struct{} // closed after value and err are set
	value T
	err   error
}

func newAnnouncement[T any]() *announcement[T] {
	return &announcement[T]{made: make(chan struct{})}
}

// set makes the announcement. Only the reader of standard output calls it; a
// second one is ignored.
func (a *announcement[T]) set(value T, err error) {
	select {
	case <-a.made:
	default:
		a.value, a.err = value, err
		close(a.made)
	}
}

// output is what a process has written.
type output struct {
	ready  *announcement[Ready]
	http   *announcement[string]
	closed chan struct{} // closed once both streams have ended

	mu    sync.Mutex
	log   *os.File          // nil for none; written under mu, so that lines stay whole
	lines []string          // guarded by mu; the last tailLines, oldest first
	bound map[string]string // guarded by mu; by link, of all ready lines
}

func newOutput(logFile string) (*output, error) {
	o := &output{
		ready:  newAnnouncement[Ready](),
		http:   newAnnouncement[string](),
		closed: make(chan struct{}),
		bound:  make(map[string]string),
	}
	if logFile == "" {
		return o, nil
	}
	var err error
	o.log, err = os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return o, err
}

// read takes both streams in, each on a goroutine of its own, and owns them
// and the log from here on.
func (o *output) read(stdout, stderr *os.File) {
	var streams sync.WaitGroup
	streams.Go(func() { o.readLines(stdout, o.listen) })
	streams.Go(func() { o.readLines(stderr, nil) })
	go func() {
		streams.Wait()
		if o.log != nil {
			_ = o.log.Close()
		}
		close(o.closed)
	}()
}

// readLines records each line of the stream and hands it to listen, if any.
func (o *output) readLines(stream *os.File, listen func(line string)) {
	defer stream.Close()
	r := bufio.NewReader(stream)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			line = strings.TrimRight(line, "\r\n")
			o.record(line)
			if listen != nil {
				listen(line)
			}
		}
		if err != nil { // the end, in whatever form
			return
		}
	}
}

func (o *output) listen(line string) {
	if r, ok, err := config.ParseReady(line); ok {
		o.mu.Lock()
		maps.Copy(o.bound, r.Links)
		o.mu.Unlock()
		o.ready.set(r, err)
	}
	if url, ok := config.ParseListening(line); ok {
		o.http.set(url, nil)
	}
}

func (o *output) record(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.log != nil {
		_, _ = io.WriteString(o.log, line+"\n") // a full disk must not stop the test
	}
	if len(o.lines) == tailLines {
		o.lines = append(o.lines[:0], o.lines[1:]...)
	}
	o.lines = append(o.lines, line)
}

func (o *output) tail(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines[max(0, len(o.lines)-n):], "\n")
}
