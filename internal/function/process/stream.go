package process

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// What a pipe holds at most.
const (
	pipeSize = 64 << 10 // bytes, as long as nobody asks for more
	// widePipe is what it gets when its process writes much: the largest that
	// Linux gives to everybody (pipe(7)). It is not given to all from the start,
	// because who has many such gets no others.
	widePipe = 1 << 20
	// muchOutput is from when on a process writes much, in bytes.
	muchOutput = 256 << 10
	// gathering is for how long what goes into a wide pipe is left in it, once
	// it has been empty. Without, writer and reader wake each other for each
	// piece, which costs several times as much as to copy it. It bounds a stream
	// to a wide pipe in that time.
	gathering = time.Millisecond
)

// stream is what a process writes, on its way from a pipe to a writer.
type stream struct {
	from *os.File
	raw  syscall.RawConn // of from
	to   io.Writer

	// Of copy alone.
	pace pace
	read int // bytes, until it is much

	// mu is held from a read until what was read is written: who has it knows
	// that everything is either in the pipe or in the writer.
	mu   sync.Mutex
	size int  // of the pipe, in bytes; only copy changes it
	done bool // the pipe has ended or the writer failed
}

func newStream(from *os.File, to io.Writer) *stream {
	raw, _ := from.SyscallConn() // fails of no file only
	return &stream{from: from, raw: raw, to: to, size: pipeSize}
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
			if wait := s.after(fd, n); wait > 0 {
				time.Sleep(wait)
			}
		}
	})
}

// after notes that n bytes were read, and returns for how long no more are to be.
func (s *stream) after(fd uintptr, n int) time.Duration {
	if s.read < muchOutput {
		if s.read += n; s.read >= muchOutput {
			s.widen(fd)
		}
	}
	wait := s.pace.after(n, time.Now())
	if n < blockSize && s.size > pipeSize { // it is empty
		wait = max(wait, gathering)
	}
	return wait
}

// widen makes the pipe larger, if it may be.
func (s *stream) widen(fd uintptr) {
	const setPipeSize = 1031 // F_SETPIPE_SZ of fcntl(2), from <linux/fcntl.h>
	s.mu.Lock()
	defer s.mu.Unlock()
	if size, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeSize, widePipe); errno == 0 {
		s.size = int(size)
	}
}

// flush copies what is in the pipe now, while copy waits.
func (s *stream) flush() {
	_ = s.raw.Control(func(fd uintptr) { // not once it is closed
		for copied := 0; copied < s.holds(); {
			n, _ := s.step(fd)
			if n == 0 {
				return
			}
			copied += n
		}
	})
}

// holds is what the pipe holds at most, in bytes.
func (s *stream) holds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// step copies once. It returns how many bytes that were, and, if none, whether
// no more will come.
func (s *stream) step(fd uintptr) (n int, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return 0, true
	}
	buf := newBlock()
	defer buf.release()
	n, err := syscall.Read(int(fd), buf[:])
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(int(fd), buf[:])
	}
	switch {
	case n > 0:
		_, err = s.to.Write(buf[:n])
		s.done = err != nil
	case errors.Is(err, syscall.EAGAIN):
		return 0, false
	default:
		s.done = true
	}
	return max(n, 0), s.done
}
