package wasm

import "encoding/binary"

// program is a module written by hand.
type program struct {
	imports []string // WASI functions of type (i32), the first has index 0
	others  [][]byte // bodies of functions of type (i32), after the imports
	start   []byte   // body of _start, without locals and end
	memory  int      // pages from the start
	table   int      // elements from the start
	library bool     // there is no _start
	from    string   // what the imports are imported from; "": WASI
}

// assemble makes a module in the binary format.
func assemble(p program) []byte {
	if p.from == "" {
		p.from = "wasi_snapshot_preview1"
	}
	name := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	list := func(entries ...[]byte) []byte {
		out := binary.AppendUvarint(nil, uint64(len(entries)))
		for _, e := range entries {
			out = append(out, e...)
		}
		return out
	}
	sized := func(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }
	limits := func(n int) []byte { return binary.AppendUvarint([]byte{0}, uint64(n)) }

	var imports, functions, codes [][]byte
	for _, i := range p.imports {
		imports = append(imports, append(append(name(p.from), name(i)...), 0, 1))
	}
	for _, body := range p.others {
		functions = append(functions, []byte{1})
		codes = append(codes, sized(append(append([]byte{0}, body...), 0x0b)))
	}
	functions = append(functions, []byte{0})
	codes = append(codes, sized(append(append([]byte{0}, p.start...), 0x0b)))
	entry := "_start"
	if p.library {
		entry = "run"
	}

	out := []byte("\x00asm\x01\x00\x00\x00")
	add := func(id byte, body []byte) { out = append(append(out, id), sized(body)...) }
	add(1, list([]byte{0x60, 0, 0}, []byte{0x60, 1, 0x7f, 0}))
	add(2, list(imports...))
	add(3, list(functions...))
	if p.table > 0 {
		add(4, list(append([]byte{0x70}, limits(p.table)...)))
	}
	add(5, list(limits(p.memory)))
	add(7, list(append(name(entry), 0, byte(len(imports)+len(p.others)))))
	add(10, list(codes...))
	return out
}
