// Package meter makes WebAssembly modules that can be stopped at any time, out
// of those that cannot.
//
// An engine that compiles to machine code runs a module until it calls the host
// or returns. A module that does neither cannot be ended, and a Go program can
// not even collect garbage meanwhile: its collector waits for all goroutines,
// and machine code of others is nothing that Go can interrupt. wazero looks for
// the end of the context at each round of a loop, which makes loops several
// times slower and leaves out recursion.
//
// Rewrite lets a module count instead what it does: each round of a loop, each
// call of a function and each KiB that is copied at once takes something from a
// counter, a global that the module itself cannot name. When it is used up the
// module calls the host, some thousand times a second, and gets a new one. That
// costs a load, a subtraction and a comparison each time.
//
// The rules of the binary format are those of the WebAssembly Core
// Specification 2.0, chapter 5. Rewrite need not check a module: what it does
// not understand it refuses, and what it makes of a wrong module is wrong, which
// the engine finds when it validates it.
package meter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The function that a rewritten module imports: no parameters, no results. The
// host may end the module there.
const (
	Host = "faasd"
	Tick = "tick"
)

// interval is how much a module does between two ticks, at most; weights say in
// which unit. At some 1 to 100 ns for each unit it is well below 2 ms.
const interval = 16384

// MaxTable is how many elements all tables of a module may have together; an
// element takes 8 bytes of the host's memory. Compilers need one for each
// function whose address is taken, and do not let tables grow.
const MaxTable = 1 << 20

// Module is a rewritten module.
type Module struct {
	Binary   []byte
	MinPages uint32 // of memory, 64 KiB each, that it has from the start
}

// Rewrite makes a module that ticks, and whose tables cannot grow beyond
// MaxTable. Of its custom sections only the names of functions are kept: what
// others say about places in the code would not be true any more.
func Rewrite(module []byte) (Module, error) {
	sections, err := split(module)
	if err != nil {
		return Module{}, err
	}
	var w rewriter
	binary := append([]byte(nil), header...)
	for _, s := range sections {
		body, err := w.section(s)
		if err != nil {
			return Module{}, fmt.Errorf("its %s section: %w", names[s.id], err)
		}
		if body != nil {
			binary = appendSection(binary, s.id, body)
		}
	}
	return Module{Binary: binary, MinPages: w.pages}, nil
}

// header is the magic number and the version.
var header = []byte("\x00asm\x01\x00\x00\x00")

// The sections, by their ids in the binary format.
const (
	customs   = 0
	types     = 1
	imports   = 2
	functions = 3
	tables    = 4
	memories  = 5
	globals   = 6
	exports   = 7
	start     = 8
	elements  = 9
	codes     = 10
	datas     = 11
	dataCount = 12
)

var names = [...]string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element",
	"code", "data", "data count"}

// order is where each section stands among the others; custom ones may be
// anywhere.
var order = [...]int{types: 1, imports: 2, functions: 3, tables: 4, memories: 5, globals: 6, exports: 7, start: 8,
	elements: 9, dataCount: 10, codes: 11, datas: 12}

type section struct {
	id   byte
	body []byte
}

// split takes a module apart. The sections that a rewritten one has anyway are
// there, empty ones where the module had none.
func split(module []byte) ([]section, error) {
	if !bytes.HasPrefix(module, header) {
		return nil, errors.New("it does not begin as a WebAssembly 1 module does")
	}
	r := &reader{b: module, at: len(header)}
	var list []section
	last := 0
	upTo := func(place int) {
		for _, id := range []byte{types, imports, globals} {
			if last < order[id] && order[id] < place {
				list = append(list, section{id, []byte{0}})
			}
		}
	}
	for r.more() {
		id := r.byte()
		s := section{id, r.bytes(int(r.u32()))}
		if r.err != nil {
			return nil, r.err
		}
		if id >= byte(len(names)) {
			return nil, fmt.Errorf("it has a section of kind %d, of an extension that is not supported", id)
		}
		if id != customs {
			if order[id] <= last {
				return nil, fmt.Errorf("its %s section is not where it belongs", names[id])
			}
			upTo(order[id])
			last = order[id]
		}
		list = append(list, s)
	}
	upTo(len(order))
	return list, nil
}

func appendSection(to []byte, id byte, body []byte) []byte {
	to = append(to, id)
	to = binary.AppendUvarint(to, uint64(len(body)))
	return append(to, body...)
}
