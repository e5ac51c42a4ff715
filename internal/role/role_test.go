package role

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestTimerTakesTheEarliestDeadlineOfATick(t *testing.T) {
	const now = 5 * time.Second
	for _, c := range []struct {
		name string
		due  []Time
		want Time
	}{
		{"nothing is due", nil, now + time.Hour},
		{"one", []Time{now + time.Second}, now + time.Second},
		{"the earliest of several", []Time{now + 3*time.Second, now + time.Second, now + 2*time.Second}, now + time.Second},
		{"due now", []Time{now}, now + tickGap},
		{"long overdue", []Time{0, now + time.Second}, now + tickGap},
		{"due in less than the gap", []Time{now + tickGap/2}, now + tickGap},
		{"due in more than the gap", []Time{now + tickGap + 1}, now + tickGap + 1},
		{"due in a day", []Time{now + 24*time.Hour}, now + time.Hour},
		{"never", []Time{1<<63 - 1}, now + time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			var timer Timer
			timer.Reset(now)
			for _, due := range c.due {
				timer.By(now, due)
			}
			if got := timer.At(); got != c.want {
				t.Errorf("next tick at %v, want %v", got, c.want)
			}
		})
	}
}

func TestTimerIsOnlyBroughtForwardBetweenTicks(t *testing.T) {
	var timer Timer
	if timer.At() > 0 {
		t.Error("a new machine does not tick at once")
	}
	timer.Reset(0)
	timer.By(0, time.Second)
	timer.By(500*time.Millisecond, 2*time.Second)
	if got := timer.At(); got != time.Second {
		t.Errorf("an event has put the tick off to %v", got)
	}
	timer.By(500*time.Millisecond, 600*time.Millisecond)
	if got := timer.At(); got != 600*time.Millisecond {
		t.Errorf("an event has moved the tick to %v, want 600ms", got)
	}
	// Events in a row, all of them overdue, must not keep the tick from coming.
	for now := 580 * time.Millisecond; now < 600*time.Millisecond; now += time.Millisecond {
		timer.By(now, 0)
	}
	if got := timer.At(); got != 600*time.Millisecond {
		t.Errorf("events have moved the tick to %v, want 600ms", got)
	}
	timer.Reset(600 * time.Millisecond)
	if got := timer.At(); got <= 600*time.Millisecond {
		t.Errorf("the tick at 600ms is followed by one at %v", got)
	}
}

func TestFaultsAreAllCountedAndLoggedOncePerLink(t *testing.T) {
	var log bytes.Buffer
	f := Faults{Log: slog.New(slog.NewTextHandler(&log, nil)), Links: map[Link]string{0: "link0", 1: "link1", 2: "link2"}}
	if f.MalformedCount() != 0 {
		t.Errorf("%d faults before the first", f.MalformedCount())
	}
	for i := range 100 {
		f.Malformed(Link(i%3), fmt.Errorf("cause %d", i))
	}
	if f.MalformedCount() != 100 || f.MalformedOn(0) != 34 || f.MalformedOn(2) != 33 {
		t.Errorf("%d faults were counted, %d and %d on two links, want 100, 34 and 33", f.MalformedCount(), f.MalformedOn(0), f.MalformedOn(2))
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines were logged, want one for each of three links:\n%s", len(lines), &log)
	}
	for i, line := range lines {
		for _, want := range []string{"level=WARN", fmt.Sprint("link=link", i), fmt.Sprintf(`"cause %d"`, i)} {
			if !strings.Contains(line, want) {
				t.Errorf("%q does not say %s", line, want)
			}
		}
	}
}

func send(n int) Effect {
	return Effect{Op: OpSend, Packet: Packet{Link: 1, Frames: [][]byte{{byte(n)}}}}
}

func TestEffectsComeInOrderAndOnce(t *testing.T) {
	var o Outbox
	if got := o.Effects(); len(got) != 0 {
		t.Errorf("%v before anything was asked for", got)
	}
	next, taken := 0, 0
	for _, batch := range []int{1, 3, 0, 100, 2, 0, 0, 7, 300, 1} {
		for range batch {
			o.Emit(send(next % 256))
			next++
		}
		got := o.Effects()
		if len(got) != batch {
			t.Fatalf("%d effects, want %d", len(got), batch)
		}
		for _, e := range got {
			if !reflect.DeepEqual(e, send(taken%256)) {
				t.Fatalf("effect %d is %+v", taken, e)
			}
			taken++
		}
	}
}

func TestEffectsStayValidUntilTheNextCall(t *testing.T) {
	var o Outbox
	for round := range 5 {
		for i := range 4 {
			o.Emit(send(10*round + i))
		}
		got := o.Effects()
		// What is emitted while these are being done must not write over them.
		for range 50 {
			o.Emit(send(255))
		}
		for i, e := range got {
			if e.Frames[0][0] != byte(10*round+i) {
				t.Fatalf("round %d: effect %d was written over: %+v", round, i, e)
			}
		}
		if later := o.Effects(); len(later) != 50 {
			t.Fatalf("round %d: %d effects were emitted meanwhile, want 50", round, len(later))
		}
	}
}

func TestOutboxDoesNotHoldOnToBodies(t *testing.T) {
	var o Outbox
	for range 3 { // both of its buffers have been used
		for range 8 {
			o.Emit(send(1))
		}
		o.Effects()
	}
	freed := make(chan bool, 1)
	func() {
		body := make([]byte, 1<<20)
		runtime.AddCleanup(&body[0], func(int) { freed <- true }, 0)
		for range 7 {
			o.Emit(send(2))
		}
		o.Emit(Effect{Op: OpSend, Packet: Packet{Frames: [][]byte{body}}})
		o.Effects()
	}()
	o.Emit(send(3)) // fewer than before
	o.Effects()
	for _, buffer := range [][]Effect{o.filling, o.handed} {
		for i, e := range buffer[len(buffer):cap(buffer)] {
			if !reflect.DeepEqual(e, Effect{}) {
				t.Errorf("place %d behind the end still holds %+v", i, e)
			}
		}
	}
	runtime.GC()
	select {
	case <-freed:
	case <-time.After(20 * time.Second):
		t.Error("a body that was sent is still in memory")
	}
	runtime.KeepAlive(&o)
}

func TestOutboxDoesNotAllocateOnceItHasGrown(t *testing.T) {
	var o Outbox
	e := send(1)
	n := testing.AllocsPerRun(100, func() {
		for range 20 {
			o.Emit(e)
		}
		o.Effects()
	})
	if n > 0.5 {
		t.Errorf("%.1f allocations for twenty effects", n)
	}
}
