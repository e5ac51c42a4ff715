package tui

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"
)

// hungUp is a terminal whose line was cut.
type hungUp struct{ *os.File }

func (hungUp) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "tty", Err: syscall.EIO}
}

// Not every program on a terminal is told by a signal that it is gone.
func TestTheScreenEndsWithItsTerminal(t *testing.T) {
	in, typed := io.Pipe()
	defer typed.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	err = Run(t.Context(), Options{
		System: busy(), Interval: time.Second, Theme: "auto", In: in, Out: hungUp{file}, Now: time.Now, Zone: time.UTC,
	})
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("it ended with %v", err)
	}
}
