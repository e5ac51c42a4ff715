package meter

// immediates skips what belongs to an instruction behind its opcode.
func (c *code) immediates(op byte) {
	r := c.r
	switch {
	case op <= 0x01, op == opElse, op == opEnd, op == opReturn, op == 0x1a, op == 0x1b, // drop, select
		op >= 0x45 && op <= 0xc4, op == 0xd1: // what computes, ref.is_null
	case op >= opBlock && op <= opIf, op == opI32Const, op == 0x42, op == 0xd0: // i64.const, ref.null
		r.leb()
	case op == opBr, op == opBrIf, op >= 0x20 && op <= 0x26, op == 0x3f, op == 0x40: // variables, tables, the memory's size
		r.u32()
	case op == opBrTable:
		for range r.vec() {
			r.u32()
		}
		r.u32()
	case op == opCallInd:
		r.u32()
		r.u32()
	case op == opSelectTyped:
		r.bytes(int(r.u32()))
	case op >= 0x28 && op <= 0x3e: // loads and stores
		c.address()
	case op == 0x43: // f32.const
		r.bytes(4)
	case op == 0x44: // f64.const
		r.bytes(8)
	case op == opVector:
		c.vectorImmediates(r.u32())
	default:
		r.fail("instruction 0x%02x is of an extension that is not supported", op)
	}
}

// address skips an alignment and an offset.
func (c *code) address() {
	c.r.u32()
	c.r.u32()
}

// bulk tells of an instruction behind opMore whether it copies or fills as much
// as is on top of the stack: memory.init, memory.copy, memory.fill, table.init,
// table.copy, table.fill. How much table.grow fills is bounded by MaxTable.
func bulk(sub uint32) bool {
	switch sub {
	case 8, 10, 11, 12, 14, 17:
		return true
	}
	return false
}

// moreImmediates is immediates for the opcodes behind opMore.
func (c *code) moreImmediates(sub uint32) {
	switch sub {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating conversions
	case 8, 10, 12, 14: // with two indices
		c.r.u32()
		c.r.u32()
	case 9, 11, 13, 15, 16, 17:
		c.r.u32()
	default:
		c.r.fail("instruction 0xfc %d is of an extension that is not supported", sub)
	}
}

// vectorImmediates is immediates for the opcodes behind opVector.
func (c *code) vectorImmediates(sub uint32) {
	switch {
	case sub <= 11, sub == 92, sub == 93: // loads and stores
		c.address()
	case sub == 12, sub == 13: // a constant, a shuffle
		c.r.bytes(16)
	case sub >= 21 && sub <= 34: // one lane
		c.r.bytes(1)
	case sub >= 84 && sub <= 91: // loads and stores of one lane
		c.address()
		c.r.bytes(1)
	case sub > 255:
		c.r.fail("instruction 0xfd %d is of an extension that is not supported", sub)
	}
}
