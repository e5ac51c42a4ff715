package meter

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// sized puts its length in front of what is to come behind the id of a section.
func sized(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

// module makes one of sections: an id and a body each.
func module(sections ...any) []byte {
	out := slices.Clone(header)
	for i := 0; i < len(sections); i += 2 {
		out = appendSection(out, byte(sections[i].(int)), sections[i+1].([]byte))
	}
	return out
}

// run runs the function run of a module, and counts its ticks; it is ended at
// the last.
func run(t *testing.T, m Module, last int, params ...uint64) (results []uint64, ticks int, err error) {
	t.Helper()
	ctx := context.Background()
	engine := wazero.NewRuntime(ctx)
	defer engine.Close(ctx)
	_, err = engine.NewHostModuleBuilder(Host).NewFunctionBuilder().WithFunc(func() {
		if ticks++; ticks == last {
			panic("ended")
		}
	}).Export(Tick).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// Modules of tests may import two functions.
	_, err = engine.NewHostModuleBuilder("env").
		NewFunctionBuilder().WithFunc(func(n uint32) uint32 { return n + 100 }).Export("add").
		NewFunctionBuilder().WithFunc(func() {}).Export("nothing").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := engine.CompileModule(ctx, m.Binary)
	if err != nil {
		t.Fatalf("what it has made is no valid module: %v", err)
	}
	instance, err := engine.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	var f api.Function
	if f = instance.ExportedFunction("run"); f == nil {
		return nil, ticks, nil
	}
	results, err = f.Call(ctx, params...)
	return results, ticks, err
}

func rewrite(t *testing.T, b []byte) Module {
	t.Helper()
	m, err := Rewrite(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// kinds are the types 0: (), 1: (i32) i32.
var kinds = []byte{2, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f}

// exported exports a function as run.
func exported(f byte) []byte { return []byte{1, 3, 'r', 'u', 'n', 0, f} }

// bodies makes a code section.
func bodies(list ...[]byte) []byte {
	out := []byte{byte(len(list))}
	for _, b := range list {
		out = append(out, sized(b)...)
	}
	return out
}

func TestWhatRunsLongTicks(t *testing.T) {
	for what, body := range map[string][]byte{
		// loop: run(n) is n down to 0
		"a loop": {0, opLoop, noValue, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, opEnd, 0x20, 0, opEnd},
		// if n: run(n-1)
		"recursion": {0, 0x20, 0, 0x45, opIf, noValue, 0x41, 0, opReturn, opEnd, 0x20, 0, 0x41, 1, 0x6b, opCall, 0, opEnd},
		// the same, beginning with a loop that it does not come to
		"recursion past a loop": {0, 0x41, 0, opIf, noValue, opLoop, noValue, opEnd, opEnd,
			0x20, 0, 0x45, opIf, noValue, 0x41, 0, opReturn, opEnd, 0x20, 0, 0x41, 1, 0x6b, opCall, 0, opEnd},
		// the same through a table
		"recursion through a table": {0, 0x20, 0, 0x45, opIf, noValue, 0x41, 0, opReturn, opEnd, 0x20, 0, 0x41, 1, 0x6b, 0x41, 0, opCallInd, 1, 0, opEnd},
	} {
		m := rewrite(t, module(types, kinds, functions, []byte{1, 1}, tables, []byte{1, 0x70, 0, 1}, exports, exported(0),
			elements, []byte{1, 0, 0x41, 0, opEnd, 1, 0}, codes, bodies(body)))
		const rounds = 50_000
		if got, ticks, err := run(t, m, 0, rounds); err != nil || got[0] != 0 || ticks < rounds/interval || ticks > rounds/interval+1 {
			t.Errorf("%s gives %v with %d ticks, %v", what, got, ticks, err)
		}
		if _, ticks, err := run(t, m, 2, 1<<30); err == nil || ticks != 2 {
			t.Errorf("%s is not ended at its second tick of %d", what, ticks)
		}
	}
}

func TestWhatFillsMuchMemoryTicks(t *testing.T) {
	for what, instruction := range map[string][]byte{
		"filling": {0x41, 0, 0x41, 0, 0x20, 0, opMore, 11, 0},
		"copying": {0x41, 0, 0x41, 1, 0x20, 0, opMore, 10, 0, 0},
	} {
		body := append(append([]byte{0}, bytes.Repeat(instruction, 3)...), 0x41, 7, opEnd)
		m := rewrite(t, module(types, kinds, functions, []byte{1, 1}, memories, []byte{1, 0, 0x80, 4}, exports, exported(0), codes, bodies(body)))
		if m.MinPages != 512 {
			t.Errorf("it has %d pages", m.MinPages)
		}
		if got, ticks, err := run(t, m, 0, 20<<20); err != nil || got[0] != 7 || ticks != 3 {
			t.Errorf("%s gives %v with %d ticks, %v", what, got, ticks, err)
		}
		if got, ticks, err := run(t, m, 0, 20); err != nil || got[0] != 7 || ticks != 0 {
			t.Errorf("%s a little gives %v with %d ticks, %v", what, got, ticks, err)
		}
	}
}

func TestALargeFunctionCountsForMore(t *testing.T) {
	nothing := bytes.Repeat([]byte{0x41, 0, 0x1a}, 10_000)
	// run(n) counts n down to 0, and each time does the rest
	loop := func(rest []byte) []byte {
		return slices.Concat([]byte{0, opLoop, noValue}, rest, []byte{0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, opEnd, 0x20, 0, opEnd})
	}
	for what, code := range map[string][]byte{
		"a loop":              bodies(loop(nothing), []byte{0, opEnd}),
		"one that calls none": bodies(loop([]byte{opCall, 1}), slices.Concat([]byte{0}, nothing, []byte{opEnd})),
	} {
		m := rewrite(t, module(types, kinds, functions, []byte{2, 1, 0}, exports, exported(0), codes, code))
		if _, ticks, err := run(t, m, 0, 5000); err != nil || ticks < 30 || ticks > 50 {
			t.Errorf("%s: %d ticks, %v", what, ticks, err)
		}
	}
}

// What names a function by its index has to name the same one afterwards:
// imports, calls, exports, the start, tables of all kinds of segments, globals.
func TestFunctionsKeepTheirMeaning(t *testing.T) {
	call := func(f byte) []byte { return []byte{0, 0x20, 0, opCall, f, opEnd} }
	constant := func(n byte) []byte { return []byte{0, 0x41, n, opEnd} }
	fromTable := func(i byte) []byte { return []byte{0, 0x20, 0, 0x41, i, opCallInd, 1, 0, opEnd} }
	imported := []byte{2, 3, 'e', 'n', 'v', 3, 'a', 'd', 'd', 0, 1, 3, 'e', 'n', 'v', 7, 'n', 'o', 't', 'h', 'i', 'n', 'g', 0, 0}
	filled := []byte{8,
		0, 0x41, 0, opEnd, 1, 3, // at 0 function 3
		2, 0, 0x41, 1, opEnd, 0, 1, 4, // at 1 of table 0 function 4
		4, 0x41, 2, opEnd, 1, opRefFunc, 3, opEnd, // at 2 an expression
		6, 0, 0x41, 3, opEnd, 0x70, 1, opRefFunc, 0, opEnd, // at 3 of table 0 the imported one
		1, 0, 1, 4, 5, 0x70, 1, opRefFunc, 3, opEnd, // passive
		3, 0, 1, 3, 7, 0x70, 1, 0xd0, 0x70, opEnd} // declared
	for what, c := range map[string]struct {
		run  []byte
		want uint64
	}{
		"an imported function":              {call(0), 107},
		"one of its own":                    {call(3), 33},
		"one from a table":                  {fromTable(0), 33},
		"one from a named table":            {fromTable(1), 44},
		"one from an expression":            {fromTable(2), 33},
		"the imported one from a table":     {fromTable(3), 107},
		"one that is put into a table":      {[]byte{0, 0x41, 0, opRefFunc, 4, 0x26, 0, 0x20, 0, 0x41, 0, opCallInd, 1, 0, opEnd}, 44},
		"one that a global has":             {[]byte{0, 0x41, 0, 0x23, 1, 0x26, 0, 0x20, 0, 0x41, 0, opCallInd, 1, 0, opEnd}, 44},
		"one from a passive segment":        {[]byte{0, 0x41, 0, 0x41, 0, 0x41, 1, opMore, 12, 4, 0, 0x20, 0, 0x41, 0, opCallInd, 1, 0, opEnd}, 44},
		"a global that the start has set":   {[]byte{0, 0x23, 0, opEnd}, 55},
		"one from a passive segment's copy": {[]byte{0, 0x41, 1, 0x41, 0, 0x41, 1, opMore, 14, 0, 0, 0x20, 0, 0x41, 1, opCallInd, 1, 0, opEnd}, 33},
	} {
		m := rewrite(t, module(types, kinds, imports, imported, functions, []byte{4, 1, 1, 1, 0}, tables, []byte{1, 0x70, 1, 4, 10},
			globals, []byte{2, 0x7f, 1, 0x41, 5, opEnd, 0x70, 0, opRefFunc, 4, opEnd}, exports, exported(2), start, []byte{5},
			elements, filled, codes, bodies(c.run, constant(33), constant(44), []byte{0, 0x41, 55, opGlobalSet, 0, opEnd}),
			customs, []byte("\x04name\x01\x08\x02\x02\x02of\x03\x01a")))
		got, _, err := run(t, m, 0, 7)
		if err != nil || got[0] != c.want {
			t.Errorf("%s gives %v, %v; want %d", what, got, err, c.want)
		}
	}
}

// TestEveryInstructionIsCopied has all instructions of WebAssembly 2.0 in one
// function, where they are never reached and so need no operands: if what
// belongs to one were taken for another, the result would not be valid.
func TestEveryInstructionIsCopied(t *testing.T) {
	body := []byte{2, 1, 0x7f, 1, 0x7b, opUnreachable} // locals of types i32, v128
	add := func(b ...byte) { body = append(append(body, b...), opUnreachable) }
	vector := func(sub uint64, b ...byte) { add(append(binary.AppendUvarint([]byte{opVector}, sub), b...)...) }
	big := []byte{0xff, 0xff, 0xff, 0xff, 0x0f} // a number of 32 bits
	add(0x01)
	add(opBlock, 0x7f, 0x41, 0, opEnd)
	add(opLoop, 0, opEnd)
	add(opIf, 1, opElse, opEnd)
	add(opBrTable, 1, 0, 0)
	add(opBr, 0)
	add(opBrIf, 0)
	add(opReturn)
	add(opCall, 1)
	add(opCallInd, 1, 0)
	add(0x41, 0, 0x41, 0, 0x41, 0, 0x1b, 0x1a) // select, drop
	add(opSelectTyped, 1, 0x7f)
	add(0x20, 0)
	add(0x21, 0)
	add(0x22, 0)
	add(opGlobalGet, 0)
	add(opGlobalSet, 0)
	add(0x25, 0)
	add(0x26, 0)
	for op := byte(0x28); op <= 0x3e; op++ {
		add(append([]byte{op, 0}, big...)...)
	}
	add(0x3f, 0)
	add(0x40, 0)
	add(0x41, 0xff, 0xff, 0xff, 0xff, 0x07)
	add(0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0)
	// Bytes that would be calls, and renumbered.
	calls := bytes.Repeat([]byte{opCall}, 16)
	add(append([]byte{0x43}, calls[:4]...)...)
	add(append([]byte{0x44}, calls[:8]...)...)
	for op := byte(0x45); op <= 0xc4; op++ {
		add(op)
	}
	add(0xd0, 0x70)
	add(0xd0, 0x70, 0xd1)
	add(opRefFunc, 1)
	for sub, b := range [][]byte{{}, {}, {}, {}, {}, {}, {}, {}, {0, 0}, {0}, {0, 0}, {0}, {0, 0}, {0}, {0, 0}, {0}, {0}, {0}} {
		add(append([]byte{opMore, byte(sub)}, b...)...)
	}
	for sub := uint64(0); sub <= 255; sub++ {
		switch {
		case sub <= 11, sub == 92, sub == 93:
			vector(sub, append([]byte{0}, big...)...)
		case sub == 12:
			vector(sub, calls...)
		case sub == 13:
			vector(sub, bytes.Repeat([]byte{31}, 16)...)
		case sub == 29, sub == 30, sub == 33, sub == 34: // of two lanes
			vector(sub, 1)
		case sub >= 21 && sub <= 34:
			vector(sub, opLoop) // the number of a lane
		case sub == 87, sub == 91:
			vector(sub, 0, 1, 1)
		case sub >= 84 && sub <= 91:
			vector(sub, 0, 1, opLoop)
		case slices.Contains([]uint64{154, 162, 165, 166, 175, 176, 178, 179, 180, 187, 194, 197, 198, 207, 208, 210, 211, 212, 226, 238}, sub):
			// no instruction
		default:
			vector(sub)
		}
	}
	body = append(body, opEnd)
	b := module(types, kinds, functions, []byte{2, 1, 1}, tables, []byte{1, 0x70, 1, 4, 10}, memories, []byte{1, 0, 1},
		globals, []byte{1, 0x7f, 1, 0x41, 5, opEnd}, exports, exported(1),
		elements, []byte{2, 0, 0x41, 0, opEnd, 1, 0, 3, 0, 1, 1}, dataCount, []byte{1},
		codes, bodies([]byte{0, 0x20, 0, opEnd}, body), datas, []byte{1, 1, 1, 7})
	ctx := context.Background()
	engine := wazero.NewRuntime(ctx)
	defer engine.Close(ctx)
	if _, err := engine.CompileModule(ctx, b); err != nil {
		t.Fatalf("the test itself is wrong: %v", err)
	}
	if _, _, err := run(t, rewrite(t, b), 0, 7); err == nil {
		t.Error("it does not trap")
	}
}

func TestTablesAreBounded(t *testing.T) {
	small := func(limits ...byte) []byte { return append([]byte{1, 0x70}, limits...) }
	grows := []byte{0, 0xd0, 0x70, 0x20, 0, opMore, 15, 0, opEnd}
	for what, c := range map[string]struct {
		table []byte
		by    uint64
		fails bool
	}{
		"no maximum, a little":      {small(0, 4), 100, false},
		"no maximum, too much":      {small(0, 4), MaxTable, true},
		"within its maximum":        {small(1, 4, 10), 6, false},
		"beyond its maximum":        {small(1, 4, 10), 7, true},
		"a maximum beyond ours":     {small(1, 4, 0x80, 0x80, 0x80, 0x80, 1), MaxTable, true},
		"half, being one of two":    {[]byte{2, 0x70, 0, 0, 0x70, 0, 0}, MaxTable / 2, false},
		"more, being one of two":    {[]byte{2, 0x70, 0, 0, 0x70, 0, 0}, MaxTable/2 + 1, true},
		"one that is given a value": {[]byte{1, 0x40, 0, 0x70, 0, 0, 0xd0, 0x70, opEnd}, 10, false},
	} {
		m := rewrite(t, module(types, kinds, functions, []byte{1, 1}, tables, c.table, exports, exported(0), codes, bodies(grows)))
		got, _, err := run(t, m, 0, c.by)
		if failed := err == nil && uint32(got[0]) == 1<<32-1; err != nil || failed != c.fails {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	large := []byte{2, 0x70, 0, 0x80, 0x80, 0x30, 0x70, 0, 0x80, 0x80, 0x30}
	if _, err := Rewrite(module(types, kinds, tables, large)); err == nil {
		t.Error("tables that are too large from the start are not refused")
	}
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	one := func(body ...byte) []byte {
		return module(types, kinds, functions, []byte{1, 0}, codes, bodies(append([]byte{0}, body...)))
	}
	for what, b := range map[string][]byte{
		"nothing":                 {},
		"text":                    []byte("hola"),
		"an unknown section":      module(13, []byte{0}),
		"sections out of order":   module(functions, []byte{0}, types, kinds),
		"a section twice":         module(types, kinds, types, kinds),
		"a section too short":     append(module(types, kinds), 3, 9, 0),
		"an entry too many":       module(types, kinds, exports, []byte{9, 1, 'a', 0, 0}),
		"bytes at the end":        module(types, kinds, exports, []byte{0, 0}),
		"an imported memory":      module(types, kinds, imports, []byte{1, 1, 'a', 1, 'b', 2, 0, 1}),
		"a shared memory":         module(memories, []byte{1, 3, 1, 1}),
		"a 64 bit memory":         module(memories, []byte{1, 4, 1}),
		"a number too long":       module(exports, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0}),
		"an atomic instruction":   one(0xfe, 0, 0, 0, opEnd),
		"an exception":            one(0x06, noValue, opEnd, opEnd),
		"a tail call":             one(0x12, 0, opEnd),
		"an unknown bulk":         one(opMore, 18, opEnd),
		"a relaxed vector":        one(opVector, 0x80, 2, opEnd),
		"a function without end":  one(opBlock, noValue),
		"a constant cut off":      one(0x44, 0, opEnd),
		"an element of new kinds": module(types, kinds, elements, []byte{1, 8, 0}),
	} {
		if _, err := Rewrite(b); err == nil {
			t.Errorf("%s is not refused", what)
		}
	}
}

// FuzzRewrite: whatever it is given, it ends; and what it makes it can take
// apart again.
func FuzzRewrite(f *testing.F) {
	f.Add(module(types, kinds, functions, []byte{1, 1}, tables, []byte{1, 0x70, 0, 1}, memories, []byte{1, 0, 1}, exports, exported(0),
		elements, []byte{1, 0, 0x41, 0, opEnd, 1, 0}, codes, bodies([]byte{0, opLoop, noValue, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, opEnd, 0x20, 0, opEnd})))
	f.Add(module(types, kinds, imports, []byte{1, 1, 'a', 1, 'b', 0, 0}, globals, []byte{1, 0x7f, 0, 0x41, 5, opEnd}, start, []byte{0},
		customs, []byte("\x04name\x01\x05\x01\x00\x02of")))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Rewrite(b)
		if err != nil {
			return
		}
		if again, err := Rewrite(m.Binary); err != nil {
			t.Errorf("what it makes of %x is %x: %v", b, m.Binary, err)
		} else if again.MinPages != m.MinPages {
			t.Errorf("it has %d pages and then %d", m.MinPages, again.MinPages)
		}
	})
}
