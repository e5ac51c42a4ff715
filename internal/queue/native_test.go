package queue

import (
	"fmt"
	"strings"
	"testing"

	"faasd/internal/wire"
)

func TestANativeWorkerThatCannotBeUsedIsToldWhy(t *testing.T) {
	var nine []string
	for n := range wire.MaxFunctions + 1 {
		nine = append(nine, fmt.Sprint("f", n))
	}
	s := newStage(t, 1)
	w := s.worker(1, here, 1, nine...)
	if len(w.refused) != 1 || !strings.Contains(w.refused[0], "9 functions, want a worker with 1 to 1024 slots and at most 8 functions") {
		t.Errorf("it is told %q", w.refused)
	}
	if len(s.m.workers) != 0 || s.m.MalformedCount() != 1 {
		t.Errorf("%d workers, %d messages counted as malformed", len(s.m.workers), s.m.MalformedCount())
	}
}

func TestANativeWorkerBeyondTheFunctionsOfAQueueIsToldWhy(t *testing.T) {
	s := newStage(t, 1)
	for n := range maxFunctions {
		s.m.function(fmt.Sprint("f", n)).workers++
	}
	w := s.worker(1, here, 1, "one-more")
	if len(w.refused) != 1 || !strings.Contains(w.refused[0], "functions beyond 4096") {
		t.Errorf("it is told %q", w.refused)
	}
	if known := s.worker(2, here, 1, "f7"); len(known.refused) != 0 || len(s.m.workers) != 1 {
		t.Errorf("one with a function that is known is told %q, %d workers", known.refused, len(s.m.workers))
	}
}
