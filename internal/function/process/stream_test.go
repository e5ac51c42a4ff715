package process

import (
	"bytes"
	"os"
	"sync"
	"syscall"
	"testing"
)

// written is a writer that can be waited for.
type written struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(b)
}

func (w *written) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Len()
}

// A process that writes much gets a pipe with room for more, others keep the
// usual one; nothing is lost or changed on the way, and what is in the pipe is
// there when it is flushed.
func TestWhoWritesMuchGetsAWiderPipe(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int
		wide  bool
	}{
		{"little", muchOutput / 2, false},
		{"much", muchOutput + 3*widePipe + 7, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			var to written
			s := newStream(r, &to)
			var copied sync.WaitGroup
			copied.Go(s.copy)
			want := make([]byte, c.bytes)
			for i := range want {
				want[i] = byte(i / 251)
			}
			if _, err := w.Write(want); err != nil {
				t.Fatal(err)
			}
			s.flush()
			if to.Len() != len(want) {
				t.Errorf("%d bytes are copied of %d when the stream is flushed", to.Len(), len(want))
			}
			if wide := sizeOf(t, w) > pipeSize; wide != c.wide && !t.Failed() {
				if c.wide {
					t.Skip("this user may have no wider pipes")
				}
				t.Errorf("the pipe has %d bytes", sizeOf(t, w))
			}
			_ = w.Close()
			copied.Wait()
			if !bytes.Equal(to.buf.Bytes(), want) {
				t.Errorf("%d bytes came of %d, or others", to.Len(), len(want))
			}
		})
	}
}

func sizeOf(t *testing.T, pipe *os.File) (size int) {
	t.Helper()
	raw, err := pipe.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			const getPipeSize = 1032 // F_GETPIPE_SZ
			n, _, _ := syscall.Syscall(syscall.SYS_FCNTL, fd, getPipeSize, 0)
			size = int(n)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return size
}
