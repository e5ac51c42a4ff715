package meter

import (
	"encoding/binary"
)

// A rewriter rewrites the sections of one module, in their order.
type rewriter struct {
	kinds   uint32 // index of the type of the tick
	tick    uint32 // index of the tick: behind the imported functions, before the module's own
	counter uint32 // index of the global that counts; the next one is for keeping a value
	pages   uint32
}

// function gives the new index of a function.
func (w *rewriter) function(i uint32) uint32 {
	if i >= w.tick {
		return i + 1
	}
	return i
}

// section gives the new body of a section; nil if it is left out.
func (w *rewriter) section(s section) ([]byte, error) {
	r := &reader{b: s.body}
	var out []byte
	switch s.id {
	case customs:
		return w.custom(r), nil // what names things may be wrong without harm
	case types:
		out = w.types(r)
	case imports:
		out = w.imports(r)
	case tables:
		out = w.tables(r)
	case memories:
		out = w.memories(r)
	case globals:
		out = w.globals(r)
	case exports:
		out = w.exports(r)
	case start:
		out = binary.AppendUvarint(nil, uint64(w.function(r.u32())))
	case elements:
		out = w.elements(r)
	case codes:
		out = w.codes(r)
	default:
		return s.body, nil
	}
	if r.err == nil && r.at < len(r.b) {
		r.fail("nothing is expected here")
	}
	return out, r.err
}

// types adds the type of the tick.
func (w *rewriter) types(r *reader) []byte {
	w.kinds = r.u32()
	out := binary.AppendUvarint(nil, uint64(w.kinds)+1)
	out = append(out, r.bytes(len(r.b)-r.at)...)
	return append(out, 0x60, 0, 0)
}

// imports adds the tick behind the others.
func (w *rewriter) imports(r *reader) []byte {
	n := r.vec()
	w.tick = n
	out := binary.AppendUvarint(nil, uint64(n)+1)
	for range n {
		from := r.at
		module := r.bytes(int(r.u32()))
		name := r.bytes(int(r.u32()))
		if kind := r.byte(); kind != 0 {
			r.fail("it wants something from its host that is no function: %.100s of %.100s", name, module)
		}
		r.u32()
		out = append(out, r.b[from:r.at]...)
	}
	out = append(out, byte(len(Host)))
	out = append(out, Host...)
	out = append(out, byte(len(Tick)))
	out = append(out, Tick...)
	out = append(out, 0)
	return binary.AppendUvarint(out, uint64(w.kinds))
}

// tables lets no table grow such that all have more than MaxTable elements.
func (w *rewriter) tables(r *reader) []byte {
	n := r.vec()
	out := binary.AppendUvarint(nil, uint64(n))
	var all uint64
	for range n {
		const withValue = 0x40
		from := r.at
		kind := r.byte()
		if kind == withValue {
			r.bytes(2)
		}
		out = append(out, r.b[from:r.at]...)
		flags := r.byte()
		if flags > 1 {
			r.fail("a table of kind %d is not supported", flags)
		}
		least := r.u32()
		most := max(least, MaxTable/n)
		if flags == 1 {
			most = min(most, r.u32())
		}
		if all += uint64(least); all > MaxTable {
			r.fail("its tables have more than %d elements", MaxTable)
		}
		out = append(out, 1)
		out = binary.AppendUvarint(out, uint64(least))
		out = binary.AppendUvarint(out, uint64(most))
		if kind == withValue {
			out = w.value(out, r)
		}
	}
	return out
}

func (w *rewriter) memories(r *reader) []byte {
	for range r.vec() {
		flags := r.byte()
		if flags > 1 {
			r.fail("a memory of kind %d is not supported", flags)
		}
		w.pages = r.u32()
		if flags == 1 {
			r.u32()
		}
	}
	return r.b
}

// globals adds the counter, and one to keep a value in for a moment.
func (w *rewriter) globals(r *reader) []byte {
	n := r.vec()
	w.counter = n
	out := binary.AppendUvarint(nil, uint64(n)+2)
	for range n {
		out = append(out, r.bytes(2)...)
		out = w.value(out, r)
	}
	for _, initial := range []int64{interval, 0} {
		out = append(out, typeI32, 1, opI32Const)
		out = appendSigned(out, initial)
		out = append(out, opEnd)
	}
	return out
}

func (w *rewriter) exports(r *reader) []byte {
	n := r.vec()
	out := binary.AppendUvarint(nil, uint64(n))
	for range n {
		from := r.at
		r.bytes(int(r.u32()))
		kind := r.byte()
		out = append(out, r.b[from:r.at]...)
		i := r.u32()
		if kind == 0 {
			i = w.function(i)
		}
		out = binary.AppendUvarint(out, uint64(i))
	}
	return out
}

// elements renumbers the functions that tables begin with. The flags of a
// segment say what it has: bit 0 no place in a table, bit 1 a table or a kind
// that is named, bit 2 expressions in place of indices.
func (w *rewriter) elements(r *reader) []byte {
	n := r.vec()
	out := binary.AppendUvarint(nil, uint64(n))
	for range n {
		from := r.at
		flags := r.u32()
		if flags > 7 {
			r.fail("an element segment of kind %d is not supported", flags)
		}
		if flags&3 == 2 {
			r.u32()
		}
		out = append(out, r.b[from:r.at]...)
		if flags&1 == 0 {
			out = w.value(out, r)
		}
		if flags&3 != 0 {
			out = append(out, r.bytes(1)...)
		}
		m := r.vec()
		out = binary.AppendUvarint(out, uint64(m))
		for range m {
			if flags&4 != 0 {
				out = w.value(out, r)
			} else {
				out = binary.AppendUvarint(out, uint64(w.function(r.u32())))
			}
		}
	}
	return out
}

// value copies an expression that is computed before the module runs.
func (w *rewriter) value(out []byte, r *reader) []byte {
	for r.err == nil {
		c := code{w: w, r: r, out: out}
		op := c.instruction()
		if out = c.out; op == opEnd {
			break
		}
	}
	return out
}

// custom keeps the names of functions, which are told when one traps.
func (w *rewriter) custom(r *reader) []byte {
	const name = "name"
	if string(r.bytes(int(r.u32()))) != name {
		return nil
	}
	const ofFunctions = 1
	for r.more() {
		kind := r.byte()
		part := &reader{b: r.bytes(int(r.u32()))}
		if kind != ofFunctions {
			continue
		}
		n := part.vec()
		names := binary.AppendUvarint(nil, uint64(n))
		for range n {
			names = binary.AppendUvarint(names, uint64(w.function(part.u32())))
			from := part.at
			part.bytes(int(part.u32()))
			names = append(names, part.b[from:part.at]...)
		}
		if part.err != nil {
			return nil
		}
		out := append([]byte{byte(len(name))}, name...)
		return appendSection(out, ofFunctions, names)
	}
	return nil
}

// codes rewrites the functions.
func (w *rewriter) codes(r *reader) []byte {
	n := r.vec()
	out := binary.AppendUvarint(make([]byte, 0, len(r.b)*2), uint64(n))
	for i := range n {
		body := r.bytes(int(r.u32()))
		if r.err != nil {
			return nil
		}
		metered, err := w.body(body)
		if err != nil {
			r.fail("function %d of its own: %w", i, err)
			return nil
		}
		out = binary.AppendUvarint(out, uint64(len(metered)))
		out = append(out, metered...)
	}
	return out
}
