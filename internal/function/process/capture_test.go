package process

import (
	"bytes"
	"sync"
	"testing"
)

func TestWhatIsKeptIsWhatWasWritten(t *testing.T) {
	for _, size := range []int{0, 1, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 7} {
		for _, piece := range []int{1000, blockSize, 2*blockSize + 1} {
			h := newHead(size)
			var want []byte
			for n := 0; n < size; n += piece {
				part := bytes.Repeat([]byte{byte(n / piece)}, min(piece, size-n))
				want = append(want, part...)
				if _, err := h.Write(part); err != nil {
					t.Fatal(err)
				}
			}
			if got := h.Bytes(); !bytes.Equal(got, want) {
				t.Errorf("%d bytes in pieces of %d: %d bytes are kept, or others", size, piece, len(got))
			}
			if size > 0 {
				if _, err := h.Write([]byte("x")); err == nil || !isClosed(h.full) {
					t.Errorf("one byte more than %d is no error", size)
				}
				if got := h.Bytes(); !bytes.Equal(got, want) {
					t.Errorf("too much changes what is kept of %d bytes", size)
				}
			}
			h.release()
		}
	}
}

// Memory that is used again holds what others have written before: none of that
// may show.
func TestWhatIsKeptIsNobodyElses(t *testing.T) {
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			for round := range 50 {
				h := newHead(0)
				want := bytes.Repeat([]byte{byte(i*50 + round)}, (1+round%3)*blockSize-i)
				_, _ = h.Write(want)
				got := h.Bytes()
				h.release()
				if !bytes.Equal(got, want) {
					t.Errorf("writer %d gets %d bytes, or what is not its own", i, len(got))
				}
			}
		})
	}
	writers.Wait()
}
