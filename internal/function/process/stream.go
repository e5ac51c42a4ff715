package process

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeSize is what a pipe holds at most, as long as nobody asks for more.
const pipeSize = 64 << 10

// stream is what a process writes, on its way from a pipe to a writer.
type stream struct {
	from *os.File
	raw  syscall.RawConn // of from
	to   io.Writer
	pace pace // of copy alone

	// mu is held from a read until what was read is written: who has it knows
	// that everything is either in the pipe or in the writer.
	mu   sync.Mutex
	buf  []byte
	done bool // the pipe has ended or the writer failed
}

func newStream(from *os.File, to io.Writer) *stream {
	raw, _ := from.SyscallConn() // fails of no file only
	return &stream{from: from, raw: raw, to: to}
}

// copy copies until the end.
func (s *stream) copy() {
	defer s.from.Close()
	_ = s.raw.Read(func(fd uintptr) bool { // again whenever there is something
		for {
			n, done := s.step(fd)
			if n == 0 {
				return done
			}
			if wait := s.pace.after(n, time.Now()); wait > 0 {
				time.Sleep(wait)
			}
		}
	})
}

// flush copies what is in the pipe now, while copy waits.
func (s *stream) flush() {
	_ = s.raw.Control(func(fd uintptr) { // not once it is closed
		for left := pipeSize; left > 0; {
			n, _ := s.step(fd)
			if n == 0 {
				return
			}
			left -= n
		}
	})
}

// step copies once. It returns how many bytes that were, and, if none, whether
// no more will come.
func (s *stream) step(fd uintptr) (n int, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return 0, true
	}
	if s.buf == nil {
		s.buf = make([]byte, pipeSize/2)
	}
	n, err := syscall.Read(int(fd), s.buf)
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(int(fd), s.buf)
	}
	switch {
	case n > 0:
		_, err = s.to.Write(s.buf[:n])
		s.done = err != nil
	case errors.Is(err, syscall.EAGAIN):
		return 0, false
	default:
		s.done = true
	}
	return max(n, 0), s.done
}
