package wasm

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"faasd/internal/function"
	"faasd/internal/function/logs"
)

// recursion calls itself twice, with one less each time, and has no loop:
// local.get 0, i32.eqz, if return, f(n-1), f(n-1).
var recursion = []byte{0x20, 0, 0x45, 0x04, 0x40, 0x0f, 0x0b, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0}

func TestATrapIsTold(t *testing.T) {
	for trap, start := range map[string][]byte{
		"unreachable":                 {0x00},
		"integer divide by zero":      {0x41, 1, 0x41, 0, 0x6d, 0x1a},
		"out of bounds memory access": {0x41, 0x7f, 0x28, 2, 0, 0x1a},                               // i32.load of -1
		"stack overflow":              {0x10, 0},                                                    // calls itself
		"invalid table access":        {0x41, 0, 0x11, 0, 0},                                        // call_indirect of an empty element
		"invalid conversion":          {0x43, 0, 0, 0xc0, 0x7f, 0xa8, 0x1a},                         // i32.trunc_f32_s of NaN
		"integer overflow":            {0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x41, 0x7f, 0x6d, 0x1a}, // the least i32 by -1
	} {
		ring := new(logs.Ring)
		f := deploy(t, assemble(program{start: start, memory: 1, table: 1}), Config{Logs: ring})
		got := failure(t, context.Background(), f, "")
		if got.Type != function.TypeExit || !strings.Contains(got.Message, trap) {
			t.Errorf("%s fails with %s: %s", trap, got.Type, got)
		}
		if log := string(ring.Tail("01J", 10_000)); !strings.Contains(log, trap) {
			t.Errorf("the log of %s is %q", trap, log)
		}
	}
}

func TestAnExitStatusOfZeroIsSuccess(t *testing.T) {
	f := deploy(t, assemble(program{imports: []string{"proc_exit"}, start: []byte{0x41, 0, 0x10, 0, 0x00}, memory: 1}), Config{})
	if got := call(t, f, ""); got != "" {
		t.Errorf("it answers %q", got)
	}
}

// Neither wazero's own means nor anything else of Go's would end the second.
func TestMachineCodeIsEndedAndHoldsUpNobody(t *testing.T) {
	for what, p := range map[string]program{
		"a tight loop":     {start: []byte{0x03, 0x40, 0x0c, 0, 0x0b}},
		"a deep recursion": {others: [][]byte{recursion}, start: []byte{0x41, 60, 0x10, 0}},
		"filling memory":   {memory: 1024, start: []byte{0x03, 0x40, 0x41, 0, 0x41, 0, 0x41, 0x80, 0x80, 0x80, 0x20, 0xfc, 11, 0, 0x0c, 0, 0x0b}},
	} {
		f := deploy(t, assemble(p), Config{})
		if err := f.Check(context.Background()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		ended := make(chan error)
		go func() {
			_, err := f.Invoke(ctx, function.Invocation{})
			ended <- err
		}()
		for ctx.Err() == nil {
			runtime.GC() // waits for all goroutines
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s ends with %v", what, err)
		}
	}
}

func TestMemoryGrowsUpToItsLimit(t *testing.T) {
	// Grows by a page until that fails, and traps unless it has so many then:
	// loop, memory.grow 1, -1, i32.ne, br_if 0, end, memory.size, n, i32.ne, if unreachable.
	grow := func(n byte) []byte {
		return []byte{0x03, 0x40, 0x41, 1, 0x40, 0, 0x41, 0x7f, 0x47, 0x0d, 0, 0x0b, 0x3f, 0, 0x41, n, 0x47, 0x04, 0x40, 0x00, 0x0b}
	}
	f := deploy(t, assemble(program{start: grow(16), memory: 1}), Config{Memory: 16*pageSize + 100})
	call(t, f, "")
	f = deploy(t, assemble(program{start: grow(17), memory: 1}), Config{Memory: 16 * pageSize})
	if got := failure(t, context.Background(), f, ""); got.Type != function.TypeMemory {
		t.Errorf("it fails with %s: %s", got.Type, got)
	}
}

// What a table has is memory of the worker, which the limit of the module's own
// memory does not count.
func TestTablesDoNotGrowWithoutEnd(t *testing.T) {
	// ref.null func, 16777216, table.grow 0, -1, i32.ne, if unreachable.
	grow := []byte{0xd0, 0x70, 0x41, 0x80, 0x80, 0x80, 8, 0xfc, 15, 0, 0x41, 0x7f, 0x47, 0x04, 0x40, 0x00, 0x0b}
	call(t, deploy(t, assemble(program{start: grow, table: 1}), Config{}), "")
}

func TestABrokenModuleIsRefused(t *testing.T) {
	good := assemble(program{memory: 1})
	for want, module := range map[string][]byte{
		"does not begin as":         []byte("#!/bin/sh\n"),
		"it is a component":         []byte("\x00asm\x0d\x00\x01\x00"),
		"are expected":              good[:len(good)-3],
		"not in WASI preview 1":     assemble(program{imports: []string{"sock_connect"}}),
		"function proc_exit of env": assemble(program{imports: []string{"proc_exit"}, from: "env"}),
		"signature mismatch":        assemble(program{imports: []string{"fd_close"}}),
		"as a program, not as a":    assemble(program{library: true}),
		"raise its memory limit":    assemble(program{memory: 8192}),
		"table":                     assemble(program{table: 1 << 21}),
		"i32":                       assemble(program{start: []byte{0x6a}}), // adds nothing to nothing
	} {
		f := deploy(t, module, Config{})
		err := f.Check(context.Background())
		var broken *function.Failure
		if !errors.As(err, &broken) || broken.Type != function.TypeInit || !strings.Contains(broken.Message, want) ||
			!strings.Contains(broken.Message, "hello.wasm") {
			t.Errorf("a module is refused with %v; want %q", err, want)
		}
	}
	if err := deploy(t, good, Config{}).Check(context.Background()); err != nil {
		t.Errorf("a good module is refused: %v", err)
	}
}
