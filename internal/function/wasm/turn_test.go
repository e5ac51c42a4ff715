package wasm

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"faasd/internal/function"
)

// endless is a tight loop.
var endless = program{start: []byte{0x03, 0x40, 0x0c, 0, 0x0b}}

// withProcessors has the runtime use so many, as if GOMAXPROCS said so.
func withProcessors(t *testing.T, n int) {
	t.Helper()
	t.Setenv("GOMAXPROCS", strconv.Itoa(n))
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// Eight that never end beside one that is long, one that is brief, and a
// goroutine of the worker's.
func TestEveryRunHasItsTurnBesideEndlessOnes(t *testing.T) {
	withProcessors(t, 1)
	spin := deploy(t, assemble(endless), Config{})
	long := deploy(t, assemble(program{others: [][]byte{recursion}, start: []byte{0x41, 22, 0x10, 0}}), Config{})
	short := deploy(t, assemble(program{}), Config{})
	for _, f := range []*Function{spin, long, short} {
		if err := f.Check(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	defer func() {
		cancel()
		group.Wait()
		processors.end() // and not only when the time for it has come
		if n := runtime.GOMAXPROCS(0); n != 1 || processors.taken > 0 {
			t.Errorf("in the end %d runs have a turn on %d processors, want none on 1", processors.taken, n)
		}
	}()
	for range 8 {
		group.Go(func() {
			if _, err := spin.Invoke(ctx, function.Invocation{}); !errors.Is(err, context.Canceled) {
				t.Errorf("an endless run ends with %v", err)
			}
		})
	}
	for !processors.wanted() {
		runtime.Gosched()
	}
	for range 5 {
		call(t, long, "")
		call(t, short, "")
		processors.mu.Lock()
		if n := runtime.GOMAXPROCS(0); n != 2 || processors.taken > 1 {
			t.Errorf("%d runs have a turn on %d processors, want 1 on 2", processors.taken, n)
		}
		processors.mu.Unlock()
	}
}

func TestARuntimeOfOneProcessorHasASecondWhileThereAreTurns(t *testing.T) {
	withProcessors(t, 1)
	synctest.Test(t, func(t *testing.T) {
		var s turns
		for range 2 {
			if err := s.take(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * calm)
			if n := runtime.GOMAXPROCS(0); n != 2 || !s.needed.Load() {
				t.Errorf("during a turn there are %d processors, want 2; turns are needed: %t", n, s.needed.Load())
			}
			s.give()
			time.Sleep(calm - 1)
			if n := runtime.GOMAXPROCS(0); n != 2 {
				t.Errorf("soon after it there are %d processors, want 2", n)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if n := runtime.GOMAXPROCS(0); n != 1 || s.needed.Load() {
				t.Errorf("in the end there are %d processors, want 1; turns are needed: %t", n, s.needed.Load())
			}
		}
	})
}

func TestThereIsATurnLessThanProcessors(t *testing.T) {
	withProcessors(t, 3)
	synctest.Test(t, func(t *testing.T) {
		var s turns
		for range 3 {
			go s.take(t.Context(), first)
		}
		synctest.Wait()
		if s.taken != 2 || !s.wanted() || runtime.GOMAXPROCS(0) != 3 {
			t.Errorf("%d of 3 have a turn on %d processors", s.taken, runtime.GOMAXPROCS(0))
		}
		s.give()
		synctest.Wait()
		if s.taken != 2 || s.wanted() {
			t.Errorf("then %d of 2 have one", s.taken)
		}
		s.give()
		s.give()
	})
}

func TestWhoHadNoTurnAndWhoHadOneGoByTurns(t *testing.T) {
	withProcessors(t, 1)
	synctest.Test(t, func(t *testing.T) {
		var s turns
		if err := s.take(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		var order []int // guarded by the turn
		for _, line := range []int{again, again, again, first, first} {
			go func() {
				if s.take(t.Context(), line) == nil {
					order = append(order, line)
					s.give()
				}
			}()
			synctest.Wait()
		}
		s.give()
		synctest.Wait()
		if want := []int{first, again, first, again, again}; !slices.Equal(order, want) {
			t.Errorf("the lines had their turns in the order %v, want %v", order, want)
		}
	})
}

func TestWhoseTimeIsUpLeavesTheLine(t *testing.T) {
	withProcessors(t, 1)
	synctest.Test(t, func(t *testing.T) {
		var s turns
		if err := s.take(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := s.take(ctx, first); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ends with %v", err)
		}
		if s.wanted() {
			t.Error("it is still in line")
		}
		s.give()
		if err := s.take(ctx, first); err == nil {
			s.give() // it may come at the same time
		}
		if s.taken != 0 {
			t.Errorf("%d have a turn, want none", s.taken)
		}
	})
}

func TestWhoSleepsHasNoTurn(t *testing.T) {
	withProcessors(t, 1)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ctx, mine := withTurn(ctx)
		var s turns
		mine.of = &s
		time.Sleep(brief - 1)
		sleep(ctx, int64(time.Hour)) // is no computing
		if tick(ctx); mine.taken {
			t.Error("it needs a turn before it has computed for long")
		}
		time.Sleep(2 * time.Nanosecond)
		if tick(ctx); !mine.taken {
			t.Error("it needs no turn though it has computed for long")
		}
		go sleep(ctx, int64(time.Hour))
		synctest.Wait()
		if s.taken != 0 {
			t.Errorf("%d have a turn while all sleep", s.taken)
		}
		time.Sleep(2 * time.Hour)
	})
}
