package meter

import "encoding/binary"

// The opcodes and types that this package writes or treats in some way; all
// others it copies.
const (
	opUnreachable = 0x00
	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opBrTable     = 0x0e
	opReturn      = 0x0f
	opCall        = 0x10
	opCallInd     = 0x11
	opSelectTyped = 0x1c
	opGlobalGet   = 0x23
	opGlobalSet   = 0x24
	opI32Const    = 0x41
	opI32LeS      = 0x4c
	opI32Sub      = 0x6b
	opI32ShrU     = 0x76
	opRefFunc     = 0xd2
	opMore        = 0xfc // the opcode is the number behind it
	opVector      = 0xfd // as well

	noValue = 0x40 // the type of a block
	typeI32 = 0x7f
)

// A unit of the counter stands for perUnit bytes of code that are run, or for
// 1<<perUnitShift bytes or elements that are copied or filled by one
// instruction.
const (
	perUnit      = 256
	perUnitShift = 10
)

// smallLeaf is the size in bytes of functions that need not count if they call
// no other: whoever calls them does.
const smallLeaf = 64

// code is the body of a function, on its way from r to out.
type code struct {
	w      *rewriter
	r      *reader
	out    []byte
	weight int64 // what a round of a loop of it takes from the counter; 0 when nothing is counted

	calls    bool // it calls others
	straight bool // all before is done whenever the function is called
	counted  bool // whatever it does first, it counts
}

// body rewrites the body of a function.
func (w *rewriter) body(b []byte) ([]byte, error) {
	r := &reader{b: b}
	for range r.vec() {
		r.u32()
		r.byte()
	}
	locals := b[:r.at]
	c := code{w: w, r: r, weight: 1 + int64(len(b))/perUnit, straight: true, out: make([]byte, 0, len(b)*2)}
	last := byte(opEnd)
	for r.more() {
		last = c.instruction()
	}
	if last != opEnd {
		r.fail("the function does not end")
	}
	entry := code{w: w, weight: c.weight, out: append(make([]byte, 0, len(locals)+len(c.out)+32), locals...)}
	if !c.counted && (c.calls || len(b) > smallLeaf) {
		entry.count()
	}
	return append(entry.out, c.out...), r.err
}

// count takes the weight from the counter, and ticks if nothing is left.
func (c *code) count() {
	c.get(c.w.counter)
	c.constant(c.weight)
	c.out = append(c.out, opI32Sub)
	c.set(c.w.counter)
	c.tick()
}

// countBulk takes from the counter what the instruction that follows will cost:
// how much it copies or fills is on top of the stack, and stays there.
func (c *code) countBulk() {
	kept := c.w.counter + 1
	c.set(kept)
	c.get(kept)
	c.get(c.w.counter)
	c.get(kept)
	c.constant(perUnitShift)
	c.out = append(c.out, opI32ShrU, opI32Sub)
	c.set(c.w.counter)
	c.tick()
}

// tick calls the host if the counter is not above 0, and sets it anew.
func (c *code) tick() {
	c.get(c.w.counter)
	c.constant(0)
	c.out = append(c.out, opI32LeS, opIf, noValue, opCall)
	c.index(c.w.tick)
	c.constant(interval)
	c.set(c.w.counter)
	c.out = append(c.out, opEnd)
}

func (c *code) get(global uint32) {
	c.out = append(c.out, opGlobalGet)
	c.index(global)
}

func (c *code) set(global uint32) {
	c.out = append(c.out, opGlobalSet)
	c.index(global)
}

func (c *code) constant(n int64) {
	c.out = append(c.out, opI32Const)
	c.out = appendSigned(c.out, n)
}

func (c *code) index(i uint32) { c.out = binary.AppendUvarint(c.out, uint64(i)) }

// instruction copies one instruction with what belongs in front of it or behind
// it, and returns its opcode.
func (c *code) instruction() byte {
	from := c.r.at
	op := c.r.byte()
	switch op {
	case opCall, opRefFunc:
		i := c.r.u32()
		c.out = append(c.out, op)
		c.index(c.w.function(i))
	case opMore:
		sub := c.r.u32()
		if bulk(sub) && c.weight > 0 {
			c.countBulk()
		}
		c.moreImmediates(sub)
		c.out = append(c.out, c.r.b[from:c.r.at]...)
	default:
		c.immediates(op)
		c.out = append(c.out, c.r.b[from:c.r.at]...)
	}
	switch op {
	case opLoop:
		c.counted = c.counted || c.straight
		if c.weight > 0 {
			c.count()
		}
	case opCall, opCallInd:
		c.calls, c.straight = true, false
	case opUnreachable, opIf, opElse, opBr, opBrIf, opBrTable, opReturn:
		c.straight = false
	}
	return op
}

// appendSigned appends a number in signed LEB128.
func appendSigned(to []byte, n int64) []byte {
	for n < -64 || n > 63 {
		to = append(to, byte(n)|0x80)
		n >>= 7
	}
	return append(to, byte(n)&0x7f)
}
